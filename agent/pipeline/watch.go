package pipeline

import "time"

// lookEvery is how often an owner looks whether its device has come back: one
// stat(2), and only while the device is away. Waiting for the next try to open
// it would take up to half a minute.
const lookEvery = int64(500 * time.Millisecond)

// watch notices that a device which was gone is there again, or that another
// one has its name. It belongs to the owner of the device.
type watch struct {
	look func() uint64 // 0: it is not there; nil: nobody can tell
	seen uint64
}

// begin remembers what is there now.
func (w *watch) begin() {
	if w.look != nil {
		w.seen = w.look()
	}
}

// sleep waits for d nanoseconds, or less: came says that there is something
// now which was not there when it was looked last. ok is false when stop was
// closed.
func (w *watch) sleep(d int64, s sleeper, stop <-chan struct{}) (came, ok bool) {
	for w.look != nil && d > lookEvery {
		if !s.sleep(lookEvery, stop) {
			return false, false
		}
		d -= lookEvery
		if w.changed() {
			return true, true
		}
	}
	ok = s.sleep(d, stop)
	return ok && w.look != nil && w.changed(), ok
}

func (w *watch) changed() bool {
	was := w.seen
	w.seen = w.look()
	return w.seen != was && w.seen != 0
}
