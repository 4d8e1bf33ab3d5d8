package worker

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

const (
	recoverEvery = 500 * time.Millisecond
	cancelEvery  = time.Second
	sweepEvery   = 10 * time.Minute
	// recoverAtLeast is how many tasks of others a small pool takes over at a
	// time.
	recoverAtLeast = 16
)

// keep renews leases and takes over what others left, until the pool is over.
// Run starts it.
func (s *shard) keep(ctx context.Context) {
	now := time.Now()
	renew, look := now.Add(s.p.o.Lease/3), now.Add(cancelEvery)
	take, sweep := now, now.Add(rand.N(sweepEvery))
	for {
		next := renew
		for _, t := range [...]time.Time{take, look, sweep} {
			if t.Before(next) {
				next = t
			}
		}
		if !pause(time.Until(next), s.over) {
			return
		}
		now = time.Now()
		if !now.Before(renew) {
			renew = now.Add(s.p.o.Lease / 3)
			s.renew(ctx, now)
		}
		if !now.Before(take) {
			take = now.Add(recoverEvery*3/4 + rand.N(recoverEvery/2))
			s.recover(ctx)
		}
		if !now.Before(look) {
			look = now.Add(cancelEvery)
			s.lookForCanceled(ctx)
		}
		if !now.Before(sweep) {
			sweep = now.Add(sweepEvery)
			if err := s.p.consumer.Sweep(ctx, s.number); err != nil {
				s.trouble("sweep", err)
			}
		}
	}
}

// renew renews the leases of all tasks but the hung ones.
func (s *shard) renew(ctx context.Context, now time.Time) {
	var ds []*queue.Delivery
	tasks := make(map[*queue.Delivery]*task)
	for _, t := range s.all() {
		hung, fresh := t.overdue(now, s.p.o.Grace)
		if fresh {
			s.p.o.Log.Error("worker: handler hangs: it is past its timeout and the grace, and its task is left to others",
				"task", t.d.ID, "type", t.d.Type, "timeout", t.d.Timeout, "attempt", t.d.Attempt)
			s.p.o.Observer.Happened(Event{Kind: Hung, Shard: s.number, N: 1})
		}
		if !hung {
			ds, tasks[t.d] = append(ds, t.d), t
		}
	}
	if len(ds) == 0 {
		return
	}
	lost, err := s.p.consumer.Renew(ctx, s.number, ds)
	if err != nil {
		s.trouble("renew", err)
		return
	}
	n := 0
	var idle []*task
	for _, d := range lost {
		switch t := tasks[d]; {
		case !t.open(): // it was finished meanwhile
		case t.waits():
			n++
			idle = append(idle, t)
		default:
			n++
			t.stop(errLost)
		}
	}
	s.giveBack(ctx, idle) // to whom has them: they are not begun here
	s.p.o.Observer.Happened(Event{Kind: Renewed, Shard: s.number, N: len(ds) - n})
	if n > 0 {
		s.p.o.Observer.Happened(Event{Kind: Lost, Shard: s.number, N: n})
	}
}

// recover takes over what nobody works on and deals it.
func (s *shard) recover(ctx context.Context) {
	select {
	case <-s.p.stop:
		return
	default:
	}
	ds, err := s.p.consumer.Recover(ctx, s.number, max(2*s.p.o.Workers, recoverAtLeast), nil)
	if err != nil {
		s.trouble("recover", err)
	}
	if len(ds) == 0 {
		return
	}
	s.p.o.Observer.Happened(Event{Kind: Recovered, Shard: s.number, N: len(ds)})
	s.deal(ctx, ds)
}

// lookForCanceled ends the contexts of tasks that were canceled.
func (s *shard) lookForCanceled(ctx context.Context) {
	all := s.all()
	ds, tasks := make([]*queue.Delivery, len(all)), make(map[*queue.Delivery]*task, len(all))
	for i, t := range all {
		ds[i], tasks[t.d] = t.d, t
	}
	gone, err := s.p.consumer.Canceled(ctx, s.number, ds)
	if err != nil {
		s.trouble("canceled", err)
		return
	}
	for _, d := range gone {
		tasks[d].stop(errCanceled)
	}
}
