package worker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// shard is what a pool has of a shard.
type shard struct {
	p       *Pool
	number  int
	over    chan struct{} // closed: all handlers have ended, or were given up
	failing atomic.Bool   // the last call failed
	logged  atomic.Int64  // when trouble was logged last, unix ns

	mu   sync.Mutex // guards live
	live []*task    // fetched, and Redis does not know yet what came of them

	outs outbox
}

func newShard(p *Pool, number int) *shard {
	s := &shard{p: p, number: number, over: make(chan struct{})}
	s.outs.prepare()
	return s
}

// admit makes tasks of deliveries.
func (s *shard) admit(ds []queue.Delivery) []task {
	ts := make([]task, len(ds))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range ds {
		ts[i].d, ts[i].s, ts[i].index = &ds[i], s, len(s.live)
		s.live = append(s.live, &ts[i])
	}
	return ts
}

// forget removes tasks of which Redis knows.
func (s *shard) forget(ts ...*task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range ts {
		i, last := t.index, len(s.live)-1
		if i < 0 {
			continue
		}
		s.live[i] = s.live[last]
		s.live[i].index = i
		s.live[last] = nil
		s.live = s.live[:last]
		t.index = -1
	}
}

// all lists the live tasks.
func (s *shard) all() []*task {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*task(nil), s.live...)
}

// deal hands deliveries to the workers; what comes after the stop is given
// back.
func (s *shard) deal(ctx context.Context, ds []queue.Delivery) {
	ts := s.admit(ds)
	critical := 0
	for i := range ds {
		if ds[i].Class == queue.Critical {
			critical++
		}
	}
	s.p.desk.arrived(len(ts), critical)
	var back []*task
	for i := range ts {
		if !s.p.desk.put(&ts[i], s.p.stop) {
			s.p.desk.drop(&ts[i])
			back = append(back, &ts[i])
		}
	}
	if back != nil {
		s.giveBack(ctx, back)
	}
}

// giveBack gives tasks back that have not ended.
func (s *shard) giveBack(ctx context.Context, ts []*task) {
	var ds []*queue.Delivery
	for _, t := range ts {
		if t.give() {
			ds = append(ds, t.d)
		}
	}
	if len(ds) == 0 {
		return
	}
	if err := s.p.consumer.Release(ctx, s.number, ds); err != nil {
		s.trouble("give back", err) // Leave tries again
	}
	for _, d := range ds {
		s.p.o.Observer.Ended(d, &End{Kind: queue.Released})
	}
	s.forget(ts...)
	s.p.o.Observer.Happened(Event{Kind: GivenBack, Shard: s.number, N: len(ds)})
}

// logEvery bounds how often a shard logs the same kind of trouble.
const logEvery = 10 * time.Second

// trouble reports an error of Redis.
func (s *shard) trouble(what string, err error) {
	s.failing.Store(true)
	s.p.o.Observer.Happened(Event{Kind: Trouble, Shard: s.number, N: 1, Err: err})
	now := time.Now().UnixNano()
	if last := s.logged.Load(); now-last >= int64(logEvery) && s.logged.CompareAndSwap(last, now) {
		s.p.o.Log.Warn("worker: trouble with redis", "shard", s.number, "call", what, "error", err)
	}
}

// well reports that a call succeeded.
func (s *shard) well() {
	if s.failing.CompareAndSwap(true, false) && s.logged.Swap(0) != 0 {
		s.p.o.Log.Info("worker: redis answers again", "shard", s.number)
	}
}

// pause waits; it returns false if done is closed sooner.
func pause(d time.Duration, done <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-done:
		return false
	}
}
