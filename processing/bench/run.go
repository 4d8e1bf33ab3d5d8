package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Case is what is the same for all systems of a run.
type Case struct {
	Tasks   int           `json:"tasks"`
	Payload int           `json:"payload_bytes"`
	Handler time.Duration `json:"handler_ns"`
	AOF     AOF           `json:"aof"`
	Workers int           `json:"workers"`
}

func (c Case) String() string {
	what := "no-op"
	if c.Handler > 0 {
		what = c.Handler.String()
	}
	return fmt.Sprintf("%d B, %s, AOF %s", c.Payload, what, c.AOF)
}

// place says where the servers of runs are.
type place struct {
	url   string        // a database that was given; empty: a server of our own for each run
	redis []int         // processors of our own servers
	rtt   time.Duration // of a network before each server; 0: the loopback as it is
}

func (p place) start(ctx context.Context, aof AOF) (*Server, error) {
	if p.url != "" {
		return UseServer(ctx, p.url)
	}
	return StartServer(ctx, aof, p.redis)
}

// prefix begins the keys of all runs.
const prefix = "ttpbench"

// patience is how long a run may make no progress at all.
const patience = 30 * time.Second

// session is a system on the server of one run.
type session struct {
	srv    *Server
	link   *link // nil: none
	sys    System
	c      Contender
	ledger *Ledger
}

// begin starts a server and opens a system for n tasks.
func (p place) begin(ctx context.Context, c Contender, aof AOF, n int, o OpenOptions) (*session, error) {
	srv, err := p.start(ctx, aof)
	if err != nil {
		return nil, err
	}
	s := &session{srv: srv, c: c, ledger: NewLedger(n)}
	seen := srv
	if p.rtt > 0 {
		if s.link, err = newLink(srv.Addr, p.rtt); err != nil {
			return nil, errors.Join(err, srv.Close())
		}
		seen = s.link.behind(srv)
	}
	o.Prefix = prefix
	if s.sys, err = c.Open(ctx, seen, o); err != nil {
		s.link.close()
		return nil, errors.Join(fmt.Errorf("bench: %s: %w", c.Name, err), srv.Close())
	}
	return s, nil
}

func (s *session) close() error {
	err := s.sys.Close()
	s.link.close()
	return errors.Join(err, s.srv.Close())
}

// produce queues the numbers from to to-1 as fast as the system takes them;
// shape may change each job.
func (s *session) produce(ctx context.Context, from, to, payload int, shape func(n int, j *Job)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	next.Store(int64(from))
	var wg sync.WaitGroup
	for range s.c.Producers {
		wg.Go(func() { // ends when all numbers are taken
			jobs := newJobs(s.c.Batch, payload)
			for ctx.Err() == nil {
				first := int(next.Add(int64(len(jobs)))) - len(jobs)
				if first >= to {
					return
				}
				batch := jobs[:min(len(jobs), to-first)]
				for i := range batch {
					PutHead(batch[i].Payload, first+i, time.Now())
					if shape != nil {
						shape(first+i, &batch[i])
					}
				}
				if err := s.sys.Enqueue(ctx, batch); err != nil {
					cancel(fmt.Errorf("bench: %s: enqueue: %w", s.c.Name, err))
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// await waits until all tasks are done, as long as some are now and then.
func (s *session) await(ctx context.Context) error {
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for left := s.ledger.left.Load(); ; {
		select {
		case <-s.ledger.Complete():
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			now := s.ledger.left.Load()
			if now == left {
				return nil // the audit counts what is missing
			}
			left = now
		}
	}
}

// Flood is a run in which everything goes as fast as it can.
type Flood struct {
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
	Cost      Cost    `json:"cost"`
	Wait      Latency `json:"wait"`
	Audit     Audit   `json:"audit"`
}

// flood enqueues and executes at the same time, from the first enqueue to the
// last completion.
func (p place) flood(ctx context.Context, c Contender, k Case) (f Flood, err error) {
	s, err := p.begin(ctx, c, k.AOF, k.Tasks, OpenOptions{})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return s.flood(ctx, k)
}

func (s *session) flood(ctx context.Context, k Case) (f Flood, err error) {
	stop, err := s.sys.Work(ctx, k.Workers, s.ledger.handler(k.Handler))
	if err != nil {
		return f, err
	}
	before, err := read(ctx, s.srv)
	if err == nil {
		err = s.produce(ctx, 0, k.Tasks, k.Payload, nil)
	}
	if err == nil {
		err = s.await(ctx)
	}
	if err != nil {
		return f, errors.Join(err, stop())
	}
	return s.settle(ctx, before, k.Tasks, stop)
}

// settle closes the account of a flood or drain.
func (s *session) settle(ctx context.Context, before meter, n int, stop func() error) (f Flood, err error) {
	after, err := read(ctx, s.srv)
	if err = errors.Join(err, stop()); err != nil {
		return f, err
	}
	end := s.ledger.end
	if end.IsZero() {
		end = after.at
	}
	f.Seconds = end.Sub(before.at).Seconds()
	f.PerSecond = quotient(float64(n), f.Seconds)
	f.Cost = after.since(before, n)
	f.Wait = s.ledger.Waits(0, n)
	f.Audit = s.ledger.Audit()
	return f, nil
}

// Split is a run in which all is queued first and executed then.
type Split struct {
	EnqueuePerSecond float64 `json:"enqueue_per_second"`
	EnqueueCost      Cost    `json:"enqueue_cost"`
	BytesQueued      float64 `json:"bytes_per_queued_task"` // of Redis' memory
	Drain            Flood   `json:"drain"`
}

// split enqueues with no worker there, then drains.
func (p place) split(ctx context.Context, c Contender, k Case) (x Split, err error) {
	s, err := p.begin(ctx, c, k.AOF, k.Tasks, OpenOptions{})
	if err != nil {
		return x, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	empty, err := read(ctx, s.srv)
	if err != nil {
		return x, err
	}
	if err := s.produce(ctx, 0, k.Tasks, k.Payload, nil); err != nil {
		return x, err
	}
	full, err := read(ctx, s.srv)
	if err != nil {
		return x, err
	}
	x.EnqueuePerSecond = quotient(float64(k.Tasks), full.at.Sub(empty.at).Seconds())
	x.EnqueueCost = full.since(empty, k.Tasks)
	x.BytesQueued = float64(full.redis.Memory-empty.redis.Memory) / float64(k.Tasks)
	stop, err := s.sys.Work(ctx, k.Workers, s.ledger.handler(k.Handler))
	if err != nil {
		return x, err
	}
	if err := s.await(ctx); err != nil {
		return x, errors.Join(err, stop())
	}
	x.Drain, err = s.settle(ctx, full, k.Tasks, stop)
	return x, err
}
