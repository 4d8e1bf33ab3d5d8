package queue

import (
	"strings"
	"testing"
	"time"
)

// foreign is a key that something else has written where a script wants
// another type, so that the script fails half way.
func foreign(t *testing.T, q *Queue, key string, list bool) (remove func()) {
	t.Helper()
	var err error
	if list {
		err = q.client.RPush(t.Context(), key, "x").Err()
	} else {
		err = q.client.Set(t.Context(), key, "x", 0).Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { q.client.Del(t.Context(), key) }
}

// A task that was not taken leaves no receipt and no unique key, which would
// tell the next attempt that it is there.
func TestATaskThatWasNotTakenLeavesNoReceipt(t *testing.T) {
	q, _ := rig(t, Options{})
	for _, c := range []struct {
		key  string
		list bool
		task Task
	}{
		{"ttp:{0}:default:normal", false, Task{ID: "a", Type: "t", Unique: "ua"}},
		{"ttp:{0}:default:delay", false, Task{ID: "b", Type: "t", Unique: "ub", NotBefore: time.Now().Add(time.Hour)}},
		{"ttp:{0}:default:body", false, Task{ID: "c", Type: "t", Unique: "uc", NotBefore: time.Now().Add(time.Hour)}},
		{"ttp:{0}:u:ud", true, Task{ID: "d", Type: "t", Unique: "ud"}},
	} {
		remove := foreign(t, q, c.key, c.list)
		if _, err := q.Enqueue(t.Context(), &c.task); err == nil {
			t.Fatalf("%s: no error", c.key)
		}
		remove()
		if r := q.mustEnqueue(t, &c.task)[0]; r.Existing {
			t.Errorf("%s: got %+v, but it was never taken", c.key, r)
		}
		if r := q.mustEnqueue(t, &c.task)[0]; !r.Existing {
			t.Errorf("%s: again: got %+v", c.key, r)
		}
	}
	if n := len(q.all(t, DefaultQueue)); n != 2 {
		t.Errorf("%d are ready, want 2", n)
	}
	if n := q.client.ZCard(t.Context(), "ttp:{0}:default:delay").Val(); n != 2 {
		t.Errorf("%d are delayed, want 2", n)
	}
}

// What cannot be moved does not make others be moved twice.
func TestPromoteMovesNothingTwice(t *testing.T) {
	q, _ := rig(t, Options{})
	later := time.Now().Add(time.Hour)
	q.mustEnqueue(t, &Task{ID: "a", Type: "t", NotBefore: later}, &Task{ID: "b", Type: "t", Class: High, NotBefore: later}, &Task{ID: "c", Type: "t", NotBefore: later})
	k := q.keys.of(0, DefaultQueue)
	for i, id := range []string{"a", "b", "c"} {
		q.client.Do(t.Context(), "ZADD", k.delay, i+1, id)
	}
	remove := foreign(t, q, k.stream[High], false)
	for range 2 {
		if _, _, err := q.Promote(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "something else uses the keys") {
			t.Errorf("got %v", err)
		}
	}
	if n := len(q.entries(t, 0, DefaultQueue, Normal)); n != 2 {
		t.Errorf("%d were moved, want 2", n)
	}
	remove()
	if moved, _, err := q.Promote(t.Context(), 0); moved != 1 || err != nil {
		t.Errorf("moved %d, %v; want 1", moved, err)
	}
}

// A state or a unique key that something else uses does not keep a batch from
// being finished, and makes no dead letter twice.
func TestForeignStatesDoNotStopAFinish(t *testing.T) {
	q, _ := rig(t, Options{})
	c := mustConsumer(t, q, ConsumerOptions{})
	q.mustEnqueue(t, &Task{ID: "a", Type: "t", Keep: time.Hour}, &Task{ID: "b", Type: "t", Unique: "u"}, &Task{ID: "c", Type: "t", Keep: time.Hour})
	ds := mustFetch(t, c, 3)
	for _, key := range []string{"ttp:{0}:r:a", "ttp:{0}:u:u", "ttp:{0}:r:c"} {
		q.client.Del(t.Context(), key)
		foreign(t, q, key, true)
	}
	mustFinish(t, c, []Outcome{
		{Delivery: ds[0], Kind: Dead, Err: "x"}, {Delivery: ds[1]}, {Delivery: ds[2], Kind: Retry, Err: "x", After: time.Hour},
	}, 0)
	wantStats(t, q, 1, 1, 1, 0)
}

// A firing that could not be put is not lost.
func TestAFiringThatFailsIsMadeUpFor(t *testing.T) {
	q, _ := rig(t, Options{})
	overdue(t, q, Recurring{Name: "r", Every: time.Minute, Task: Task{Type: "t"}}, 1)
	remove := foreign(t, q, "ttp:{0}:default:normal", false)
	if n, _, err := q.Tick(t.Context(), 0); n != 0 || err == nil {
		t.Fatalf("fired %d, %v; want an error", n, err)
	}
	remove()
	if n, _, err := q.Tick(t.Context(), 0); n != 1 || err != nil {
		t.Errorf("fired %d, %v; want 1", n, err)
	}
}
