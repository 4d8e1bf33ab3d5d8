package model

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/telhub/telhub/uplink"
)

// A breaker is a function of its seed and of what happens at what time.
func TestBreakerIsDeterministic(t *testing.T) {
	expectFailures(t)
	rapid.Check(t, func(rt *rapid.T) {
		if !sameBreakers(rt, breakerOf(7), breakerOf(7)) {
			rt.Fatal("two breakers of one seed differ")
		}
	})
}

// TestBreakerControls seeds faults that the comparison must catch.
func TestBreakerControls(t *testing.T) {
	expectFailures(t)
	for name, c := range map[string]struct {
		a, b func(uplink.BreakerOptions) breaker
		want string
	}{
		"another seed":                         {breakerOf(7), breakerOf(8), "differ"},
		"stays half-open after a failure":      {stuckOf(7), stuckOf(7), "leaves it"},
		"a success does not close it":          {sulkyOf(7), sulkyOf(7), "leaves it"},
		"an attempt while one is under way":    {hastyOf(7), hastyOf(7), "an attempt in state"},
		"the wait is longer than is asked for": {slowOf(7), slowOf(7), "waits"},
	} {
		t.Run(name, func(t *testing.T) {
			tb := &caught{T: t}
			rapid.Check(tb, func(rt *rapid.T) {
				if !sameBreakers(rt, c.a, c.b) {
					rt.Fatal("they differ")
				}
			})
			if !strings.Contains(tb.text, c.want) {
				t.Errorf("the check says %q, want %q", tb.text, c.want)
			}
		})
	}
}

// breaker is what the comparison drives: the real one, or one with a fault.
type breaker interface {
	State() uplink.BreakerState
	Trips() uint64
	Next() time.Time
	Allow(time.Time) bool
	Success()
	Failure(time.Time)
	Wake(time.Time)
}

func breakerOf(seed uint64) func(uplink.BreakerOptions) breaker {
	return func(o uplink.BreakerOptions) breaker { return newBreaker(o, seed) }
}

// stuck forgets that its probe failed.
type stuck struct{ *uplink.Breaker }

func (b stuck) Failure(now time.Time) {
	if b.State() != uplink.HalfOpen {
		b.Breaker.Failure(now)
	}
}

func stuckOf(seed uint64) func(uplink.BreakerOptions) breaker {
	return func(o uplink.BreakerOptions) breaker { return stuck{newBreaker(o, seed)} }
}

// sulky does not close.
type sulky struct{ *uplink.Breaker }

func (sulky) Success() {}

func sulkyOf(seed uint64) func(uplink.BreakerOptions) breaker {
	return func(o uplink.BreakerOptions) breaker { return sulky{newBreaker(o, seed)} }
}

// hasty allows a second attempt beside the probe.
type hasty struct{ *uplink.Breaker }

func (b hasty) Allow(now time.Time) bool { return b.State() == uplink.HalfOpen || b.Breaker.Allow(now) }

func hastyOf(seed uint64) func(uplink.BreakerOptions) breaker {
	return func(o uplink.BreakerOptions) breaker { return hasty{newBreaker(o, seed)} }
}

// slow waits longer.
type slow struct{ *uplink.Breaker }

func (b slow) Next() time.Time { return b.Breaker.Next().Add(time.Minute) }

func slowOf(seed uint64) func(uplink.BreakerOptions) breaker {
	return func(o uplink.BreakerOptions) breaker { return slow{newBreaker(o, seed)} }
}

// sameBreakers drives two breakers side by side and checks each transition
// against what the breaker's states allow.
func sameBreakers(rt *rapid.T, makeA, makeB func(uplink.BreakerOptions) breaker) (same bool) {
	o := rapid.SampledFrom(breakers).Draw(rt, "options")
	a, b := makeA(o), makeB(o)
	now, failures := time.Unix(0, 0), 0
	for range rapid.IntRange(1, 40).Draw(rt, "events") {
		now = now.Add(rapid.SampledFrom([]time.Duration{0, 10 * time.Millisecond, time.Second, 15 * time.Second}).Draw(rt, "pause"))
		was := a.State()
		event := rapid.IntRange(0, 3).Draw(rt, "event")
		if was == uplink.Open && event < 2 {
			event = 2 // results come from attempts
		}
		switch event {
		case 0:
			a.Success()
			b.Success()
			failures = 0
			if a.State() != uplink.Closed {
				rt.Fatalf("a success leaves it %v", a.State())
			}
		case 1:
			a.Failure(now)
			b.Failure(now)
			failures++
			if want := was == uplink.HalfOpen || failures >= o.Failures; (a.State() == uplink.Open) != want {
				rt.Fatalf("failure %d of %d in state %v leaves it %v", failures, o.Failures, was, a.State())
			}
			if a.State() == uplink.Open {
				failures = 0
			}
		case 2:
			may := a.Allow(now)
			if b.Allow(now) != may {
				return false
			}
			if may && (was == uplink.HalfOpen || (was == uplink.Open) != (a.State() == uplink.HalfOpen)) {
				rt.Fatalf("an attempt in state %v leaves it %v", was, a.State())
			}
		case 3:
			a.Wake(now)
			b.Wake(now)
		}
		if a.State() != b.State() || a.Trips() != b.Trips() || !a.Next().Equal(b.Next()) {
			return false
		}
		if wait := a.Next().Sub(now); wait > o.OpenMax {
			rt.Fatalf("waits %v, at most %v is asked for", wait, o.OpenMax)
		}
	}
	return true
}

var breakers = []uplink.BreakerOptions{
	{Failures: 1, Open: 200 * time.Millisecond, OpenMax: 2 * time.Second},
	{Failures: 3, Open: time.Second, OpenMax: 10 * time.Second},
}

func newBreaker(o uplink.BreakerOptions, seed uint64) *uplink.Breaker {
	return uplink.NewBreaker(o, rand.New(rand.NewPCG(seed, 1)))
}
