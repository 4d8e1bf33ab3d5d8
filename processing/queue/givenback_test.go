package queue

import (
	"testing"
	"time"
)

// What was given back waits: nobody has it, although Redis counts it as
// pending.
func TestGivenBackCountsAsWaiting(t *testing.T) {
	q, _ := rig(t, Options{})
	if _, err := q.Enqueue(t.Context(), &Task{ID: "a", Type: "x"}, &Task{ID: "b", Type: "x"}, &Task{ID: "c", Type: "x"}); err != nil {
		t.Fatal(err)
	}
	c, err := q.Consumer(ConsumerOptions{Lease: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	ds := mustFetch(t, c, 3)
	check := func(when string, waiting, running int64, state State) {
		t.Helper()
		s, err := q.Stats(t.Context())
		if err != nil || len(s.Queues) != 1 {
			t.Fatalf("%s: %+v, %v", when, s, err)
		}
		if w, r := s.Queues[0].Waiting(), s.Queues[0].Running(); w != waiting || r != running {
			t.Errorf("%s: %d wait and %d run, want %d and %d", when, w, r, waiting, running)
		}
		if info, err := q.Inspect(t.Context(), ds[0].ID); err != nil || info.State != state {
			t.Errorf("%s: %s is %s, %v; want %s", when, ds[0].ID, info.State, err, state)
		}
	}
	check("fetched", 0, 3, StateRunning)
	if err := c.Release(t.Context(), 0, ds[:1]); err != nil {
		t.Fatal(err)
	}
	check("one given back", 1, 2, StateWaiting)
}
