package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

func TestReservedWorkersRunCriticalTasksWhileAllOthersAreBusy(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	var w waits
	goOn := make(chan struct{})
	p := New(q, Options{Workers: 2, Log: quiet()})
	p.Handle("long", func(context.Context, *queue.Delivery) ([]byte, error) {
		<-goOn
		return nil, nil
	})
	p.Handle("t", func(_ context.Context, d *queue.Delivery) ([]byte, error) {
		w.add(time.Since(d.Ready()))
		return nil, nil
	})
	run(t, p)
	enqueue(t, q, 10, "long", func(x *queue.Task) { x.Type = "long" })
	until(t, "all workers are busy", func() bool { return p.Stats().Running == 2 })
	for i := range 50 {
		enqueue(t, q, 1, fmt.Sprintf("c%d-", i), func(x *queue.Task) { x.Class = queue.Critical })
		pause(5*time.Millisecond, nil)
	}
	until(t, "the critical ones are done", func() bool { return totals(t, q).Done == 50 })
	t.Logf("waited: p50 %v, p99 %v", w.at(0.5), w.at(0.99))
	if got := w.at(0.5); got > 250*time.Millisecond { // a busy machine; ttp bench measures
		t.Errorf("half of them waited %v, want a few ms", got)
	}
	close(goOn)
	until(t, "the long ones are done", func() bool { return totals(t, q).Done == 60 })
}

func TestWhatWasGivenBackOfAPausedQueueWaitsForItsResume(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	began := make(chan struct{}, 8)
	first := New(q, Options{Grace: time.Millisecond, Log: quiet()})
	first.Handle("t", func(ctx context.Context, _ *queue.Delivery) ([]byte, error) {
		began <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	r := run(t, first)
	ids := enqueue(t, q, 3, "a")
	for range ids {
		<-began
	}
	if err := q.Pause(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	r.halt(t)
	seen := newTally()
	p := New(q, Options{Observer: seen, Log: quiet()})
	p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) { return nil, nil })
	run(t, p)
	pause(1500*time.Millisecond, nil)
	if got := seen.counts(); len(got) != 0 {
		t.Errorf("ran of a paused queue: %v", got)
	}
	if err := q.Resume(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	seen.wantOnce(t, ids)
}

func TestValkey(t *testing.T) {
	s := redistest.StartValkey(t)
	q := openQueue(t, s.URL(), queue.Options{Shards: 2})
	seen := newTally()
	ids := enqueue(t, q, 1000, "a", func(x *queue.Task) { x.Class = queue.Class(len(x.ID) % queue.NumClasses) })
	for range 2 {
		p := New(openQueue(t, s.URL(), queue.Options{Shards: 2}), Options{Observer: seen, Lease: time.Minute, Log: quiet()})
		p.Handle("t", func(_ context.Context, d *queue.Delivery) ([]byte, error) {
			pause(time.Millisecond, nil)
			if d.ID == "a7" {
				return nil, Fatal(errors.New("no"))
			}
			return nil, nil
		})
		r := run(t, p)
		at := len(seen.counts())
		until(t, "it works", func() bool { return len(seen.counts()) > at+100 })
		r.halt(t)
	}
	p := New(q, Options{Observer: seen, Lease: time.Minute, Log: quiet()})
	p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) { return nil, nil })
	run(t, p)
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	seen.wantOnce(t, ids)
	if got := totals(t, q); got.Done != 999 || got.Dead != 1 || got.Lost != 0 {
		t.Errorf("done %d, dead %d, lost %d; want 999, 1, 0", got.Done, got.Dead, got.Lost)
	}
}

func TestAKilledRedisLosesNothingOfWhatItKept(t *testing.T) {
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "everysec")
	q := openQueue(t, s.URL(), queue.Options{})
	ids := enqueue(t, q, 2000, "a")
	pause(2*time.Second, nil) // until the tasks are on disk; what is finished later may be forgotten
	seen := newTally()
	p := New(q, Options{Observer: seen, Lease: 2 * time.Second, Log: quiet()})
	p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) {
		pause(time.Millisecond, nil)
		return nil, nil
	})
	run(t, p)
	until(t, "it works", func() bool { return len(seen.counts()) > 500 })
	s.Kill()
	s.Start()
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	got := seen.counts()
	for _, id := range ids {
		if got[id] == 0 {
			t.Errorf("%s never ran", id)
		}
	}
}

func TestASlotThatMovesLosesNothing(t *testing.T) {
	c := redistest.StartCluster(t, 2)
	q := openQueue(t, "redis+cluster://"+strings.Join(c.Addrs(), ","), queue.Options{})
	seen := newTally()
	p := New(q, Options{Observer: seen, Lease: time.Minute, Log: quiet()})
	p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) {
		pause(time.Millisecond, nil)
		return nil, nil
	})
	run(t, p)
	ids := enqueue(t, q, 1000, "a")
	until(t, "it works", func() bool { return len(seen.counts()) > 100 })
	from, slot := c.Owner("ttp:{0}:queues")
	to := 1 - from
	c.BeginMove(slot, from, to)
	for { // keys may appear meanwhile
		reply := c.Nodes[from].Do(fmt.Sprintf("CLUSTER GETKEYSINSLOT %d 10000", slot))
		if strings.HasPrefix(reply, "*0") {
			break
		}
		for line := range strings.Lines(reply) {
			if key := strings.TrimSpace(line); strings.HasPrefix(key, "ttp:") {
				c.MoveKey(key, from, to)
			}
		}
	}
	c.EndMove(slot, to)
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	seen.wantOnce(t, ids)
}

func TestAResultThatIsTooLargeIsNotKept(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{MaxPayload: 100})
	seen := newTally()
	p := New(q, Options{Observer: seen, Log: quiet()})
	p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) { return make([]byte, 101), nil })
	run(t, p)
	enqueue(t, q, 1, "a", func(x *queue.Task) { x.Keep = time.Minute })
	info, err := q.Wait(t.Context(), "a0")
	if err != nil || info.State != queue.StateDone || len(info.Result) != 0 {
		t.Errorf("wait: %+v, %v; want done without a result", info, err)
	}
	if e, _ := seen.end("a0"); e.Err == nil {
		t.Error("nobody was told")
	}
}

func TestAPoolTellsWhatItIs(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	p := New(q, Options{Workers: 3, Reserved: -1, Log: quiet()})
	p.Handle("b", func(context.Context, *queue.Delivery) ([]byte, error) { return nil, nil })
	p.Handle("a", func(context.Context, *queue.Delivery) ([]byte, error) { return nil, nil })
	if got := slices.Sorted(slices.Values(p.Types())); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("types %v", got)
	}
	if got := p.Stats(); got != (Stats{Workers: 3}) {
		t.Errorf("stats before Run: %+v", got)
	}
	run(t, p)
	until(t, "it runs", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.running })
	if err := p.Run(t.Context()); !errors.Is(err, ErrRunning) {
		t.Errorf("a second Run: %v", err)
	}
	s.Kill()
	until(t, "it tells that Redis is gone", func() bool { return p.Stats().Unreachable == 1 })
	s.Start()
	until(t, "it tells that Redis is back", func() bool { return p.Stats().Unreachable == 0 })
	for k := Fetched; k <= Trouble; k++ {
		if k.String() == "unknown" {
			t.Errorf("event %d has no name", k)
		}
	}
	for _, f := range []func(){
		func() { p.Handle("c", func(context.Context, *queue.Delivery) ([]byte, error) { return nil, nil }) },
		func() { p.Use() },
		func() { New(q, Options{}).Handle("", nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a programmer's error went through")
				}
			}()
			f()
		}()
	}
}
