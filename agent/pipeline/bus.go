package pipeline

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/telhub/telhub/drivers"
)

const (
	reopenMin, reopenMax = time.Second, 30 * time.Second

	// suspicion is after how many failures of one sensor that look like the
	// bus's its neighbours are asked early, to tell a device from the bus.
	suspicion = 3
)

// bus owns a bus and its sensors.
type bus struct {
	name    string
	in      *intake
	sensors []*poller
	reopen  func() error
	precise bool // slots are so close, or shared with other buses, that a late timer matters

	broken   bool  // nobody is asked before a reopen
	reopenAt int64 // boottime ns, while broken
	healing  bool  // reopened, no sensor has answered since
	climbing bool  // the last step did not help: the next reopen comes after the next one
	deaf     bool  // the bus works, but none of its devices answers
	absent   bool  // the last reopen failed
	backoff  backoff
	watch    watch

	ladder []*rung      // reopening, then harsher steps
	rung   atomic.Int32 // index of the step that was taken last; the owner's

	count busCounters
}

type busCounters struct {
	reopens   atomic.Uint64 // attempts
	failures  atomic.Uint64 // attempts that failed
	broken    atomic.Bool
	lastError atomic.Int64 // boottime ns
	text      errorText    // of a reopen
}

// fast is a distance of readings at which a timer's lateness of a millisecond
// is no longer good enough: it is more than 1 % of it.
const fast = 100 * time.Millisecond

// newBus prepares a bus; groups are the phases of the groups of sensors.
func newBus(in *intake, plan *BusPlan, groups map[string]time.Duration) *bus {
	b := &bus{
		name: plan.Name, in: in, reopen: plan.Reopen,
		backoff: backoff{base: reopenMin, limit: reopenMax},
		watch:   watch{look: plan.Look}, ladder: newLadder(plan.Steps),
	}
	for i := range plan.Sensors {
		s := &plan.Sensors[i]
		phase, grouped := groups[s.Group]
		if !grouped {
			phase = stagger(plan, i)
		}
		if grouped || s.Every/time.Duration(max(s.Oversample, 1)) < fast {
			b.precise = in.precise
		}
		b.sensors = append(b.sensors, newPoller(in, plan, s, phase))
	}
	return b
}

func (b *bus) start(now int64) {
	for _, s := range b.sensors {
		s.start(now)
	}
}

// run is the bus's goroutine. Start begins it, closing stop ends it after the
// driver call or the step of recovery under way.
func (b *bus) run(stop <-chan struct{}) {
	sleeper := newSleeper(b.precise)
	for {
		if b.broken {
			if !b.rest(sleeper, stop) {
				return
			}
			b.recover(stop)
			continue
		}
		s, due := b.earliest()
		if !sleeper.until(due, b.in.now, stop) {
			return
		}
		b.serve(s)
	}
}

// earliest picks the sensor due first, in the order of the configuration among
// equals.
func (b *bus) earliest() (first *poller, due int64) {
	due = math.MaxInt64
	for _, s := range b.sensors {
		if s.due < due {
			first, due = s, s.due
		}
	}
	return first, due
}

func (b *bus) serve(s *poller) {
	switch s.serve() {
	case answered:
		if b.healing {
			b.healed()
		}
		b.backoff.reset()
	case failed:
		b.judge(s)
	}
}

// healed ends a recovery: the step that was taken last has helped.
func (b *bus) healed() {
	b.healing = false
	r := b.ladder[b.rung.Load()]
	r.helped.Add(1)
	b.count.broken.Store(false)
	b.in.notify(Event{Kind: BusUp, Name: b.name, Step: r.Name})
}

// judge decides whether s failed because the bus did, or whether all devices
// hang. One device that fails costs its neighbours nothing.
func (b *bus) judge(s *poller) {
	if b.reopen == nil || !s.kind.silence() {
		return
	}
	now := b.in.now()
	switch {
	case s.kind == Unplugged: // its return ends that, and no step helps
		b.breakDown()
		b.rung.Store(0)
		b.deaf, b.climbing = false, false
	case b.all((*poller).blamesBus):
		b.deaf = false
		b.breakDown()
	case s.failures >= suspicion && b.all((*poller).silent) && b.cycles(now):
		b.deaf = true
		b.breakDown()
		b.climbing = true
	case s.failures == suspicion && (s.kind.wholeBus() || b.cycles(now)):
		b.suspect(s, now)
	}
}

// suspect asks early what has not failed in the same way, unless somebody has
// answered since s did not: then the bus is sound.
func (b *bus) suspect(s *poller, now int64) {
	for _, o := range b.sensors {
		if o.count.lastOK.Load() > s.since {
			return
		}
	}
	whole := s.kind.wholeBus()
	for _, o := range b.sensors {
		known := o.blamesBus() || !whole && o.silent()
		if !known && o.begun == 0 && o.due > now {
			o.soon(now)
		}
	}
}

func (b *bus) all(fails func(*poller) bool) bool {
	for _, s := range b.sensors {
		if !fails(s) {
			return false
		}
	}
	return true
}

// breakDown stops asking until the bus was reopened: at once the first time,
// backing off while that does not help. The steps before a reopen grow harsher
// each time that all sensors fail again after it.
func (b *bus) breakDown() {
	now := b.in.now()
	if !b.count.broken.Swap(true) {
		b.in.notify(Event{Kind: BusDown, Name: b.name})
	}
	for _, s := range b.sensors {
		s.lose(drivers.ErrBus, drivers.Lost, now)
	}
	b.watch.begin()
	b.broken = true
	b.climbing = b.healing
	b.reopenAt = now
	if b.healing {
		b.reopenAt += int64(b.backoff.next())
		return
	}
	b.rung.Store(0)
}

// rest waits for the instant of the next reopen. A device that was away is
// opened as soon as it is back. It reports false when stop was closed.
func (b *bus) rest(s sleeper, stop <-chan struct{}) bool {
	d := b.reopenAt - b.in.now()
	if !b.absent {
		return s.sleep(d, stop)
	}
	came, ok := b.watch.sleep(d, s, stop)
	if came {
		b.backoff.reset()
	}
	return ok
}

// recover takes the next step, reopens the transport and lets every sensor
// start from Init. What cannot be reopened is away, which no step changes.
func (b *bus) recover(stop <-chan struct{}) {
	if b.climbing {
		b.climbing = false
		b.climb(stop)
	}
	b.count.reopens.Add(1)
	err := b.reopen()
	now := b.in.now()
	b.absent = err != nil
	if err != nil {
		b.count.failures.Add(1)
		b.count.text.set(err)
		b.count.lastError.Store(now)
		b.reopenAt = now + int64(b.backoff.next())
		return
	}
	b.broken, b.healing = false, true
	for _, s := range b.sensors {
		s.kind = Other // what failed before says nothing about the bus now
		s.soon(now)
	}
}
