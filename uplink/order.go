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
		return ErrFull
	}
	if err := k.declareFirst(f); err != nil {
		return err
	}
	for _, i := range []frame.Lane{frame.Live, frame.Backfill} {
		l := &k.lanes[i]
		err := k.save(l, 0)
		switch {
		case errors.Is(err, ErrPending):
			return err
		case !errors.Is(err, ErrFull):
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

// declareFirst stores the records of what is lost, before next, which may be nil.
func (k *keeper) declareFirst(next *frame.Frame) error {
	if err := k.cutFirst(next); err != nil || k.loss.empty() {
		return err
	}
	lost := k.loss
	k.loss = losses{}
	info := lost.info()
	err := k.storeGap(&info, next)
	if err != nil {
		k.loss = lost
	}
	return err
}

// storeGap stores a gap record before next, which may be nil.
func (k *keeper) storeGap(info *frame.GapInfo, next *frame.Frame) error {
	if err := k.sealGap(info, next); err != nil {
		return err
	}
	return k.insert(&k.record)
}

// sealGap makes k.record a gap record. The next start's gap would begin at its
// end, so that is set before what is not stored yet: what memory holds, next,
// and losses that wait for their record.
func (k *keeper) sealGap(info *frame.GapInfo, next *frame.Frame) error {
	f := &k.record
	if err := info.Seal(f); err != nil {
		return err
	}
	k.mark(f)
	end := k.unstored(f.T1)
	if next != nil {
		end = min(end, next.T0)
	}
	if !k.loss.empty() {
		end = min(end, k.loss.t0)
	}
	f.T0, f.T1 = min(f.T0, end), end
	return nil
}

// markFirst stores a record of nothing lost, which lets the next start's gap
// begin no later than at u, for which there is no room: a frame of a higher
// class follows, for which there is.
func (k *keeper) markFirst(u *frame.Frame) error {
	if k.marked == u.ID {
		return nil
	}
	err := k.storeGap(&frame.GapInfo{Cause: frame.StoreFull, T0: u.T0, T1: u.T0, T0Known: true}, u)
	if err == nil {
		k.marked = u.ID
	}
	return err
}

// unstored returns when the oldest sample was taken that memory holds and the
// store does not, or was lost and has its record in memory only; end if none was
// before that. A queue's order does not tell: a record comes behind samples that
// are younger than the loss.
func (k *keeper) unstored(end int64) int64 {
	for _, f := range k.hold {
		end = min(end, f.T0)
	}
	for _, i := range []frame.Lane{frame.Live, frame.Backfill} {
		l := &k.lanes[i]
		for _, f := range l.q[l.stored:] {
			end = min(end, f.T0)
		}
	}
	return end
}
