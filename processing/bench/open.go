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

// batchOf is what one sender is to send.
type batchOf struct {
	first, n int
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

// open sends the numbers from to to-1, each when its moment has come, whatever
// becomes of those before: what is late by then goes in batches.
func (s *session) open(ctx context.Context, from, to, payload int, p pace, shape func(*Job)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Whoever is to send may be waiting for Redis: then batches wait here, and
	// their time runs.
	queue := make(chan batchOf, to-from)
	var wg sync.WaitGroup
	for range s.c.Producers {
		wg.Go(func() { // ends with queue
			jobs := newJobs(s.c.Batch, payload)
			for b := range queue {
				for i := range b.n {
					PutHead(jobs[i].Payload, from+b.first+i, p.at(b.first+i))
					if shape != nil {
						shape(&jobs[i])
					}
				}
				if err := s.sys.Enqueue(ctx, jobs[:b.n]); err != nil {
					cancel(fmt.Errorf("bench: %s: enqueue: %w", s.c.Name, err))
					return
				}
			}
		})
	}
	s.dispatch(ctx, to-from, p, queue)
	close(queue)
	wg.Wait()
	return context.Cause(ctx)
}

// dispatch gives out the tasks that are due, until n are.
func (s *session) dispatch(ctx context.Context, n int, p pace, queue chan<- batchOf) {
	for sent := 0; sent < n && ctx.Err() == nil; {
		due := min(p.due(time.Now()), n)
		for sent < due {
			b := batchOf{sent, min(s.c.Batch, due-sent)}
			queue <- b
			sent += b.n
		}
		if sent < n {
			time.Sleep(time.Until(p.at(sent)))
		}
	}
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
