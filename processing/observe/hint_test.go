package observe

import (
	"testing"
	"time"
)

func TestWorkersWanted(t *testing.T) {
	for _, test := range []struct {
		arrivals, backlog float64
		drain, service    time.Duration
		want              int
	}{
		{0, 0, time.Minute, 0, 1},
		{100, 0, time.Minute, 10 * time.Millisecond, 2},      // 1 busy / 0.7 = 1.43
		{100, 6000, time.Minute, 10 * time.Millisecond, 3},   // (100 + 100) · 0.01 / 0.7 = 2.86
		{0, 600000, time.Minute, 10 * time.Millisecond, 143}, // 100 / 0.7 = 142.86
		{70, 0, time.Minute, 10 * time.Millisecond, 1},       // exactly 0.7 of one
		{-5, -5, 0, time.Second, 1},                          // counters that went back
		{1e18, 0, time.Minute, time.Hour, 1<<31 - 1},
	} {
		if got := WorkersWanted(test.arrivals, test.backlog, test.drain, test.service); got != test.want {
			t.Errorf("%+v: got %d", test, got)
		}
	}
}

func TestServiceTimeFollows(t *testing.T) {
	var s serviceTime
	if got := s.mean(); got != 0 {
		t.Errorf("before any task: got %v, want 0", got)
	}
	s.add(100 * time.Millisecond)
	if got := s.mean().Round(time.Millisecond); got != 100*time.Millisecond {
		t.Errorf("after one: got %v, want 100ms", got)
	}
	for range 1000 {
		s.add(10 * time.Millisecond)
	}
	if got := s.mean().Round(time.Millisecond); got != 10*time.Millisecond {
		t.Errorf("after a thousand faster ones: got %v, want 10ms", got)
	}
	if n := testing.AllocsPerRun(100, func() { s.add(time.Millisecond) }); n != 0 {
		t.Errorf("add allocates %v times", n)
	}
}
