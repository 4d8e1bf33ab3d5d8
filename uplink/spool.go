package uplink

import (
	"errors"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// ErrFull: the store has no room for a frame. It is in Status.StoreErr where nothing
// else is wrong with the store.
var ErrFull = errors.New("store: full")

// spool puts a frame into the store under a number of lane backfill, behind all
// that is older.
func (k *keeper) spool(f *frame.Frame) {
	if !k.spooled(f) {
		k.hold = append(k.hold, f)
	}
}

// spooled does that and reports whether f is dealt with. If not, a commit is due.
func (k *keeper) spooled(f *frame.Frame) bool {
	err := k.olderFirst(f)
	if err == nil {
		err = k.put(f)
	}
	switch {
	case err == nil:
		k.keep(f)
	case errors.Is(err, ErrPending):
		return false
	default:
		k.storeFailed(err)
		k.loss.add(f, frame.StoreFull)
		k.count.lose(frame.StoreFull, samples(f)) // what a gap record declares is counted already
	}
	f.Free()
	return true
}

// put is spool without regard to what is older and what becomes of f.
func (k *keeper) put(f *frame.Frame) error {
	if !k.o.Store.Room(f) {
		return ErrFull
	}
	return k.insert(f)
}

// insert numbers a frame in lane backfill and stores it.
func (k *keeper) insert(f *frame.Frame) error {
	l := &k.lanes[frame.Backfill]
	last := l.last
	l.number(f, k.epoch)
	if err := k.o.Store.Put(f); err != nil {
		l.last = last
		return err
	}
	k.soil(k.since(f))
	return nil
}

// keep counts a frame that went to the store instead of live.
func (k *keeper) keep(f *frame.Frame) {
	if f.Kind == frame.Data {
		k.count.Spooled += uint64(f.N)
		k.stored += int64(f.N)
	}
}

// soil notes that the store holds a frame that is not committed and whose
// oldest sample was taken then.
func (k *keeper) soil(since int64) {
	if !k.dirty || since < k.dirtySince {
		k.dirtySince = since
	}
	k.dirty = true
}

// readmit tries the frames that waited for the store's memory again.
func (k *keeper) readmit() {
	if k.committer.failed > 0 {
		k.divert()
	}
	for len(k.hold) > 0 && k.spooled(k.hold[0]) { // else still full: keep the order
		k.hold = append(k.hold[:0], k.hold[1:]...)
	}
}

// divert lets the frames that wait for a store that does not work go out live:
// it alone could take them, and they are the memory that sampling needs.
func (k *keeper) divert() {
	l, n := &k.lanes[frame.Live], 0
	for n < len(k.hold) && k.phase == connected && l.room() && l.waiting() < cap(l.q)/2 {
		k.enqueue(l, k.hold[n])
		n++
	}
	k.hold = append(k.hold[:0], k.hold[n:]...)
}

// persist copies frames that wait in memory into the store before a power cut
// could cost more than Window; all takes the younger ones, too.
func (k *keeper) persist(all bool) {
	if k.o.Store == nil || len(k.hold) > 0 {
		return
	}
	least := k.window / 2
	if all {
		least = 0
	}
	for i := range k.lanes {
		if frame.Lane(i) != frame.Alarm && k.save(&k.lanes[i], least) != nil {
			return
		}
	}
}

// due returns how many frames of a lane belong in the store: those that are
// that old, and all before them. While Redis answers, those that it has accepted
// and may still lose are no reason to write; but nothing is stored without them:
// where the store ends, everything older is in it, and it takes a lane's frames
// in order only.
func (k *keeper) due(l *lane, least time.Duration) (n int) {
	from := l.stored
	if least > 0 && k.phase == connected && !k.stopping {
		from = max(from, l.sent)
	}
	n = l.stored
	for j := from; j < len(l.q) && k.age(l.q[j]) >= least; j++ {
		n = j + 1
	}
	return n
}

// save copies frames of a lane into the store that are due. On ErrPending a
// commit is due; after any other error it would not help.
func (k *keeper) save(l *lane, least time.Duration) error {
	for j, n := l.stored, k.due(l, least); j < n; j++ {
		f := l.q[j]
		err := k.copy(f)
		if err != nil && !errors.Is(err, ErrPending) {
			k.storeFailed(err)
			return err
		}
		k.soil(k.since(f))
		if err != nil {
			return ErrPending
		}
		if l.stored = j + 1; f.ID == k.cutLive {
			k.o.PowerCut = nil
		}
	}
	return nil
}

// copy stores a numbered frame as it is.
func (k *keeper) copy(f *frame.Frame) error {
	if f.Lane != frame.Alarm { // alarms do not tell where the store ends
		if !k.o.Store.Room(f) {
			return ErrFull
		}
		if err := k.declareFirst(f); err != nil {
			return err
		}
	}
	return k.o.Store.Put(f)
}
