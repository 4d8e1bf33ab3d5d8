package bench

import (
	"context"
	"sync"
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	p := pace{start: time.Unix(1000, 0), rate: 1000}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{-time.Millisecond, 0}, {0, 1}, {time.Millisecond, 2}, {10 * time.Second, 10_001}} {
		if got := p.due(p.start.Add(c.after)); got != c.want {
			t.Errorf("due after %v: got %d, want %d", c.after, got, c.want)
		}
	}
	if got, want := p.at(2500), p.start.Add(2500*time.Millisecond); !got.Equal(want) {
		t.Errorf("task 2500: got %v, want %v", got, want)
	}
}

// stuck is a system that takes nothing for a while: it executes at once, but
// Enqueue waits.
type stuck struct {
	mu     sync.Mutex
	until  time.Time
	ledger *Ledger
}

func (s *stuck) Enqueue(_ context.Context, jobs []Job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	<-time.After(time.Until(s.until))
	for i := range jobs {
		now := time.Now()
		s.ledger.Done(s.ledger.Begin(jobs[i].Payload, now), now)
	}
	return nil
}

func (s *stuck) Work(context.Context, int, func([]byte)) (func() error, error) { return nil, nil }
func (s *stuck) Close() error                                                  { return nil }

// A system that makes its senders wait must be charged for every task that
// should have been sent meanwhile, not only for those whose sender waited.
func TestOpenLoopDoesNotOmitWhatCouldNotBeSent(t *testing.T) {
	const rate, n, silence = 1000.0, 400, 200 * time.Millisecond
	l := NewLedger(n)
	start := time.Now()
	sys := &stuck{until: start.Add(silence), ledger: l}
	s := &session{sys: sys, c: Contender{Name: "stuck", Batch: 1, Producers: 2}, ledger: l}
	if err := s.open(t.Context(), 0, n, 64, pace{start, rate}, nil); err != nil {
		t.Fatal(err)
	}
	if a := l.Audit(); !a.Exact() {
		t.Fatal(a)
	}
	// Half of the tasks were to be sent in the silence, evenly: so a quarter of
	// all waited more than half of it.
	if w := l.Waits(0, n); w.P50 < 0.001 || w.Curve[4] < 90 {
		t.Errorf("a quarter waited %v ms or more, want 100 or more", w.Curve[4])
	}
	late := 0
	for i := range l.wait {
		if time.Duration(l.wait[i].Load()) > silence/4 {
			late++
		}
	}
	if late < 140 {
		t.Errorf("%d tasks waited more than 50 ms, want 150", late)
	}
}
