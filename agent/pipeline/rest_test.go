package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// With a Processor a flow of whatever rate costs one wake-up a tick, and an
// idle pipeline those that Next asks for.
func TestDispatcherWakesRarelyForAProcessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prioritized(t)
		r.processed(&mangler{})
		r.start()
		wait(2 * time.Second)
		before := r.Stats().Wakeups
		for i := range 1000 {
			r.pushTo(&r.in.normal, 0, 10*i, 10)
			r.pushTo(r.in.high, 1, i, 1)
			wait(10 * time.Millisecond)
		}
		if got := r.Stats().Wakeups - before; got > 120 {
			t.Errorf("%d wake-ups in 10 s, want about one a tick", got)
		}
		wait(2 * time.Second)
		before = r.Stats().Wakeups
		wait(time.Hour)
		if got := r.Stats().Wakeups - before; got > 4 {
			t.Errorf("%d wake-ups in an idle hour", got)
		}
		r.stopAll()
	})
}

// A ring that fills fast ends a rest, either ring.
func TestRushEndsARest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, high := range map[string]bool{"normal": false, "high": true} {
			r := prioritized(t)
			r.opts.Capacity = 2000
			r.out.reshape(4000, time.Minute)
			r.start()
			wait(2 * time.Second)
			f := r.in.feed(high)
			r.pushTo(f, f.channel(), 0, f.rush) // begins a tick
			wait(0)
			r.pushTo(f, f.channel(), 0, f.rush-1)
			wait(0)
			if got := f.ring.Len(); got != f.rush-1 {
				t.Errorf("%s: %d in the ring, want %d: it is no rush yet", name, got, f.rush-1)
			}
			r.pushTo(f, f.channel(), 0, 1)
			wait(0)
			if got := f.ring.Len(); got != 0 {
				t.Errorf("%s: %d in the ring, want it emptied", name, got)
			}
			r.stopAll()
		}
	})
}

// channel is one that a prioritized rig fills through f.
func (f *feed) channel() uint16 { return uint16(f.class) }

// After a shortage everything is old; it must not go out in small frames.
func TestBacklogFillsItsFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, m := range []*mangler{nil, {}} {
			r := newRig(t, 1)
			if m != nil {
				r.processed(m)
			}
			r.opts.Pool = frame.NewPool(frame.PoolSize{Small: 1, SmallBytes: 32 << 10})
			r.out.reshape(1000, time.Second)
			r.start()
			r.out.hold()
			for i := range 8 {
				r.push(i*1000, 1000)
				wait(2 * time.Second)
			}
			r.out.release()
			r.stopAll()
			if missing := r.counting(); missing != 0 {
				t.Errorf("%d missing", missing)
			}
			// A sample that is taken while the ring is filled may go by itself.
			if got := sizesOf(r.out.records()); len(got) > 10 {
				t.Errorf("frames %v, want 8 of 1000, or nearly", got)
			}
		}
	})
}
