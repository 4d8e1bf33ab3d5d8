package process

import "github.com/telhub/telhub/drivers"

// Advance does what its moment has come for: it ends the reading that was
// taken in, closes windows whose end and grace have passed, and raises the
// alarms of silent channels, stamped with the instant at which each was due.
func (e *Engine) Advance(dst []drivers.Sample, now int64) []drivers.Sample {
	before := len(dst)
	e.now = max(e.now, now)
	dst = e.settle(dst, len(e.derived))
	if e.now >= e.next {
		dst = e.sweep(dst, false)
	}
	e.publish()
	e.count(len(dst)-before, 0)
	return dst
}

// Finish is Advance for the last time: windows that are still open give their
// results too, stamped with their last value's stamp.
func (e *Engine) Finish(dst []drivers.Sample, now int64) []drivers.Sample {
	before := len(dst)
	e.now = max(e.now, now)
	dst = e.settle(dst, len(e.derived))
	dst = e.sweep(dst, true)
	e.publish()
	e.count(len(dst)-before, 0)
	return dst
}

// sweep looks at every window and every alarm that waits for silence, and
// finds out when the next one is due. It goes through channels and derived
// channels in their common topological order, so that what a window's result
// brings about is in place before the windows behind it are closed.
func (e *Engine) sweep(dst []drivers.Sample, all bool) []drivers.Sample {
	for _, c := range e.windowed {
		ch := &e.channels[c]
		dst = e.settle(dst, ch.ahead)
		for i := range ch.windows {
			dst = e.expire(dst, &ch.windows[i], all)
		}
	}
	dst = e.settle(dst, len(e.derived))
	e.next = never
	for _, c := range e.silences {
		a := e.channels[c].alarm
		at := a.SilentAt()
		if state, changed := a.Advance(e.now); changed {
			dst = e.event(dst, c, state, min(at, e.now))
		}
		e.next = min(e.next, a.Due())
	}
	for _, c := range e.windowed {
		for i := range e.channels[c].windows {
			if w := &e.channels[c].windows[i]; w.n > 0 {
				e.next = min(e.next, w.due(e.now))
			}
		}
	}
	return dst
}

// expire closes an open window whose time is over. One that begins in the
// future is closed as well and values of the present are taken again: a driver
// had stamped one ahead of time.
func (e *Engine) expire(dst []drivers.Sample, w *window, all bool) []drivers.Sample {
	ahead := w.open > e.now+grace
	switch {
	case w.n == 0:
	case ahead, e.now >= w.end()+grace, all && e.now >= w.end():
		dst = e.finish(dst, w, w.end())
	case all:
		dst = e.finish(dst, w, w.lastStamp)
	}
	if ahead {
		w.open = floor(e.now, w.size)
	}
	return dst
}
