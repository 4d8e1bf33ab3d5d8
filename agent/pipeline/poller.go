package pipeline

import (
	"errors"
	"math"
	"math/bits"
	"time"

	"github.com/telhub/telhub/drivers"
)

const (
	retries = 2 // at once, after a transient error of a healthy sensor

	// A dead sensor is asked again after every, 2·every, … up to the smaller
	// of these, but never more often than every.
	backoffPeriods = 8
	backoffLimit   = time.Minute

	// A failed attempt that took long is followed by at least so many times
	// its duration of peace, so that dead devices cost a bus at most 6 % of
	// its time.
	peace = 16

	// A measurement that converts for longer than this, and longer than its
	// period, never ends.
	convertLimit = int64(30 * time.Second)

	// A device that says "no new value yet" is asked again after a fraction
	// of its period between these.
	notReadyMin, notReadyMax = 10 * time.Millisecond, time.Second

	stalePeriods = 3
)

// poller is a polled sensor and where it stands. It belongs to its bus.
//
// Its readings lie on its grid. slot is the instant being served or the next to
// serve; due is when the bus looks at it again, which differs while it converts
// or backs off.
type poller struct {
	source
	grid
	sensor drivers.Sensor
	gather gather

	slot, due int64
	phase     int64     // of the first slot after Start
	begun     int64     // when the service of this slot began; 0 = not yet
	from      int64     // when the measurement under way began; 0 = not yet
	triggered int64     // the middle of the call that began a conversion; 0 = none did
	ready     bool      // initialised since the last failure
	tries     int       // immediate retries spent on this slot
	failures  int       // attempts failed in a row
	since     int64     // when the first of them failed
	invalids  int       // readings in a row that the device called invalid
	kind      ErrorKind // of the last failure
	backoff   backoff

	readDuration, lateness, jitter Observer
}

func newPoller(in *intake, bus *BusPlan, plan *Polled, phase time.Duration) *poller {
	every := plan.Every
	s := &poller{
		sensor: plan.Sensor,
		grid:   grid{every: int64(every), n: int64(max(plan.Oversample, 1))},
		phase:  int64(phase),
		backoff: backoff{
			base:  every,
			limit: max(every, min(backoffPeriods*every, backoffLimit)),
		},
		readDuration: plan.ReadDuration,
		lateness:     plan.Lateness,
		jitter:       bus.Jitter,
	}
	if s.n > 1 {
		s.gather.outputs = make([]mean, len(plan.Channels))
	}
	s.source.init(in, plan.High, plan.Name, plan.Use, bus.Name, plan.Channels)
	s.stale = stalePeriods * s.every
	if v, ok := plan.Sensor.(drivers.Varied); ok {
		s.varies = v.Varies()
	}
	return s
}

// start lays the grid.
func (s *poller) start(now int64) {
	s.source.start(now)
	s.origin = now + s.phase
	s.slot, s.due = s.origin, s.origin
}

// outcome is what serving a sensor means to its bus.
type outcome uint8

const (
	pending outcome = iota // converting or not ready: nothing new is known
	answered
	failed
)

// serve begins or resumes a measurement. The caller is the bus owner and has
// waited for due.
func (s *poller) serve() outcome {
	start := s.in.now()
	if s.begun == 0 {
		s.begin(start)
	}
	if s.from == 0 {
		s.from = start
	}
	wait, err := s.ask(start)
	now := s.in.now()
	switch {
	case err == nil && wait > 0 && now-s.from > max(s.every, convertLimit):
		s.failed(drivers.ErrTimeout, now)
		return s.fail(drivers.ErrTimeout, start, now)
	case err == nil && wait > 0:
		if s.triggered == 0 {
			s.triggered = s.from + (now-s.from)/2
		}
		s.due = now + int64(wait)
		return pending
	case err == nil:
		s.done(now)
		return answered
	case s.ready && errors.Is(err, drivers.ErrNotReady):
		return s.notReady(now)
	case s.ready && errors.Is(err, drivers.ErrInvalid):
		s.invalid(now)
		return answered
	}
	return s.fail(err, start, now)
}

// begin opens the measurement of a slot. Slots that have passed entirely are
// skipped and counted.
func (s *poller) begin(now int64) {
	late := max(now-s.slot, 0)
	if s.lateness != nil {
		s.lateness.Observe(float64(late) / 1e9)
	}
	if late > s.count.lateMax.Load() {
		s.count.lateMax.Store(late)
	}
	step := s.step()
	if n := late / step; n > 0 {
		s.count.skipped.Add(uint64(n))
		s.slot += n * step
		if s.n > 1 {
			s.slot = s.floor(now, s.factor())
		}
	}
	if s.jitter != nil {
		s.jitter.Observe(math.Abs(float64(now-s.slot)) / 1e9)
	}
	if f := s.factor(); f > 1 {
		s.count.spared.Add(uint64(f - 1))
	}
	s.settle(s.slot, now)
	s.begun = now
	s.tries = 0
	s.reading.Reset()
}

