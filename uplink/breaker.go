package uplink

import (
	"math/rand/v2"
	"time"
)

// BreakerState is the state of the circuit breaker.
type BreakerState uint8

// The breaker's states; the numbers stand in metric circuit_breaker_state.
const (
	Closed   BreakerState = iota // attempts run
	HalfOpen                     // one probe is under way
	Open                         // no attempt before the wait is over
)

// String gives the state's usual name.
func (s BreakerState) String() string {
	switch s {
	case Closed:
		return "closed"
	case HalfOpen:
		return "half-open"
	case Open:
		return "open"
	}
	return "unknown"
}

// BreakerOptions configure a Breaker; all fields are required.
type BreakerOptions struct {
	Failures int           // consecutive failures that open it
	Open     time.Duration // first wait
	OpenMax  time.Duration // longest wait; waits double up to it
}

// Breaker is a circuit breaker as a pure state machine: Closed until Failures
// attempts in a row fail, then Open for a wait that doubles from Open to
// OpenMax, then HalfOpen for one probe. Waits are jittered over their upper
// half, so that a fleet does not return in step. Not safe for concurrent use.
type Breaker struct {
	opts BreakerOptions
	rng  *rand.Rand

	state    BreakerState
	failures int           // in a row, while Closed
	wait     time.Duration // the next Open's wait before jitter
	until    time.Time     // no attempt before this instant
	trips    uint64
}

// NewBreaker returns a closed breaker. rng draws the jitter.
func NewBreaker(o BreakerOptions, rng *rand.Rand) *Breaker {
	return &Breaker{opts: o, rng: rng, wait: o.Open}
}

// State returns the breaker's state.
func (b *Breaker) State() BreakerState { return b.state }

// Trips returns how often the breaker has opened.
func (b *Breaker) Trips() uint64 { return b.trips }

// Next returns the instant from which Allow answers true.
func (b *Breaker) Next() time.Time { return b.until }

// Allow reports whether an attempt may start at now. When it answers true in
// state Open, the breaker becomes HalfOpen and that attempt is its one probe:
// the caller owes it Success or Failure.
func (b *Breaker) Allow(now time.Time) bool {
	if now.Before(b.until) || b.state == HalfOpen {
		return false
	}
	if b.state == Open {
		b.state = HalfOpen
	}
	return true
}

// Success closes the breaker.
func (b *Breaker) Success() {
	b.state, b.failures, b.wait, b.until = Closed, 0, b.opts.Open, time.Time{}
}

// retryPause is the pause after a first failure while closed; it doubles.
const retryPause = 50 * time.Millisecond

// Failure notes a failed attempt that ended at now.
func (b *Breaker) Failure(now time.Time) {
	if b.state == Closed {
		b.failures++
		if b.failures < b.opts.Failures {
			pause := min(retryPause<<min(b.failures-1, 10), b.opts.Open)
			b.until = now.Add(b.jitter(pause))
			return
		}
	}
	b.trip(now)
}

// Wake lets the next attempt start at now although the wait is not over,
// because something says that the server is back.
func (b *Breaker) Wake(now time.Time) {
	if b.until.After(now) {
		b.until = now
	}
}

func (b *Breaker) trip(now time.Time) {
	b.state, b.failures = Open, 0
	b.trips++
	b.until = now.Add(b.jitter(b.wait))
	b.wait = min(2*b.wait, b.opts.OpenMax)
}

// jitter draws from (d/2, d].
func (b *Breaker) jitter(d time.Duration) time.Duration {
	return d - time.Duration(b.rng.Int64N(int64(d)/2+1))
}
