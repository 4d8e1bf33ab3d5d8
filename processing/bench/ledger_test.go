package bench

import (
	"math"
	"sync"
	"testing"
	"time"
)

func payloadOf(n int, at time.Time) []byte {
	p := make([]byte, 64)
	PutHead(p, n, at)
	return p
}

func TestLedgerCounts(t *testing.T) {
	l := NewLedger(130) // more than two words of the bitmap
	now := time.Now()
	for n := range 130 {
		if n == 64 || n == 129 {
			continue // lost
		}
		l.Done(l.Begin(payloadOf(n, now), now), now)
	}
	l.Begin(payloadOf(3, now), now)                        // executed again, its worker died
	l.Done(l.Begin(payloadOf(128, now), now), now)         // executed again, with its effect
	l.Done(l.Begin(payloadOf(130, now), now), now)         // never sent
	l.Done(l.Begin([]byte("foreign"), now), now)           // not even a number
	l.Done(l.Begin(payloadOf(math.MaxInt, now), now), now) // a number far beyond
	want := Audit{Tasks: 130, Missing: 2, BeganTwice: 2, DoneTwice: 1, Foreign: 3}
	if got := l.Audit(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	select {
	case <-l.Complete():
		t.Error("complete with two tasks missing")
	default:
	}
	l.Done(l.Begin(payloadOf(64, now), now), now)
	l.Done(l.Begin(payloadOf(129, now), now), now)
	select {
	case <-l.Complete():
	default:
		t.Error("not complete with none missing")
	}
}

func TestLedgerIsExactUnderContention(t *testing.T) {
	const n, hands = 50_000, 8
	l := NewLedger(n)
	var wg sync.WaitGroup
	for h := range hands {
		wg.Go(func() {
			for i := range n { // all hands do every task; one is the first
				l.Done(l.Begin(payloadOf((i+h*977)%n, time.Now()), time.Now()), time.Now())
			}
		})
	}
	wg.Wait()
	want := Audit{Tasks: n, BeganTwice: n * (hands - 1), DoneTwice: n * (hands - 1)}
	if got := l.Audit(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestLatencyCountsFromTheIntendedMoment(t *testing.T) {
	l := NewLedger(100)
	start := time.Now()
	for n := range 100 { // 1 to 100 ms late, 5 ms of work
		began := start.Add(time.Duration(n+1) * time.Millisecond)
		l.Done(l.Begin(payloadOf(n, start), began), began.Add(5*time.Millisecond))
	}
	w, total := l.Waits(0, 100), l.Totals(0, 100)
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"wait p50", w.P50, 50}, {"wait p99", w.P99, 99}, {"wait max", w.Max, 100},
		{"total p50", total.P50, 55}, {"total p99", total.P99, 104},
		{"the last ten only", l.Waits(90, 100).P50, 95},
	} {
		if d := c.got/c.want - 1; d > 0.002 || d < -0.002 { // three digits
			t.Errorf("%s: got %v ms, want %v", c.what, c.got, c.want)
		}
	}
}

func TestLedgerAllocatesNothing(t *testing.T) {
	l := NewLedger(10_000)
	p, n := payloadOf(0, time.Now()), 0
	got := testing.AllocsPerRun(1000, func() {
		PutHead(p, n%10_001, time.Now()) // the last is foreign
		l.Done(l.Begin(p, time.Now()), time.Now())
		n++
	})
	if got != 0 {
		t.Errorf("%v allocations a task", got)
	}
}
