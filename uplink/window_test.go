package uplink_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// stretch gives a lab a window that a test can change.
func (l *lab) stretch(d time.Duration) (window *atomic.Int64) {
	window = new(atomic.Int64)
	window.Store(int64(d))
	l.tweak = func(o *uplink.Options, _ *store.Options) {
		o.Window = func() time.Duration { return time.Duration(window.Load()) }
	}
	return window
}

// outage submits a frame each second.
func (l *lab) outage(from, n uint64) {
	for i := range n {
		l.submit(from+i, frame.Normal)
		time.Sleep(time.Second)
	}
}

func TestAStretchedWindowMakesCommitsRare(t *testing.T) {
	inLab(t, func(l *lab) {
		window := l.stretch(5 * time.Second)
		l.server.leave()
		l.start()
		l.wait("the breaker", func(s uplink.Status) bool { return s.Breaker != uplink.Closed })
		l.outage(1, 600)
		short := l.store.Stats().Commits
		window.Store(int64(5 * time.Minute))
		l.outage(601, 600)
		long := l.store.Stats().Commits - short
		if short < 100 || long > 5 {
			t.Errorf("%d commits with a window of 5 s, %d with one of 5 min", short, long)
		}
		if samples, age := l.up.Shape(); samples != 1 || age < time.Minute || age > 2*time.Minute {
			t.Errorf("frames of %d samples and %v are wanted, want two for a commit", samples, age)
		}
		l.shutdown()
	})
}

// The end of a backlog is on flash only when the window ends. Whoever waits
// for it need not, and reads it without haste meanwhile.
func TestTheEndOfABacklogDoesNotWaitForTheWindow(t *testing.T) {
	for _, rate := range []int64{0, 1 << 20} {
		inLab(t, func(l *lab) {
			l.stretch(time.Hour)
			before := l.tweak
			l.tweak = func(o *uplink.Options, so *store.Options) { before(o, so); o.BackfillRate = rate }
			l.server.leave()
			l.start()
			l.wait("the breaker", func(s uplink.Status) bool { return s.Breaker != uplink.Closed })
			l.outage(1, 300)
			l.server.come(nil)
			back := time.Now()
			l.quiet()
			if took := time.Since(back); took > 30*time.Second {
				t.Errorf("rate %d: the backlog took %v, the window is an hour", rate, took)
			}
			if n := l.store.Stats().Commits; n > 3 {
				t.Errorf("rate %d: %d commits", rate, n)
			}
			l.shutdown()
		})
	}
}

// What a run with a longer window may have lost is declared by the next one:
// frames of alarms may have been stored before samples that are older.
func TestAPowerCutInAStretchedWindowIsDeclaredWhole(t *testing.T) {
	inLab(t, func(l *lab) {
		defer func() { l.shutdown() }()
		l.stretch(5 * time.Minute)
		l.server.leave()
		l.start()
		l.wait("the breaker", func(s uplink.Status) bool { return s.Breaker != uplink.Closed })
		l.outage(1, 600)
		first, boot, dates := l.stop, l.boot, l.dates
		defer first()
		l.cut()
		l.boot, l.dates = boot, dates // a kill: the kernel lives on
		l.tweak = func(o *uplink.Options, _ *store.Options) { o.CutWindow = 5 * time.Minute }
		l.start()
		l.quiet()
		stored := int64(0)
		for _, a := range l.server.arrivals(frame.Backfill) {
			stored = max(stored, a.T1)
		}
		for _, a := range l.server.arrivals(frame.Live) {
			if a.Encoding == "gap" {
				if a.T0 > stored-299_000 {
					t.Errorf("declared from %d ms, the last sample stored is of %d, the window was 5 min", a.T0, stored)
				}
				return
			}
		}
		t.Error("no gap record")
	})
}
