package worker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// waits collects how long tasks waited.
type waits struct {
	mu sync.Mutex // guards d
	d  []time.Duration
}

func (w *waits) add(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.d = append(w.d, d)
}

// at returns the given part of all in order, 0.99 for the 99th percentile.
func (w *waits) at(part float64) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.d)
	return w.d[int(part*float64(len(w.d)-1))]
}

func TestCriticalTasksPassABacklog(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	for i := range 20 {
		enqueue(t, q, 1000, fmt.Sprintf("bulk%d-", i), func(x *queue.Task) { x.Class = queue.Bulk })
	}
	var w waits
	p := New(q, Options{Log: quiet()})
	p.Handle("t", func(_ context.Context, d *queue.Delivery) ([]byte, error) {
		if d.Class == queue.Critical {
			w.add(time.Since(d.Ready()))
			return nil, nil
		}
		pause(10*time.Millisecond, nil)
		return nil, nil
	})
	run(t, p)
	for i := range 200 {
		enqueue(t, q, 1, fmt.Sprintf("c%d-", i), func(x *queue.Task) { x.Class = queue.Critical })
		pause(5*time.Millisecond, nil)
	}
	until(t, "the critical ones are done", func() bool {
		s, err := q.Stats(t.Context())
		return err == nil && s.Queues[0].Classes[0].Waiting+s.Queues[0].Classes[0].Running == 0
	})
	if left := totals(t, q).Classes[3].Waiting; left < 10_000 {
		t.Fatalf("only %d bulk tasks are left: this tested nothing", left)
	}
	t.Logf("critical tasks waited: p50 %v, p99 %v", w.at(0.5), w.at(0.99))
	if got := w.at(0.5); got > 250*time.Millisecond { // a busy machine; ttp bench measures
		t.Errorf("half of the critical tasks waited %v, want a few ms", got)
	}
}

func TestDelayedTasksRunOnTime(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	var w waits
	p := New(q, Options{Log: quiet()})
	p.Handle("t", func(_ context.Context, d *queue.Delivery) ([]byte, error) {
		w.add(time.Since(d.NotBefore))
		return nil, nil
	})
	run(t, p)
	now := time.Now()
	for i := range 300 {
		enqueue(t, q, 1, fmt.Sprintf("d%d-", i), func(x *queue.Task) {
			x.NotBefore = now.Add(time.Second + time.Duration(i)*3*time.Millisecond)
		})
	}
	until(t, "all are done", func() bool { return totals(t, q).Done == 300 })
	t.Logf("late: p50 %v, p99 %v", w.at(0.5), w.at(0.99))
	if w.at(0) < -time.Millisecond {
		t.Errorf("one ran %v before it was due", -w.at(0))
	}
	if got := w.at(0.5); got > 500*time.Millisecond { // a busy machine; ttp bench measures
		t.Errorf("half of them were %v late, want a few ms", got)
	}
}

func TestTwoPoolsFireARecurringTaskOnce(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	seen := newTally()
	for range 2 {
		p := New(openQueue(t, s.URL(), queue.Options{}), Options{Observer: seen, Log: quiet()})
		p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) { return nil, nil })
		run(t, p)
	}
	if err := q.Schedule(t.Context(), queue.Recurring{Name: "often", Every: time.Second, Task: queue.Task{Type: "t"}}); err != nil {
		t.Fatal(err)
	}
	until(t, "it fired three times", func() bool { return len(seen.counts()) >= 3 })
	for id, n := range seen.counts() {
		if n != 1 || !strings.HasPrefix(id, "often@") {
			t.Errorf("%s ran %d times", id, n)
		}
	}
	if fired, ran := seen.event(Fired), len(seen.counts()); fired > ran+1 {
		t.Errorf("%d firings for %d runs", fired, ran)
	}
}

func TestWorkersScale(t *testing.T) {
	s := redistest.Start(t)
	rate := func(workers, tasks int) float64 {
		q := openQueue(t, s.URL(), queue.Options{Prefix: fmt.Sprintf("w%d", workers)})
		enqueue(t, q, tasks, "a")
		seen := newTally()
		p := New(q, Options{Workers: workers, Observer: seen, Log: quiet()})
		p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) {
			pause(10*time.Millisecond, nil)
			return nil, nil
		})
		begin := time.Now()
		r := run(t, p)
		until(t, "all have run", func() bool { return len(seen.counts()) == tasks })
		took := time.Since(begin)
		r.halt(t)
		return float64(tasks) / took.Seconds()
	}
	one, eight := rate(1, 100), rate(8, 800)
	t.Logf("1 worker %.1f/s, 8 workers %.1f/s: %.2f of linear", one, eight, eight/one/8)
	if eight < 2.5*one {
		t.Errorf("8 workers do %.1f times what one does, want 7.2, and 2.5 on a busy machine", eight/one)
	}
}