// factor is by how much periods are stretched under back-pressure.
func (s *poller) factor() int64 { return s.feed.pressure.factor.Load() }

// step is the distance of slots in force.
func (s *poller) step() int64 { return s.every * s.factor() / s.n }

// ask calls the driver, again at once where that may help.
func (s *poller) ask(now int64) (wait time.Duration, err error) {
	for first := true; ; first = false {
		wait, err = s.call(now)
		if err == nil || s.ready && errors.Is(err, drivers.ErrNotReady) {
			if !first {
				s.count.retried.Add(1)
			}
			return wait, err
		}
		now = s.in.now()
		kind := s.failed(err, now)
		if !kind.transient() || s.failures > 0 || s.tries == retries {
			return 0, err
		}
		s.tries++
		s.count.retries.Add(1)
		s.from, s.triggered = now, 0
		s.reading.Reset()
	}
}

// call makes one call of the driver, Init before it where that is due. Others
// can see for how long it has lasted.
func (s *poller) call(now int64) (wait time.Duration, err error) {
	s.count.inCall.Store(now)
	defer s.count.inCall.Store(0)
	if !s.ready {
		if s.judged {
			s.count.inits.Add(1)
		}
		if err := s.sensor.Init(); err != nil {
			return 0, err
		}
		s.ready = true
		s.from = s.in.now() // what Init takes is no part of the measurement
	}
	return s.sensor.Read(&s.reading)
}

// done ends a measurement that succeeded. Without a stamp of the driver's the
// reading is dated to the middle of the transaction, or of the first one when
// that began a conversion and waits followed: what a chip converts is what it
// saw then.
func (s *poller) done(now int64) {
	if s.readDuration != nil {
		s.readDuration.Observe(float64(now-s.from) / 1e9)
	}
	stamp := s.triggered
	if stamp == 0 {
		stamp = s.from + (now-s.from)/2
	}
	s.take(stamp, now)
	s.invalids = 0
	s.answer(now)
}

// invalid ends a measurement whose answer was the device's mark for "not
// measured": it is alive, its values are not. It may have lost its settings
// in a brown-out, so it is initialised again; but rarer and rarer, because it
// may also be warming up, which Init would begin anew.
func (s *poller) invalid(now int64) {
	s.invalids++
	s.ready = bits.OnesCount(uint(s.invalids)) != 1 // at 1, 2, 4, 8, …
	for i := range s.outputs {
		s.reading.SetBad(s.outputs[i].index)
	}
	s.take(now, now)
	s.answer(now)
}

func (s *poller) answer(now int64) {
	s.failures = 0
	s.backoff.reset()
	s.setUp(true, nil)
	s.rest(now)
}

// notReady asks again soon, but leaves the slot when the next one is near.
func (s *poller) notReady(now int64) outcome {
	s.reading.Reset()
	s.from, s.triggered = 0, 0
	pause := min(max(s.every/s.n/8, int64(notReadyMin)), int64(notReadyMax))
	if now+pause < s.next() {
		s.due = now + pause
		return pending
	}
	s.rest(now)
	return pending
}

// rest waits for the next slot.
func (s *poller) rest(now int64) {
	s.begun, s.from, s.triggered = 0, 0, 0
	s.slot = s.next()
	s.due = s.slot
	s.settle(s.slot, now)
	s.stale = stalePeriods * s.every * s.factor()
	s.checkStale(now)
}

// next is the slot after this one, on the grid again after a back-off.
func (s *poller) next() int64 { return s.grid.next(s.slot, s.factor()) }

// fail ends an attempt that failed for good: status, back-off, Init before
// the next one. start is when the driver was called.
func (s *poller) fail(err error, start, now int64) outcome {
	if s.failures++; s.failures == 1 {
		s.since = now
	}
	s.kind = classify(err)
	s.lose(err, s.kind.quality(), now)
	wait := max(int64(s.backoff.next()), min(peace*(now-start), max(s.every, int64(backoffLimit))))
	s.slot = now + wait
	s.due = s.slot
	return failed
}

// lose drops the measurement under way; the device starts from Init. What was
// gathered of its period goes before its status.
func (s *poller) lose(err error, q drivers.Quality, now int64) {
	s.begun, s.from, s.triggered = 0, 0, 0
	s.ready = false
	s.settle(math.MaxInt64, now)
	s.setUp(false, err)
	s.all(q, now)
}

// soon lets the sensor be asked at now instead of waiting for its slot.
func (s *poller) soon(now int64) { s.slot, s.due = now, now }

// blamesBus reports whether the sensor failed last time in a way that usually
// concerns the whole bus.
func (s *poller) blamesBus() bool { return s.failures > 0 && s.kind.wholeBus() }

// silent reports whether the sensor failed last time because nobody answered.
func (s *poller) silent() bool { return s.failures > 0 && s.kind.silence() }
