package chaos

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// endless is more tasks than any scenario lasts for.
const endless = 100_000_000

// Of the producer.
const (
	batch = 100 // tasks of one call
	// horizon is how long what was taken is kept for a server that forgets:
	// appendfsync everysec syncs each second and may be held up for two more, and a
	// replica that Sentinel promotes is cut off for a moment before.
	horizon = 6 * time.Second
)

// producer enqueues the tasks c0, c1, …, until all are taken, or it is told that
// it is enough.
type producer struct {
	q      taker
	n      int     // at most; once done is closed: how many they were
	rate   float64 // tasks/s; 0: as fast as it goes
	enough atomic.Bool

	done  chan struct{} // closed at the end
	err   error         // guarded by done
	taken atomic.Int64

	keeper *queue.Producer // nil: the servers forget nothing
	early  int             // tasks of which the first receipt said that they were there before; guarded by done
}

// taker is a *queue.Queue or a *queue.Producer.
type taker interface {
	Enqueue(ctx context.Context, tasks ...*queue.Task) ([]queue.Receipt, error)
}

// produce begins to enqueue n tasks.
func (s *scene) produce(n int, rate float64) *producer {
	s.t.Helper()
	return s.run(&producer{q: s.q, n: n, rate: rate, done: make(chan struct{})})
}

// produceAndKeep is produce for a server that forgets.
func (s *scene) produceAndKeep(n int, rate float64) *producer {
	s.t.Helper()
	k, err := s.q.Producer(s.t.Context(), queue.ProducerOptions{Horizon: horizon})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.run(&producer{q: k, keeper: k, n: n, rate: rate, done: make(chan struct{})})
}

func (s *scene) run(p *producer) *producer {
	s.producer = p
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	s.t.Cleanup(func() {
		cancel()
		<-p.done
		p.close(ctx) // does not wait: ctx is done
	})
	go p.run(ctx) // until all are taken, or the scene's end
	return p
}

func (p *producer) run(ctx context.Context) {
	defer close(p.done)
	start := time.Now()
	for first := 0; first < p.n; first += batch {
		if p.enough.Load() {
			p.n = first
			return
		}
		if p.rate > 0 {
			time.Sleep(time.Until(start.Add(time.Duration(float64(first) / p.rate * float64(time.Second)))))
		}
		n := min(batch, p.n-first)
		there, err := p.offer(ctx, first, n)
		if err != nil {
			p.err = fmt.Errorf("tasks %d to %d: %w", first, first+n-1, err)
			return
		}
		p.early += there
		p.taken.Add(int64(n))
	}
}

// offer enqueues a batch until it is taken, and counts what was there before.
// A producer repeats what failed: with the same IDs it does no harm.
func (p *producer) offer(ctx context.Context, first, n int) (there int, err error) {
	tasks := make([]*queue.Task, n)
	for i := range tasks {
		id := strconv.Itoa(first + i)
		tasks[i] = &queue.Task{ID: "c" + id, Type: taskType, Payload: []byte(id)}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		receipts, err := p.q.Enqueue(ctx, tasks...)
		var left []*queue.Task
		for i, r := range receipts {
			if r.Err != nil {
				left = append(left, tasks[i])
			} else if r.Existing {
				there++
			}
		}
		if len(left) == 0 {
			return there, nil
		}
		tasks = left
		select {
		case <-ctx.Done():
			return there, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// close waits until the server has held everything for a horizon.
func (p *producer) close(ctx context.Context) error {
	if p.keeper == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return p.keeper.Close(ctx)
}
