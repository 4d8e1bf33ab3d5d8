package pipeline

import (
	"context"
	"math"
	"time"
)

// Wake-ups, not work, dominate the cost of a steady flow on a small board: at
// 10,000 samples/s waking every 100 ms instead of every 10 ms saves a third of
// the CPU. So the dispatcher rests for a tick whatever comes, and wakes early
// only when the ring fills fast, or while the outlet wants samples at once.

const never = math.MaxInt64

// rest sleeps until there is work: for the rest of a tick unless the ring
// fills fast, then until a frame can be filled or the oldest sample is due. It
// returns the context of Stop, or nil to go on.
func (d *dispatcher) rest(drain <-chan context.Context) context.Context {
	if d.starved {
		_, ctx := d.wait(0, never, drain)
		return ctx
	}
	now, have := d.in.now(), len(d.job.samples)
	due := int64(never)
	if have > 0 {
		due = min(d.since+d.age, now+int64(shapeEvery))
	}
	if tick := d.woke + d.tick; d.age > 0 && tick > now && tick < due {
		raised, ctx := d.wait(d.urgent, tick, drain)
		if raised || ctx != nil {
			return ctx
		}
	}
	want := 1
	if have > 0 {
		want = min(d.limit-have, d.urgent)
	}
	_, ctx := d.wait(want, due, drain)
	return ctx
}

// wait sleeps until the ring holds fill samples (0: whatever it holds), until
// the instant at (never: for ever), until Wake or a freed frame that was
// waited for, or until Stop, whose context it returns. raised is false when
// only time has passed.
func (d *dispatcher) wait(fill int, at int64, drain <-chan context.Context) (raised bool, stop context.Context) {
	d.in.ring.WakeAt(fill)
	// While the dispatcher is awake a wake-up would only be stale.
	defer d.in.ring.WakeAt(0)
	var timer <-chan time.Time
	if at != never {
		d.alarm.timer.Reset(time.Duration(at - d.in.now()))
		timer = d.alarm.timer.C
		defer d.alarm.timer.Stop()
	}
	var freed <-chan struct{}
	if d.starved {
		freed = d.pool.Freed()
	}
	select {
	case <-d.in.ring.Ready():
	case <-freed:
	case <-d.kicked:
	case ctx := <-drain:
		return true, ctx
	case <-timer:
		return false, nil
	}
	return true, nil
}
