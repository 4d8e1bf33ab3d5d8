package uplink

import (
	"errors"

	"github.com/telhub/telhub/uplink/frame"
)

// Where the store ends is where the next start lets its gap begin, should this
// run be cut short. So nothing newer goes there before all that is older is
// there, safe in Redis, or declared: the loss of the run before this one, frames
// that wait in memory, and what a full store has refused. Only alarms do not
// wait for that, and tell nothing of where the store ends.

// olderFirst stores what is older than f. After an error f cannot be stored.
func (k *keeper) olderFirst(f *frame.Frame) error {
	if !k.o.Store.Room(f) {
		return errFull
	}
	if err := k.declareFirst(); err != nil {
		return err
	}
	for _, i := range []frame.Lane{frame.Live, frame.Backfill} {
		l := &k.lanes[i]
		err := k.save(l, 0)
		switch {
		case errors.Is(err, ErrPending):
			return err
		case !errors.Is(err, errFull):
			// stored, or no order of frames would help
		case f.Class == frame.Normal || l.q[l.stored].Class != frame.Normal:
			return err
		default:
			if err := k.markFirst(l.q[l.stored]); err != nil {
				return err
			}
		}
	}
	return nil
}

// declareFirst stores the records of what is lost.
func (k *keeper) declareFirst() error {
	if err := k.cutFirst(); err != nil || k.loss.empty() {
		return err
	}
	info := k.loss.info()
	err := k.sealGap(&info)
	if err == nil {
		err = k.insert(&k.record)
	}
	if err == nil {
		k.loss = losses{}
	}
	return err
}

// sealGap makes k.record a gap record. The next start's gap would begin at its
// end, so that is set before what memory holds and the store does not.
func (k *keeper) sealGap(info *frame.GapInfo) error {
	f := &k.record
	if err := info.Seal(f); err != nil {
		return err
	}
	k.mark(f)
	if u := k.unstored(); u != nil {
		f.T0, f.T1 = min(f.T0, u.T0), min(f.T1, u.T0)
	}
	return nil
}

// markFirst stores a record of nothing lost, which lets the next start's gap
// begin no later than at u, for which there is no room: a frame of a higher
// class follows, for which there is.
func (k *keeper) markFirst(u *frame.Frame) error {
	if k.marked == u.ID {
		return nil
	}
	err := k.sealGap(&frame.GapInfo{Cause: frame.StoreFull, T0: u.T0, T1: u.T0, T0Known: true})
	if err == nil {
		err = k.insert(&k.record)
	}
	if err == nil {
		k.marked = u.ID
	}
	return err
}

// unstored returns the oldest frame that memory holds and the store does not.
func (k *keeper) unstored() (oldest *frame.Frame) {
	for _, i := range []frame.Lane{frame.Live, frame.Backfill} {
		l := &k.lanes[i]
		if l.stored < len(l.q) && (oldest == nil || l.q[l.stored].T0 < oldest.T0) {
			oldest = l.q[l.stored]
		}
	}
	return oldest
}
