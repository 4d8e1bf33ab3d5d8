package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// lossy is a queue behind a proxy that loses replies.
func lossy(tb testing.TB, o Options) (q *Queue, direct *Queue, p *redistest.Proxy, s *redistest.Server) {
	tb.Helper()
	s = redistest.Start(tb)
	p = redistest.NewProxy(tb, s.Addr())
	q = connect(tb, "redis://"+p.Addr()+"/0", o)
	q.maxPause = firstPause
	return q, connect(tb, s.URL(), o), p, s
}

// Whatever the batch, and however many replies get lost: each task is there
// once, and the receipts are those of the first execution.
func TestLostReplies(t *testing.T) {
	q, direct, p, s := lossy(t, Options{Shards: 3, Retry: time.Minute})
	p.DropOneIn.Store(3)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		s.Do("FLUSHALL")
		round++
		var batches [][]*Task
		unique := make(map[string]int) // key → tasks that name it
		for range rapid.IntRange(1, 4).Draw(rt, "batches") {
			var batch []*Task
			for i := range rapid.IntRange(1, 12).Draw(rt, "tasks") {
				task := &Task{Type: "t", Class: Class(rapid.IntRange(0, 3).Draw(rt, "class"))}
				switch rapid.IntRange(0, 4).Draw(rt, "kind") {
				case 1:
					task.ID = fmt.Sprintf("%d-%d-%d", round, len(batches), i)
				case 2:
					task.Unique = fmt.Sprint("u", rapid.IntRange(0, 3).Draw(rt, "key"))
					unique[task.Unique]++
				case 3:
					task.NotBefore = time.Now().Add(time.Hour)
				case 4:
					task.Keep, task.NotBefore = time.Hour, time.Now().Add(time.Hour)
				}
				batch = append(batch, task)
			}
			batches = append(batches, batch)
		}
		want := make(map[string]bool) // ID → is new
		taken := make(map[string]int) // unique key → how many were taken
		for _, batch := range batches {
			receipts, err := q.Enqueue(t.Context(), batch...)
			if err != nil {
				rt.Fatal(err)
			}
			for i, r := range receipts {
				if batch[i].Unique != "" && !r.Existing {
					taken[batch[i].Unique]++
				}
				if batch[i].Unique == "" && r.Existing {
					rt.Errorf("%+v was never there before: %+v", batch[i], r)
				}
				want[r.ID] = true
			}
		}
		for key := range unique {
			if taken[key] != 1 {
				rt.Errorf("of %d tasks with unique key %s %d were taken, want 1", unique[key], key, taken[key])
			}
		}
		got := direct.all(t, DefaultQueue)
		for shard := range 3 {
			ids, err := direct.client.ZRange(t.Context(), direct.keys.of(shard, DefaultQueue).delay, 0, -1).Result()
			if err != nil {
				rt.Fatal(err)
			}
			for _, id := range ids {
				if _, twice := got[id]; twice {
					rt.Errorf("%s is ready and delayed", id)
				}
				got[id] = stored{}
			}
		}
		if len(got) != len(want) {
			rt.Errorf("got %d tasks, want %d", len(got), len(want))
		}
		for id := range want {
			if _, found := got[id]; !found {
				rt.Errorf("%s is missing", id)
			}
		}
	})
	if p.Dropped.Load() == 0 || q.Repeats() == 0 {
		t.Errorf("%d replies lost, %d calls repeated: nothing was tested", p.Dropped.Load(), q.Repeats())
	}
}

