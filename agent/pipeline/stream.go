package pipeline

import (
	"errors"
	"time"

	"github.com/telhub/telhub/drivers"
)

const (
	portBackoffMin, portBackoffMax = 250 * time.Millisecond, 10 * time.Second

	// silentReopens bounds how far the wait between reopens of an open but
	// silent port grows: opening can reset the device (DTR).
	silentReopens = 8
)

// stream owns a port and the decoder of what arrives there.
type stream struct {
	source
	port    Port
	decoder drivers.Stream
	buf     [1024]byte

	lastByte  int64 // boottime ns of the last arrival
	lastUnit  int64 // boottime ns when the last well-formed unit was counted, or of the last reopen
	goodUnits uint64

	silence backoff // between reopens of an open but silent port
	limit   int64   // the wait drawn from it
	backoff backoff // between reopens of a port that is gone
	watch   watch   // for its return

	ladder []*rung // what ends a silence: reopening, then harsher steps
	rung   int     // index of the step taken last; -1 = all is well
}

func newStream(in *intake, plan *StreamPlan) *stream {
	stale, reopen := plan.Stale, plan.Reopen
	setDefault(&stale, DefaultStale)
	setDefault(&reopen, DefaultReopen)
	s := &stream{
		port:    plan.Port,
		decoder: plan.Stream,
		limit:   int64(reopen),
		silence: backoff{base: reopen, limit: silentReopens * reopen, n: 1},
		backoff: backoff{base: portBackoffMin, limit: portBackoffMax},
		watch:   watch{look: plan.Look},
		ladder:  newLadder(plan.Steps), rung: -1,
	}
	s.source.init(in, plan.High, plan.Name, plan.Use, "", plan.Channels)
	s.stale, s.varies = int64(stale), true
	return s
}

func (s *stream) start(now int64) {
	s.source.start(now)
	s.lastByte, s.lastUnit = now, now
}

// run is the stream's goroutine. Start begins it, closing stop ends it after
// the Read under way.
func (s *stream) run(stop <-chan struct{}) {
	sleeper := newSleeper(false)
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, err := s.read()
		now := s.in.now()
		if n > 0 {
			s.decode(s.buf[:n], now)
		}
		switch {
		case err != nil && !errors.Is(err, drivers.ErrTimeout):
			if !s.gone(err, now, sleeper, stop) {
				return
			}
			continue
		case n == 0:
			s.idle(now)
		}
		s.checkStale(now)
		if now-s.lastUnit >= s.limit && !s.revive(now, sleeper, stop) {
			return
		}
	}
}

// read waits for bytes; others can see for how long.
func (s *stream) read() (int, error) {
	s.count.inCall.Store(s.in.now())
	defer s.count.inCall.Store(0)
	return s.port.Read(s.buf[:])
}

// decode takes in a chunk that arrived at stamp: the instant at which Read
// returned. A port returns what it has as soon as it has anything, so that is
// when the first byte of a unit was handed over, after a silence, give or take
// the scheduler. What lies between the wire and that instant is not measured
// and not corrected: a UART's receive FIFO hands over at half its depth or
// after a pause of four characters, a USB adapter after its latency timer
// (1–16 ms). Within a chunk all bytes have the same stamp: where units follow
// each other without a pause, or the owner was late, it is up to the chunk's
// length (n-1 byte times) after a unit's first byte, never before it.
func (s *stream) decode(p []byte, stamp int64) {
	s.lastByte = stamp
	for len(p) > 0 {
		n, ok := s.decoder.Feed(p, stamp, &s.reading)
		if ok {
			s.publish(s.date(stamp), stamp)
			s.reading.Reset()
		} else if n == 0 {
			break // a decoder that consumes nothing must not hold the port
		}
		p = p[n:]
	}
	s.tally(stamp)
}

// idle tells the decoder of a silence, which may end a unit.
func (s *stream) idle(now int64) { s.complete(now-s.lastByte, now) }

// complete publishes what a silence of d nanoseconds completes. After a
// hang-up that is a second: whoever spoke has ended.
func (s *stream) complete(d, now int64) {
	if s.decoder.Idle(time.Duration(d), &s.reading) {
		s.publish(s.date(s.lastByte), now)
		s.reading.Reset()
	}
	s.tally(now)
}

// tally copies the decoder's counts to where others may read them. A new good
// unit proves that the device speaks.
func (s *stream) tally(now int64) {
	good, corrupt := s.decoder.Counts()
	s.count.corrupt.Store(corrupt)
	if good == s.goodUnits {
		return
	}
	s.goodUnits = good
	s.count.good.Store(good)
	s.lastUnit = now
	s.backoff.reset()
	s.limit = int64(s.silence.base)
	s.silence.n = 1
	s.setUp(true, nil)
	if s.rung >= 0 {
		s.ladder[s.rung].helped.Add(1)
		s.rung = -1
	}
}

// gone reopens a port that failed until that succeeds; false means stop.
func (s *stream) gone(err error, now int64, sleeper sleeper, stop <-chan struct{}) bool {
	s.failed(err, now)
	if s.rung < 0 {
		s.rung = 0
	}
	s.complete(max(now-s.lastByte, int64(time.Second)), now)
	s.setUp(false, err)
	s.all(drivers.Lost, now)
	s.watch.begin()
	for {
		came, ok := s.watch.sleep(int64(s.backoff.next()), sleeper, stop)
		if !ok {
			return false
		}
		if came {
			s.backoff.reset()
		}
		if s.reopen() {
			return true
		}
	}
}

// revive reopens a port that is open but from which nothing sensible came for
// too long; false means stop.
func (s *stream) revive(now int64, sleeper sleeper, stop <-chan struct{}) bool {
	s.failed(errSilent, now)
	s.setUp(false, errSilent)
	s.limit = int64(s.silence.next())
	s.climb(now, stop)
	if s.reopen() {
		return true
	}
	return s.gone(drivers.ErrUnplugged, now, sleeper, stop)
}

// climb takes the next step that may be taken now: reopening alone the first
// time, and again after the harshest.
func (s *stream) climb(now int64, stop <-chan struct{}) {
	for i := max(s.rung+1, 1); s.rung >= 0 && i < len(s.ladder); i++ {
		if r := s.ladder[i]; r.due <= now && r.take(s.in, s.name, stop) {
			s.rung = i
			return
		}
	}
	s.rung = 0
}

// errSilent: the port is open and nothing well-formed arrives.
var errSilent = errors.New("open, but nothing well-formed arrives")

// reopen makes one attempt.
func (s *stream) reopen() bool {
	s.count.reopens.Add(1)
	err := s.port.Reopen()
	now := s.in.now()
	if err != nil {
		s.failed(err, now)
		return false
	}
	s.decoder.Reset()
	s.reading.Reset()
	s.lastByte, s.lastUnit = now, now
	return true
}
