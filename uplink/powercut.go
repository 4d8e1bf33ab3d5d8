package uplink

import (
	"context"
	"errors"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// Seen is the end of what Redis holds of this device.
type Seen struct {
	Stamp int64 // of the last sample, as stream field t1
	Dated bool  // Stamp is Unix time, else of boot Boot
	Boot  string
}

// Witness is a Sink that can tell where the streams end. ok is false where
// that cannot be found at little cost, err says that the server did not answer.
type Witness interface {
	LastSeen(ctx context.Context, lane frame.Lane, mark frame.ID) (seen Seen, ok bool, err error)
}

// cutMargin is how much earlier than the last sample in Redis a power cut can
// have taken samples, beyond what CutWindow allows: a slow disk, a late commit.
const cutMargin = 30 * time.Second

// declareCut submits the gap record of a run that ended without its shutdown:
// when Redis has told how far that run came, or when it cannot be asked soon.
func (k *keeper) declareCut(now time.Time) {
	if k.o.PowerCut == nil || k.cutLive != (frame.ID{}) || !k.everOpened && !k.stopping && now.Sub(k.started) < k.o.MaxLoss {
		return
	}
	live := k.phase == connected && len(k.hold) == 0 && k.lanes[frame.Live].room() && k.goesLive(frame.Normal)
	if k.o.Store != nil && !live {
		if err := k.cutFirst(nil); err != nil && !errors.Is(err, ErrPending) {
			k.storeFailed(err)
		}
		return
	}
	f := k.o.Pool.Get(gapBytes)
	if f == nil {
		return
	}
	info := k.cutInfo()
	if err := info.Seal(f); err != nil {
		f.Free() // cannot be: it is small and plain
		return
	}
	k.mark(f)
	if k.o.Store == nil {
		k.o.PowerCut = nil
		k.admit(f)
		return
	}
	k.enqueue(&k.lanes[frame.Live], f)
	k.cutLive, k.cutSaid = f.ID, info
}

// cutFirst stores the gap record before anything newer is stored, next for one,
// which may be nil: were this run to be cut short, too, the loss before it would
// be forgotten. A record that went live counts when Redis has it durably; until
// then there can be two of it.
func (k *keeper) cutFirst(next *frame.Frame) error {
	if k.o.PowerCut == nil {
		return nil
	}
	info := k.cutSaid
	switch {
	case k.cutLive == frame.ID{}:
		info = k.cutInfo()
	case next != nil && next.ID == k.cutLive:
		return nil // this is it
	case !k.lanes[frame.Live].durable.Less(k.cutLive):
		k.o.PowerCut = nil
		return nil
	}
	err := k.storeGap(&info, next)
	if err == nil {
		k.o.PowerCut = nil
	}
	return err
}

// cutInfo is what the gap record says, by what is known now.
func (k *keeper) cutInfo() frame.GapInfo {
	info := *k.o.PowerCut
	k.widen(&info)
	if k.everOpened {
		k.trim(&info)
	}
	if info.T0 = min(info.T0, info.T1); !info.T0Known {
		info.T0 = info.T1
	}
	return info
}

// widen lets the gap begin before the last sample on flash: alarms go there
// ahead of samples that were taken before them, and frames of several classes
// are made side by side. What was not on flash was younger than that run's window.
func (k *keeper) widen(info *frame.GapInfo) {
	margin := k.o.CutWindow.Milliseconds()
	if info.T0 -= margin; info.Began != 0 {
		info.Began -= margin
	}
}

// trim lets the gap begin where the streams end, less what can be lost
// before that: frames may have waited for their commit while newer ones went
// live.
func (k *keeper) trim(info *frame.GapInfo) {
	margin := (2*k.o.CutWindow + cutMargin).Milliseconds()
	for i := range k.sender.job.seen {
		s := &k.sender.job.seen[i]
		if s.Stamp == 0 || frame.Lane(i) == frame.Alarm { // alarms overtake all else
			continue
		}
		if stamp, ok := k.bootMilli(s, info); ok {
			if stamp > info.T1 {
				continue // dated by a clock that was ahead
			}
			if stamp -= margin; !info.T0Known || info.T0 < stamp {
				info.T0, info.T0Known = stamp, true
			}
		} else if s.Dated {
			info.Began = max(info.Began, s.Stamp-margin)
		}
	}
}

// bootMilli converts what Redis has seen to this boot's time. A date is left
// as it is where that is how the gap's beginning stands, too: this boot's own
// date may be unknown or become a better one.
func (k *keeper) bootMilli(s *Seen, info *frame.GapInfo) (int64, bool) {
	if !s.Dated {
		return s.Stamp, s.Boot == k.o.Boot.String()
	}
	dating := k.o.Dates.Dating()
	return s.Stamp - dating.Offset, info.T0Known && dating.Quality != frame.Unset
}

// look asks the sink how far this board's frames in the streams reach. Another
// agent's, under this device's name, say nothing of what this one lost.
func (s *sender) look(ctx context.Context, j *job) {
	if !j.look {
		return
	}
	for i := range j.marks {
		if seen, ok, _ := s.lastOfOurs(ctx, frame.Lane(i), j.marks[i].ID); ok {
			j.seen[i] = seen
		}
	}
}
