package worker

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// patience bounds what a test waits for, however slow the machine is.
const patience = 60 * time.Second

// openQueue connects to a server.
func openQueue(tb testing.TB, url string, o queue.Options) *queue.Queue {
	tb.Helper()
	o.URL = url
	q, err := queue.Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { q.Close() })
	return q
}

// quiet logs nowhere.
func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// running is a pool under way.
type running struct {
	*Pool
	stop  context.CancelFunc
	ended chan error
}

// run runs a pool until the test ends, if it is not stopped sooner.
func run(tb testing.TB, p *Pool) *running {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Pool: p, stop: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- p.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		select {
		case <-r.ended:
		case <-time.After(patience):
			tb.Error("the pool does not stop")
		}
	})
	return r
}

// halt stops the pool and waits until it has ended.
func (r *running) halt(tb testing.TB) {
	tb.Helper()
	r.stop()
	select {
	case err := <-r.ended:
		r.ended <- err
		if err != nil {
			tb.Errorf("run: %v", err)
		}
	case <-time.After(patience):
		tb.Fatal("the pool does not stop")
	}
}

// tally counts what happened, by task.
type tally struct {
	mu     sync.Mutex // guards all below
	runs   map[string]int
	events map[EventKind]int
	ends   map[queue.OutcomeKind]int
	last   map[string]End
	at     map[string]time.Time // of the last begin
}

func newTally() *tally {
	return &tally{
		runs: make(map[string]int), events: make(map[EventKind]int),
		ends: make(map[queue.OutcomeKind]int), last: make(map[string]End), at: make(map[string]time.Time),
	}
}

// Began implements Observer.
func (t *tally) Began(d *queue.Delivery) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.runs[d.ID]++
	t.at[d.ID] = time.Now()
}

// Ended implements Observer.
func (t *tally) Ended(d *queue.Delivery, e *End) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ends[e.Kind]++
	t.last[d.ID] = *e
}

// Happened implements Observer.
func (t *tally) Happened(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events[e.Kind] += e.N
}

// event is how often something happened.
func (t *tally) event(k EventKind) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.events[k]
}

// counts are how often each task ran.
func (t *tally) counts() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.runs)
}

// end is how a task's last delivery ended.
func (t *tally) end(id string) (End, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.last[id]
	return e, ok
}

// until waits for a condition.
func until(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	deadline := time.Now().Add(patience)
	for !cond() {
		if time.Now().After(deadline) {
			tb.Fatalf("in vain: %s", what)
		}
		select {
		case <-tb.Context().Done():
			tb.Fatal(tb.Context().Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// enqueue enqueues n tasks of a type with IDs of the prefix.
func enqueue(tb testing.TB, q *queue.Queue, n int, prefix string, change ...func(*queue.Task)) []string {
	tb.Helper()
	tasks, ids := make([]*queue.Task, n), make([]string, n)
	for i := range tasks {
		ids[i] = fmt.Sprintf("%s%d", prefix, i)
		tasks[i] = &queue.Task{ID: ids[i], Type: "t", Payload: []byte(ids[i])}
		for _, f := range change {
			f(tasks[i])
		}
	}
	if _, err := q.Enqueue(tb.Context(), tasks...); err != nil {
		tb.Fatal(err)
	}
	return ids
}

// wantOnce fails unless each of the tasks ran exactly once, and no other did.
func (t *tally) wantOnce(tb testing.TB, ids []string) {
	tb.Helper()
	got := t.counts()
	for _, id := range ids {
		if got[id] != 1 {
			tb.Errorf("task %s ran %d times, want 1", id, got[id])
		}
	}
	if len(got) != len(ids) {
		tb.Errorf("%d tasks ran, want %d", len(got), len(ids))
	}
}

// totals sums up the queue's numbers.
func totals(tb testing.TB, q *queue.Queue) (sum queue.QueueStats) {
	tb.Helper()
	s, err := q.Stats(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	for i := range s.Queues {
		x := &s.Queues[i]
		for j := range x.Classes {
			sum.Classes[j].Waiting += x.Classes[j].Waiting
			sum.Classes[j].Running += x.Classes[j].Running
		}
		sum.Delayed, sum.Dead, sum.Done = sum.Delayed+x.Delayed, sum.Dead+x.Dead, sum.Done+x.Done
		sum.Retried, sum.Died, sum.Lost, sum.Canceled = sum.Retried+x.Retried, sum.Died+x.Died, sum.Lost+x.Lost, sum.Canceled+x.Canceled
	}
	return sum
}

// empty reports whether nothing waits, runs or is delayed.
func empty(tb testing.TB, q *queue.Queue) bool {
	s := totals(tb, q)
	return s.Waiting() == 0 && s.Running() == 0 && s.Delayed == 0
}

// client is a connection of the test's own.
func client(tb testing.TB, s *redistest.Server) *redis.Client {
	tb.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, MaxRetries: -1, DisableIdentity: true})
	tb.Cleanup(func() { c.Close() })
	return c
}

// addArgs are the arguments of XADD with raw fields.
func addArgs(stream string, fields ...string) *redis.XAddArgs {
	return &redis.XAddArgs{Stream: stream, Values: fields}
}
