package bench

import (
	"context"
	"strings"
	"sync"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/processing/worker"
)

// ttpName is what the tables call our own system.
const ttpName = "ttp"

// Of our own producers.
const (
	ttpBatch     = 100 // tasks of one Enqueue
	ttpProducers = 2
	ttpTask      = "bench"
)

// TTP is our own queue with its worker pool, both as they come.
func TTP() Contender {
	return Contender{Name: ttpName, Batch: ttpBatch, Producers: ttpProducers, Open: openTTP}
}

func openTTP(ctx context.Context, srv *Server, o OpenOptions) (System, error) {
	url := srv.URL
	if o.Nodes != nil {
		url = "redis+cluster://" + strings.Join(o.Nodes, ",")
	}
	q, err := queue.Open(ctx, queue.Options{URL: url, Prefix: o.Prefix, Shards: max(o.Shards, 1), MaxPayload: 1 << 20})
	if err != nil {
		return nil, err
	}
	s := &ttpSystem{q: q}
	s.batches.New = func() any { return newTasks(ttpBatch) }
	return s, nil
}

type ttpSystem struct {
	q       *queue.Queue
	batches sync.Pool // of *tasks
}

// tasks are what Enqueue is given, used again.
type tasks struct {
	all  []queue.Task
	each []*queue.Task
}

func newTasks(n int) *tasks {
	b := &tasks{all: make([]queue.Task, n), each: make([]*queue.Task, n)}
	for i := range b.all {
		b.each[i] = &b.all[i]
	}
	return b
}

// Enqueue implements System.
func (s *ttpSystem) Enqueue(ctx context.Context, jobs []Job) error {
	b := s.batches.Get().(*tasks)
	defer s.batches.Put(b)
	for i := range jobs {
		j := &jobs[i]
		class := queue.Normal
		if j.Critical {
			class = queue.Critical
		} else if j.Bulk {
			class = queue.Bulk
		}
		b.all[i] = queue.Task{Type: ttpTask, Payload: j.Payload, Class: class, NotBefore: j.Due}
	}
	_, err := s.q.Enqueue(ctx, b.each[:len(jobs)]...)
	return err
}

// Work implements System.
func (s *ttpSystem) Work(ctx context.Context, workers int, handle func([]byte)) (func() error, error) {
	p := worker.New(s.q, worker.Options{Workers: workers})
	p.Handle(ttpTask, func(_ context.Context, d *queue.Delivery) ([]byte, error) {
		handle(d.Payload)
		return nil, nil
	})
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }() // until cancel
	return func() error {
		cancel()
		return <-ended
	}, nil
}

// Close implements System.
func (s *ttpSystem) Close() error { return s.q.Close() }
