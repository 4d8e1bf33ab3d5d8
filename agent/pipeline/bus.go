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
	backoff  backoff

	count busCounters
}

type busCounters struct {
	reopens    atomic.Uint64 // attempts
	failures   atomic.Uint64 // attempts that failed
	recoveries atomic.Uint64 // a sensor answered after a reopen
	broken     atomic.Bool
	lastError  atomic.Int64 // boottime ns
	text       errorText    // of a reopen
}

// fast is a distance of readings at which a timer's lateness of a millisecond
// is no longer good enough: it is more than 1 % of it.
const fast = 100 * time.Millisecond

// newBus prepares a bus; groups are the phases of the groups of sensors.
func newBus(in *intake, plan *BusPlan, groups map[string]time.Duration) *bus {
	b := &bus{
		name: plan.Name, in: in, reopen: plan.Reopen,
		backoff: backoff{base: reopenMin, limit: reopenMax},
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
// driver call under way.
func (b *bus) run(stop <-chan struct{}) {
	sleeper := newSleeper(b.precise)
	for {
		s, due := b.earliest()
		if !sleeper.until(due, b.in.now, stop) {
			return
		}
		if s == nil {
			b.tryReopen()
			continue
		}
		b.serve(s)
	}
}

// earliest picks what to do next: the sensor due first, in the order of the
// configuration among equals, or nil to reopen the bus.
func (b *bus) earliest() (first *poller, due int64) {
	if b.broken {
		return nil, b.reopenAt
	}
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
			b.healing = false
			b.count.recoveries.Add(1)
			b.count.broken.Store(false)
			b.in.notify(Event{Kind: BusUp, Name: b.name})
		}
		b.backoff.reset()
	case failed:
		b.judge(s)
	}
}

// judge decides whether s failed because the bus did.
func (b *bus) judge(s *poller) {
	if b.reopen == nil || !s.kind.wholeBus() {
		return
	}
	if s.kind == Unplugged || b.allFail() {
		b.breakDown()
		return
	}
	if s.failures == suspicion {
		now := b.in.now()
		for _, o := range b.sensors {
			blamesBus := o.failures > 0 && o.kind.wholeBus()
			if !blamesBus && o.begun == 0 && o.due > now {
				o.soon(now)
			}
		}
	}
}

func (b *bus) allFail() bool {
	for _, s := range b.sensors {
		if s.failures == 0 || !s.kind.wholeBus() {
			return false
		}
	}
	return true
}

// breakDown stops asking until the bus was reopened: at once the first time,
// backing off while that does not help.
func (b *bus) breakDown() {
	now := b.in.now()
	if !b.count.broken.Swap(true) {
		b.in.notify(Event{Kind: BusDown, Name: b.name})
	}
	for _, s := range b.sensors {
		s.lose(drivers.ErrBus, drivers.Lost, now)
	}
	b.broken = true
	b.reopenAt = now
	if b.healing {
		b.reopenAt += int64(b.backoff.next())
	}
}

// tryReopen reopens the transport and lets every sensor start from Init.
func (b *bus) tryReopen() {
	b.count.reopens.Add(1)
	err := b.reopen()
	now := b.in.now()
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
