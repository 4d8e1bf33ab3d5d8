package worker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

func TestAHungHandlerLosesItsTaskAndItsAnswer(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	hung, other := newTally(), newTally()
	goOn := make(chan struct{})
	p := New(q, Options{Lease: time.Second, Grace: 100 * time.Millisecond, Observer: hung, Log: quiet()})
	p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) {
		<-goOn
		return nil, nil
	})
	run(t, p)
	ids := enqueue(t, q, 1, "a", func(x *queue.Task) { x.Timeout = 200 * time.Millisecond })
	until(t, "it runs", func() bool { return p.Stats().Running == 1 })
	p2 := New(q, Options{Lease: time.Second, Observer: other, Log: quiet()})
	p2.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) { return nil, nil })
	run(t, p2)
	until(t, "the other has done it", func() bool { return totals(t, q).Done == 1 })
	other.wantOnce(t, ids)
	hung.wantOnce(t, ids)
	close(goOn)
	until(t, "the late answer is refused", func() bool { return totals(t, q).Lost == 1 && hung.event(Lost) >= 1 })
	if got := totals(t, q); got.Done != 1 || hung.event(Hung) != 1 {
		t.Errorf("done %d, hung %d; want 1, 1", got.Done, hung.event(Hung))
	}
}

func TestATaskThatKillsItsWorkersBecomesADeadLetter(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{MaxAttempts: 2})
	enqueue(t, q, 1, "a")
	for range 2 { // two workers take it and die
		c, err := q.Consumer(queue.ConsumerOptions{Lease: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		var got []queue.Delivery
		until(t, "it is taken", func() bool {
			got, err = c.Fetch(t.Context(), 0, queue.Credits{1, 1, 1, 1}, 0, nil)
			if err == nil && len(got) == 0 {
				got, err = c.Recover(t.Context(), 0, 1, nil)
			}
			return err == nil && len(got) == 1
		})
	}
	seen := newTally()
	p := New(q, Options{Lease: time.Second, Observer: seen, Log: quiet()})
	p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) { return nil, nil })
	run(t, p)
	until(t, "it is dead", func() bool { return totals(t, q).Dead == 1 })
	if e, _ := seen.end("a0"); e.Reason != queue.Poison || e.Ran {
		t.Errorf("it ended as %+v, want poison and not run", e)
	}
}

func TestAServerWithoutMemoryLetsTasksBeFinished(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{Retry: -1})
	ids := enqueue(t, q, 500, "a", func(x *queue.Task) { x.Payload = make([]byte, 1000) })
	s.Do("CONFIG SET maxmemory 1mb")
	if _, err := q.Enqueue(t.Context(), &queue.Task{Type: "t"}); err == nil || !strings.Contains(err.Error(), "maxmemory") {
		t.Errorf("enqueue: %v, want an error that names maxmemory", err)
	}
	seen := newTally()
	p := New(q, Options{Observer: seen, Log: quiet()})
	p.Handle("t", func(_ context.Context, d *queue.Delivery) ([]byte, error) {
		if d.ID == "a3" {
			return nil, Fatal(errors.New("no"))
		}
		return nil, nil
	})
	run(t, p)
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	seen.wantOnce(t, ids)
	if got := totals(t, q); got.Done != 499 || got.Dead != 1 {
		t.Errorf("done %d, dead %d; want 499, 1", got.Done, got.Dead)
	}
}

func TestClusterWithScriptsForgotten(t *testing.T) {
	c := redistest.StartCluster(t, 3)
	q := openQueue(t, "redis+cluster://"+strings.Join(c.Addrs(), ","), queue.Options{Shards: 4})
	seen := newTally()
	p := New(q, Options{Observer: seen, Log: quiet()})
	p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) { return nil, nil })
	run(t, p)
	ids := enqueue(t, q, 500, "a")
	for _, s := range c.Nodes {
		s.Do("SCRIPT FLUSH")
	}
	ids = append(ids, enqueue(t, q, 500, "b", func(x *queue.Task) { x.Class = queue.Critical })...)
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	seen.wantOnce(t, ids)
}

func TestALongTaskPinsNothing(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	goOn := make(chan struct{})
	p := New(q, Options{Log: quiet()})
	p.Handle("long", func(context.Context, *queue.Delivery) ([]byte, error) {
		<-goOn
		return nil, nil
	})
	p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) { return nil, nil })
	run(t, p)
	enqueue(t, q, 1, "long", func(x *queue.Task) { x.Type = "long" })
	until(t, "it runs", func() bool { return p.Stats().Running == 1 })
	enqueue(t, q, 5000, "a")
	until(t, "the others are done", func() bool { return totals(t, q).Done == 5000 })
	const stream = "ttp:{0}:default:normal"
	c := client(t, s)
	if n := c.XLen(t.Context(), stream).Val(); n != 1 {
		t.Errorf("the stream holds %d entries, want that of the long task", n)
	}
	g, err := c.XInfoGroups(t.Context(), stream).Result()
	if err != nil || len(g) != 1 || g[0].Lag != 0 {
		t.Errorf("groups %+v, %v; want lag 0", g, err)
	}
	if n := c.MemoryUsage(t.Context(), stream).Val(); n > 64<<10 {
		t.Errorf("the stream takes %d bytes with one entry", n)
	}
	close(goOn)
}
