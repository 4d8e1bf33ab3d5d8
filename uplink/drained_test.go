package uplink_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// The server takes the record of what a store has given up, and its reply is
// lost: the samples are declared all the same, and count as lost.
func TestALossIsCountedAlthoughTheReplyToItsRecordWasLost(t *testing.T) {
	inLab(t, func(l *lab) {
		const n = 1500
		dropped := l.overfull(n, 0)
		lost := false
		l.server.after = func(b *uplink.Batch) error {
			for i := range b.Items {
				if b.Items[i].Encoding == "gap" && !lost {
					lost = true
					return errGone
				}
			}
			return nil
		}
		l.server.come(nil)
		l.start()
		l.quiet()
		s := l.up.Status()
		l.shutdown()
		if !lost {
			t.Fatal("no reply was lost")
		}
		delivered := s.Counters.Delivered[frame.Backfill] + s.Counters.Delivered[frame.Live]
		if got := s.Counters.LostTotal(); got != dropped || got+delivered+s.Skipped != n {
			t.Errorf("%d are counted as lost, %d delivered and %d skipped; want %d lost of %d", got, delivered, s.Skipped, dropped, n)
		}
	})
}

// While a look into the store that finds nothing is under way, frames are
// committed: they are backlog, too.
func TestWhatIsCommittedWhileTheStoreIsReadIsDrained(t *testing.T) {
	inLab(t, func(l *lab) {
		blind := &blindStore{looks: make(chan struct{})}
		l.wrap = func(s uplink.Store) uplink.Store {
			blind.Store = s
			return blind
		}
		l.server.leave()
		l.start()
		l.wait("the breaker", func(s uplink.Status) bool { return s.Breaker != uplink.Closed })
		l.submit(0, frame.Normal)
		l.wait("a commit", func(uplink.Status) bool { return l.store.Stats().Lanes[frame.Backfill].Frames == 1 })
		blind.armed.Store(true)
		l.server.come(nil)
		<-blind.looks
		l.submit(1, frame.Normal) // waits for the sender …
		time.Sleep(4 * time.Second)
		l.submit(2, frame.Normal) // … for too long
		l.wait("a commit", func(uplink.Status) bool { return l.store.Stats().Lanes[frame.Backfill].Frames == 2 })
		l.quiet()
		l.shutdown()
		if n := len(l.server.arrivals(frame.Backfill)) + len(l.server.arrivals(frame.Live)); n != 3 {
			t.Errorf("%d frames have arrived, want 3", n)
		}
	})
}

// blindStore is a store that once takes a minute to see nothing: when it is read
// for the second time since it was armed. The first is to count what Redis has.
type blindStore struct {
	uplink.Store
	armed atomic.Bool
	reads int           // the sender's
	looks chan struct{} // closed when that begins
}

func (s *blindStore) Next(lane frame.Lane, after frame.ID, dst *frame.Frame) (bool, error) {
	if !s.armed.Load() || lane != frame.Backfill {
		return s.Store.Next(lane, after, dst)
	}
	if s.reads++; s.reads != 2 {
		return s.Store.Next(lane, after, dst)
	}
	close(s.looks)
	time.Sleep(time.Minute)
	return false, nil
}

// Alarms that memory has given back are lost by the store, and nobody knows how
// many samples those were. When all is drained nothing counts as stored.
func TestNothingCountsAsStoredWhenAnUnknownNumberIsDeclared(t *testing.T) {
	inLab(t, func(l *lab) {
		vague := &vagueStore{}
		l.wrap = func(s uplink.Store) uplink.Store {
			vague.Store = s
			return vague
		}
		l.server.leave()
		l.start()
		l.wait("the breaker", func(s uplink.Status) bool { return s.Breaker != uplink.Closed })
		for n := range uint64(400) {
			l.submit(n, frame.Urgent)
			l.submit(n, frame.Normal)
		}
		l.server.come(nil)
		l.quiet()
		l.shutdown()
		if vague.lost == 0 {
			t.Error("nothing was lost: this shows nothing")
		}
	})
}

// vagueStore is a store that has lost ten of the alarms that the sender asks it for.
type vagueStore struct {
	uplink.Store
	lost int
}

func (s *vagueStore) Next(lane frame.Lane, after frame.ID, dst *frame.Frame) (bool, error) {
	ok, err := s.Store.Next(lane, after, dst)
	if err != nil || !ok || lane != frame.Alarm || s.lost == 10 {
		return ok, err
	}
	s.lost++
	info := frame.GapInfo{Cause: frame.StoreDamaged, N: -1, T0: dst.T0, T1: dst.T1, T0Known: true}
	return true, info.Seal(dst)
}
