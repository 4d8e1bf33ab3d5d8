package uplink_test

import (
	"testing"
	"time"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// overfull leaves a store that has given up its oldest frames and returns how
// many of the frames 0 to n-1 those are.
func (l *lab) overfull(n uint64, every int) (dropped uint64) {
	l.t.Helper()
	l.tweak = func(_ *uplink.Options, so *store.Options) {
		so.MaxBytes, so.SegmentBytes, so.PendingBytes = 1<<20, 64<<10, 32<<10
	}
	l.server.leave()
	l.start()
	l.wait("the breaker", func(s uplink.Status) bool { return s.Breaker != uplink.Closed })
	for i := range n {
		class := frame.Normal
		if every > 0 && i%uint64(every) == 0 {
			class = frame.High
		}
		l.submitLarge(i, class)
	}
	l.wait("the store", func(s uplink.Status) bool { return s.Held == 0 && s.Memory == 0 })
	if !l.shutdown() {
		l.t.Error("the run ends unsafe")
	}
	if dropped = l.store.Stats().Dropped; dropped == 0 {
		l.t.Fatal("nothing was given up")
	}
	return dropped
}

func TestStoredAfterARestartOverDropsCountsWhatIsLeft(t *testing.T) {
	for name, every := range map[string]int{"notes": 0, "thinned": 40} {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(l *lab) {
				const n = 1500
				dropped := l.overfull(n, every)
				batches := 0
				l.server.come(func(b *uplink.Batch) error {
					if batches++; batches > 12 {
						return errGone
					}
					return nil
				})
				l.start()
				l.wait("a part", func(s uplink.Status) bool { return s.Counters.Retries > 0 })
				s := l.up.Status()
				declared := l.lost()
				delivered := s.Counters.Delivered[frame.Backfill] + s.Counters.Delivered[frame.Live]
				if declared == 0 || declared > dropped {
					t.Fatalf("%d of %d are declared", declared, dropped)
				}
				if want := n - declared - delivered; s.Stored != want {
					t.Errorf("stored %d, want %d: %d of %d were given up and %d delivered", s.Stored, want, declared, n, delivered)
				}
				l.server.come(nil)
				l.quiet()
				l.shutdown()
			})
		})
	}
}

// A segment that is damaged takes with it what nobody can count.
func TestStoredIsZeroWhenTheStoreIsEmptyAlthoughPartOfItCouldNotBeCounted(t *testing.T) {
	inLab(t, func(l *lab) {
		l.tweak = func(o *uplink.Options, _ *store.Options) { o.Carried += 100 }
		l.start()
		l.submit(0, frame.Normal)
		time.Sleep(time.Minute)
		l.quiet()
		l.shutdown()
	})
}

func (l *lab) lost() uint64 {
	c := l.up.Status().Counters
	return c.LostTotal()
}
