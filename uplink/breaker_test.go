package uplink

import (
	"math/rand/v2"
	"testing"
	"time"
)

func newTestBreaker() *Breaker {
	return NewBreaker(BreakerOptions{Failures: 3, Open: 4 * time.Second, OpenMax: 10 * time.Second},
		rand.New(rand.NewPCG(1, 2)))
}

// fail lets attempts fail until the breaker is open and returns the time.
func fail(t *testing.T, b *Breaker, now time.Time) time.Time {
	t.Helper()
	for range 10 {
		if now = later(now, b.Next()); !b.Allow(now) {
			t.Fatalf("attempt not allowed at its own time, state %v", b.State())
		}
		b.Failure(now)
		if b.State() == Open {
			return now
		}
	}
	t.Fatal("ten failures did not open the breaker")
	return now
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func TestBreakerOpensAfterFailuresInARow(t *testing.T) {
	b, now := newTestBreaker(), time.Unix(1000, 0)
	b.Failure(now)
	b.Failure(now)
	b.Success()
	if b.State() != Closed {
		t.Fatalf("state %v after a success, want closed", b.State())
	}
	b.Failure(now)
	b.Failure(now)
	if b.State() != Closed {
		t.Fatalf("state %v after two failures of three, want closed", b.State())
	}
	b.Failure(now)
	if b.State() != Open || b.Trips() != 1 {
		t.Fatalf("state %v, %d trips after three failures, want open, 1", b.State(), b.Trips())
	}
}

func TestBreakerWaitsDoubleWithJitterUpToTheirMaximum(t *testing.T) {
	b, now := newTestBreaker(), time.Unix(1000, 0)
	now = fail(t, b, now)
	for _, want := range []time.Duration{4, 8, 10, 10} {
		want *= time.Second
		got := b.Next().Sub(now)
		if got < want/2 || got > want {
			t.Fatalf("wait %v, want between %v and %v", got, want/2, want)
		}
		if b.Allow(now.Add(got - 1)) {
			t.Fatal("attempt allowed before the wait was over")
		}
		now = now.Add(got)
		if !b.Allow(now) || b.State() != HalfOpen {
			t.Fatalf("no probe after the wait, state %v", b.State())
		}
		if b.Allow(now) {
			t.Fatal("second probe allowed while the first is under way")
		}
		b.Failure(now)
	}
	now = b.Next()
	if !b.Allow(now) {
		t.Fatal("no probe")
	}
	b.Success()
	now = fail(t, b, now)
	if got := b.Next().Sub(now); got > 4*time.Second {
		t.Errorf("first wait after a success is %v, want at most 4s again", got)
	}
}

func TestBreakerWakes(t *testing.T) {
	b, now := newTestBreaker(), time.Unix(1000, 0)
	now = fail(t, b, now)
	b.Wake(now.Add(time.Millisecond))
	if b.Allow(now) {
		t.Error("allowed before the wake's time")
	}
	if !b.Allow(now.Add(time.Millisecond)) || b.State() != HalfOpen {
		t.Error("a wake does not let the probe start")
	}
}