// Many callers at once over a lossy network: lanes do not mix up.
func TestLostRepliesOfManyCallers(t *testing.T) {
	q, direct, p, _ := lossy(t, Options{Shards: 2, Retry: time.Minute})
	p.DropOneIn.Store(4)
	var mu sync.Mutex
	want := make(map[string]bool)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 30 {
				receipts, err := q.Enqueue(t.Context(), &Task{Type: "t"}, &Task{Type: "t"})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, r := range receipts {
					want[r.ID] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if got := direct.all(t, DefaultQueue); len(got) != 480 || len(want) != 480 {
		t.Errorf("got %d tasks of %d receipts, want 480", len(got), len(want))
	}
}

// Control calls are answered after a lost reply as they would have been.
func TestLostRepliesOfControl(t *testing.T) {
	q, _, p, _ := lossy(t, Options{Shards: 2, Retry: time.Minute})
	ctx := t.Context()
	p.DropOneIn.Store(3)
	for i := range 15 {
		id := q.mustEnqueue(t, &Task{Type: "t", NotBefore: time.Now().Add(time.Hour)})[0].ID
		if state, err := q.Cancel(ctx, id); state != Removed || err != nil {
			t.Fatalf("cancel %d: got %q, %v; want removed", i, state, err)
		}
		name := fmt.Sprint("r", i)
		if err := q.Schedule(ctx, Recurring{Name: name, Every: time.Hour, Task: Task{Type: "t"}}); err != nil {
			t.Fatal(err)
		}
		if err := q.Unschedule(ctx, name); err != nil {
			t.Fatalf("unschedule %d: %v", i, err)
		}
	}
	if n, err := q.Replay(ctx, Filter{Reason: Canceled}); n != 15 || err != nil {
		t.Errorf("replay: got %d, %v; want 15", n, err)
	}
}

// After the last repeat was in vain the caller learns that nobody knows; with
// an ID of its own it may ask again.
func TestUnknownOutcome(t *testing.T) {
	q, direct, p, _ := lossy(t, Options{Retry: 50 * time.Millisecond})
	q.mustEnqueue(t, &Task{ID: "other", Type: "t"}) // the server knows the script now
	p.DropOneIn.Store(1)
	task := &Task{ID: "mine", Type: "t"}
	_, err := q.Enqueue(t.Context(), task)
	wantError(t, err, ErrUnknown)
	p.DropOneIn.Store(0)
	if r := q.mustEnqueue(t, task)[0]; !r.Existing || r.ID != "mine" {
		t.Errorf("again: got %+v", r)
	}
	if got := direct.all(t, DefaultQueue); len(got) != 2 {
		t.Errorf("got %d tasks, want 2", len(got))
	}
}

// A request that was given up and arrives late changes nothing.
func TestStaleCallIsRefused(t *testing.T) {
	q, _ := rig(t, Options{})
	l := q.lane(0)
	b, free := q.newBatch()
	defer free()
	b.begin(q, 0, l, 1)
	b.add(&Task{Type: "t"}, "late", time.Now())
	late := b.command(q.s.enqueue)
	q.giveBack(0, l)
	q.mustEnqueue(t, &Task{Type: "t"}) // the same lane goes on
	if _, err := q.eval(t.Context(), q.s.enqueue, late); err == nil || !strings.Contains(err.Error(), "STALE") {
		t.Errorf("got %v", err)
	}
	if got := q.all(t, DefaultQueue); len(got) != 1 {
		t.Errorf("got %d tasks, want 1", len(got))
	}
	q.mustEnqueue(t, &Task{Type: "t"}) // and still does
}

func TestScriptFlush(t *testing.T) {
	q, s := rig(t, Options{})
	for range 3 {
		s.Do("SCRIPT FLUSH")
		q.mustEnqueue(t, &Task{Type: "t"})
	}
	if got := q.all(t, DefaultQueue); len(got) != 3 {
		t.Errorf("got %d tasks, want 3", len(got))
	}
}

// An emptied database is a new beginning: tasks are taken, and the names of
// queues come back.
func TestFlushAll(t *testing.T) {
	q, s := rig(t, Options{})
	q.mustEnqueue(t, &Task{ID: "a", Type: "t", Unique: "u"})
	s.Do("FLUSHALL")
	if r := q.mustEnqueue(t, &Task{ID: "a", Type: "t", Unique: "u"})[0]; r.Existing {
		t.Errorf("got %+v", r)
	}
	q.keys.of(0, DefaultQueue).noted.Add(-noteEvery.Milliseconds()) // ten seconds later
	q.mustEnqueue(t, &Task{Type: "t"})
	if got := s.Do("SISMEMBER ttp:{0}:queues default"); got != ":1\r\n" {
		t.Errorf("got %q", got)
	}
}

// A server that restarts is waited for; what it had is there once.
func TestRestart(t *testing.T) {
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	q := connect(t, s.URL(), Options{Retry: time.Minute})
	q.mustEnqueue(t, &Task{Type: "t"})
	s.Kill()
	done := make(chan error)
	go func() {
		_, err := q.Enqueue(t.Context(), &Task{Type: "t"})
		done <- err
	}()
	for q.Repeats() == 0 { // it has met the dead server
		select {
		case err := <-done:
			t.Fatalf("enqueued into a dead server: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	s.Start()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := q.all(t, DefaultQueue); len(got) != 2 {
		t.Errorf("got %d tasks, want 2", len(got))
	}
}

func TestUnavailable(t *testing.T) {
	q, s := rig(t, Options{Retry: 20 * time.Millisecond})
	s.Kill()
	q.client.Exists(t.Context(), "x") // the pool's connection is found dead
	_, err := q.Enqueue(t.Context(), &Task{Type: "t"})
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "is it running?") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	q.o.Retry = time.Hour
	if _, err := q.Enqueue(ctx, &Task{Type: "t"}); err == nil {
		t.Error("no error with a context that has ended")
	}
}

func TestClosed(t *testing.T) {
	q, _ := rig(t, Options{})
	q.Close()
	_, err := q.Enqueue(t.Context(), &Task{Type: "t"})
	wantError(t, err, ErrClosed)
	if err := q.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// A server without memory refuses all of a batch and says so; afterwards it is
// taken.
func TestServerOutOfMemory(t *testing.T) {
	q, s := rig(t, Options{})
	s.Do("CONFIG SET maxmemory 1")
	_, err := q.Enqueue(t.Context(), &Task{ID: "a", Type: "t"})
	if err == nil || !strings.Contains(err.Error(), "maxmemory") || errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
	s.Do("CONFIG SET maxmemory 0")
	if r := q.mustEnqueue(t, &Task{ID: "a", Type: "t"})[0]; r.Existing {
		t.Errorf("got %+v", r)
	}
}

func TestForeignKey(t *testing.T) {
	q, s := rig(t, Options{})
	s.Do("SET ttp:{0}:default:normal x")
	_, err := q.Enqueue(t.Context(), &Task{Type: "t"})
	if err == nil || !strings.Contains(err.Error(), "something else uses the keys ttp:{…}") {
		t.Errorf("got %v", err)
	}
}
