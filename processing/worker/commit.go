package worker

import (
	"context"
	"sync"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

const (
	commitEvery = 2 * time.Millisecond
	commitBatch = 256
	// maxUncommitted is when handlers' goroutines wait for Redis.
	maxUncommitted = 32 * commitBatch
)

// outbox is what handlers have ended and Redis does not know yet.
type outbox struct {
	first chan struct{} // it is not empty any more
	full  chan struct{} // there is a batch

	mu    sync.Mutex // guards all below
	room  *sync.Cond // there is less than maxUncommitted
	outs  []queue.Outcome
	tasks []*task
	busy  int  // taken by the committer, which Redis has not confirmed
	gone  bool // the committer has ended
}

func (b *outbox) prepare() {
	b.first, b.full = make(chan struct{}, 1), make(chan struct{}, 1)
	b.room = sync.NewCond(&b.mu)
}

// finish hands an outcome to the committer.
func (s *shard) finish(t *task, o queue.Outcome) {
	b := &s.outs
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.outs) >= maxUncommitted && !b.gone {
		b.room.Wait()
	}
	b.outs, b.tasks = append(b.outs, o), append(b.tasks, t)
	switch len(b.outs) {
	case 1:
		signal(b.first)
	case commitBatch:
		signal(b.full)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// uncommitted is how much Redis does not know.
func (s *shard) uncommitted() int {
	s.outs.mu.Lock()
	defer s.outs.mu.Unlock()
	return len(s.outs.outs) + s.outs.busy
}

// committer finishes tasks in batches.
type committer struct {
	s     *shard
	outs  []queue.Outcome
	tasks []*task
	timer *time.Timer
}

// commit finishes tasks until the pool is over. Run starts it.
func (s *shard) commit(ctx context.Context) {
	c := &committer{s: s, timer: time.NewTimer(0)}
	defer c.timer.Stop()
	for c.gather() {
		for c.take(commitBatch) > 0 {
			c.tell(ctx)
			if s.waiting() < commitBatch {
				break
			}
		}
	}
	for c.take(commitBatch) > 0 && c.tell(ctx) {
	}
	s.outs.mu.Lock()
	s.outs.gone = true
	s.outs.room.Broadcast()
	s.outs.mu.Unlock()
}

func (s *shard) waiting() int {
	s.outs.mu.Lock()
	defer s.outs.mu.Unlock()
	return len(s.outs.outs)
}

// gather waits for a batch, or for what has come a while after the first; it
// returns false when the pool is over.
func (c *committer) gather() bool {
	b := &c.s.outs
	if c.s.waiting() == 0 {
		select {
		case <-b.first:
		case <-c.s.over:
			return false
		}
	}
	c.timer.Reset(commitEvery)
	select {
	case <-b.full:
	case <-c.timer.C:
	case <-c.s.over:
		return false
	}
	return true
}

// take moves a batch out of the box.
func (c *committer) take(most int) int {
	b := &c.s.outs
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.outs), most)
	c.outs, c.tasks = append(c.outs[:0], b.outs[:n]...), append(c.tasks[:0], b.tasks[:n]...)
	rest := copy(b.outs, b.outs[n:])
	copy(b.tasks, b.tasks[n:])
	clear(b.outs[rest:])
	clear(b.tasks[rest:])
	b.outs, b.tasks = b.outs[:rest], b.tasks[:rest]
	b.busy += n
	b.room.Broadcast()
	return n
}

// tell tells Redis of the batch; false: it could not until the end.
func (c *committer) tell(ctx context.Context) bool {
	s, begin := c.s, time.Now()
	defer clear(c.outs)
	defer clear(c.tasks)
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, maxTrouble) {
		lost, err := s.p.consumer.Finish(ctx, s.number, c.outs)
		if err == nil {
			s.well()
			c.told(lost, time.Since(begin))
			return true
		}
		s.trouble("finish", err)
		if !pause(wait, ctx.Done()) {
			return false
		}
	}
}

func (c *committer) told(lost int, took time.Duration) {
	s := c.s
	s.outs.mu.Lock()
	s.outs.busy -= len(c.outs)
	s.outs.mu.Unlock()
	s.forget(c.tasks...)
	s.p.o.Observer.Happened(Event{Kind: Committed, Shard: s.number, N: len(c.outs), Took: took})
	if lost > 0 {
		s.p.o.Observer.Happened(Event{Kind: Lost, Shard: s.number, N: lost})
		s.p.o.Log.Warn("worker: tasks ended that were not ours any more; others run or ran them", "shard", s.number, "tasks", lost)
	}
}
