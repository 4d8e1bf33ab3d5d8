package queue

import (
	"strings"
	"testing"
	"time"
)

func TestShardsAreAgreedUpon(t *testing.T) {
	q, srv := rig(t, Options{Shards: 4})
	open := func(shards int) error {
		t.Helper()
		other, err := Open(t.Context(), Options{URL: srv.URL(), Shards: shards})
		if err == nil {
			other.Close()
		}
		return err
	}
	refuses := func(what string) {
		t.Helper()
		err := open(2)
		wantError(t, err, ErrInvalid)
		if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "set Shards to 4") {
			t.Errorf("got %v, want it to name %s", err, what)
		}
	}
	q.mustEnqueue(t, &Task{Type: "t"}, &Task{Type: "t", NotBefore: time.Now().Add(time.Hour)})
	refuses("2 tasks, 0 dead letters and 0 recurring tasks")
	if err := open(4); err != nil {
		t.Error(err)
	}
	srv.Do("FLUSHALL")
	srv.Do("SET ttp:{0}:shards 4")
	if err := q.Schedule(t.Context(), Recurring{Name: "r", Every: time.Hour, Task: Task{Type: "t"}}); err != nil {
		t.Fatal(err)
	}
	refuses("0 tasks, 0 dead letters and 1 recurring tasks")
	if err := q.Unschedule(t.Context(), "r"); err != nil {
		t.Fatal(err)
	}
	if err := open(2); err != nil { // nothing is left
		t.Error(err)
	}
	if got, err := q.client.Get(t.Context(), "ttp:{0}:shards").Result(); got != "2" || err != nil {
		t.Errorf("%s shards are noted, want 2; %v", got, err)
	}
	srv.Do("SET ttp:{0}:shards x")
	wantError(t, open(2), ErrInvalid)
}
