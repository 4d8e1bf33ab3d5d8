package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Open is a run at a fixed rate.
type Open struct {
	Rate    float64 `json:"rate"`      // intended, tasks/s
	Sent    float64 `json:"sent"`      // achieved by the senders
	Seconds float64 `json:"seconds"`   // intended
	Wait    Latency `json:"wait"`      // from the intended moment to the handler's start
	Total   Latency `json:"total"`     // … to its end
	Redis   float64 `json:"redis_cpu"` // share of a processor
	Client  float64 `json:"client_cpu"`
	Audit   Audit   `json:"audit"`
}

// pace says when the tasks of an open loop are to be sent: task i of it at
// start + i/rate.
type pace struct {
	start time.Time
	rate  float64
}

func (p pace) at(i int) time.Time {
	return p.start.Add(time.Duration(float64(i) / p.rate * float64(time.Second)))
}

// due is how many tasks are to have been sent by now.
func (p pace) due(now time.Time) int {
	return int(now.Sub(p.start).Seconds()*p.rate) + 1
}

// schedule hands the tasks of an open loop out to its senders.
type schedule struct {
	pace
	n int

	mu   sync.Mutex // guards sent; whoever holds it waits for the next moment
	sent int
}

// take waits until a task is due and takes it with all that are due, at most so
// many: what waits because every sender waits for Redis goes in one batch, as a
// program would send it. n is 0 when all are taken or ctx is done.
func (s *schedule) take(ctx context.Context, most int) (first, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.sent < s.n && ctx.Err() == nil {
		if n = min(s.due(time.Now()), s.n) - s.sent; n > 0 {
			first, n = s.sent, min(n, most)
			s.sent += n
			return first, n
		}
		time.Sleep(time.Until(s.at(s.sent)))
	}
	return 0, 0
}

// open sends the numbers from to to-1, each when its moment has come, whatever
// becomes of those before.
func (s *session) open(ctx context.Context, from, to, payload int, p pace, shape func(*Job)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	plan := &schedule{pace: p, n: to - from}
	var wg sync.WaitGroup
	for range s.c.Producers {
		wg.Go(func() { // ends when all are taken
			jobs := newJobs(s.c.Batch, payload)
			for {
				first, n := plan.take(ctx, s.c.Batch)
				if n == 0 {
					return
				}
				for i := range n {
					PutHead(jobs[i].Payload, from+first+i, p.at(first+i))
					if shape != nil {
						shape(&jobs[i])
					}
				}
				if err := s.sys.Enqueue(ctx, jobs[:n]); err != nil {
					cancel(fmt.Errorf("bench: %s: enqueue: %w", s.c.Name, err))
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// open runs a system at a rate for a time.
func (p place) open(ctx context.Context, c Contender, k Case, rate float64, d time.Duration) (o Open, err error) {
	n := max(int(rate*d.Seconds()), 1)
	s, err := p.begin(ctx, c, k.AOF, n, OpenOptions{})
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	stop, err := s.sys.Work(ctx, k.Workers, s.ledger.handler(k.Handler))
	if err != nil {
		return o, err
	}
	before, err := read(ctx, s.srv)
	if err != nil {
		return o, errors.Join(err, stop())
	}
	start := time.Now().Add(10 * time.Millisecond)
	err = s.open(ctx, 0, n, k.Payload, pace{start, rate}, nil)
	sent := time.Since(start)
	if err == nil {
		err = s.await(ctx)
	}
	after, err2 := read(ctx, s.srv)
	if err = errors.Join(err, err2, stop()); err != nil {
		return o, err
	}
	wall := after.at.Sub(before.at)
	return Open{
		Rate: rate, Sent: quotient(float64(n), sent.Seconds()), Seconds: d.Seconds(),
		Wait: s.ledger.Waits(0, n), Total: s.ledger.Totals(0, n),
		Redis:  quotient((after.redis.CPU - before.redis.CPU).Seconds(), wall.Seconds()),
		Client: quotient((after.client - before.client).Seconds(), wall.Seconds()),
		Audit:  s.ledger.Audit(),
	}, nil
}
