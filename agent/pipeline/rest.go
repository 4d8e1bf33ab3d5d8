package pipeline

import (
	"context"
	"math"
	"time"
)

// Wake-ups, not work, dominate the cost of a steady flow on a small board: at
// 10,000 samples/s waking every 100 ms instead of every 10 ms saves a third of
// the CPU. So the dispatcher rests for a tick whatever comes, and wakes early
// only when a ring fills fast, or while the outlet wants samples at once.
//
// With a Processor it wakes for the first sample after the tick, for only what
// is processed is known: whether it raises an alarm, what the latest value is.

const (
	never = math.MaxInt64

	// shapeEvery bounds how long a changed Shape goes unnoticed while samples
	// wait and nobody calls Wake.
	shapeEvery = time.Second
)

// rest sleeps until there is work: for the rest of a tick unless a ring fills
// fast, then until a frame can be filled, the oldest sample is due or the
// Processor is. It returns the context of Stop, or nil to go on.
func (d *dispatcher) rest(drain <-chan context.Context) context.Context {
	if d.starved {
		_, ctx := d.wait(nothing, never, drain)
		return ctx
	}
	now := d.in.now()
	due := d.earliest(now)
	if tick := d.woke + d.tick; d.age > 0 && tick > now {
		raised, ctx := d.wait(rush, min(tick, due), drain)
		if raised || ctx != nil || due <= tick {
			return ctx
		}
	}
	_, ctx := d.wait(work, due, drain)
	return ctx
}

// earliest is when there is something to do though no sample comes.
func (d *dispatcher) earliest(now int64) int64 {
	due := int64(never)
	for _, b := range d.builders {
		if b.len() > 0 {
			due = min(due, b.since+d.age, now+int64(shapeEvery))
		}
	}
	if d.processor != nil {
		due = min(due, max(d.processor.Next(), d.woke+d.tick))
	}
	return due
}

// wish says for which fill of the rings the dispatcher is to be woken.
type wish uint8

const (
	nothing wish = iota // whatever they hold
	rush                // a good part of their capacity
	work                // what fills a frame
)

// fill translates a wish into a number of samples in f's ring.
func (d *dispatcher) fill(f *feed, w wish) int {
	switch {
	case w == nothing:
		return 0
	case w == rush:
		return f.rush
	case d.processor != nil:
		return 1
	}
	b := d.builders[f.class]
	if b.len() == 0 {
		return 1
	}
	return min(d.room(b), f.rush)
}

// wakeAt sets the fills at which the rings wake the dispatcher.
func (d *dispatcher) wakeAt(w wish) {
	d.in.normal.ring.WakeAt(d.fill(&d.in.normal, w))
	if d.in.high != nil {
		d.in.high.ring.WakeAt(d.fill(d.in.high, w))
	}
}

// calm keeps the rings from waking the dispatcher while it is awake, and takes
// back what one of them raised as the other did: both will be looked into, and
// a stale wake-up would only cut the next rest short.
func (d *dispatcher) calm() {
	d.wakeAt(nothing)
	d.in.normal.hush()
	if d.in.high != nil {
		d.in.high.hush()
	}
}

// wait sleeps until a ring holds what w wishes, until the instant at (never:
// for ever), until Wake or a freed frame that was waited for, or until Stop,
// whose context it returns. raised is false when only time has passed.
func (d *dispatcher) wait(w wish, at int64, drain <-chan context.Context) (raised bool, stop context.Context) {
	d.wakeAt(w)
	defer d.calm()
	var timer <-chan time.Time
	if at != never {
		d.sleeper.timer.Reset(time.Duration(at - d.in.now()))
		timer = d.sleeper.timer.C
		defer d.sleeper.timer.Stop()
	}
	var freed, high <-chan struct{}
	if d.starved {
		freed = d.pool.Freed()
	}
	if d.in.high != nil {
		high = d.in.high.ring.Ready()
	}
	select {
	case <-d.in.normal.ring.Ready():
	case <-high:
	case <-freed:
	case <-d.kicked:
	case ctx := <-drain:
		return true, ctx
	case <-timer:
		return false, nil
	}
	return true, nil
}
