package worker

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

const (
	// block is how long a read waits for tasks: as long as a stop may last
	// because of it.
	block = 500 * time.Millisecond
	// criticalPoll is how often critical tasks are asked for while only reserved
	// workers are free: a read that waits could not be woken when others are.
	criticalPoll = 5 * time.Millisecond
	slabSize     = 64
	maxTrouble   = time.Second // longest pause after an error
)

// fetcher reads tasks of a shard. Its goroutine owns it.
type fetcher struct {
	s      *shard
	shares shares
	slab   []queue.Delivery // room for deliveries; those given out are never touched again
	empty  bool             // the last read brought nothing
	wake   chan struct{}
	pause  time.Duration // after the next error
}

// fetch reads tasks until the pool stops. Run starts it.
func (s *shard) fetch(ctx context.Context) {
	f := &fetcher{s: s, wake: make(chan struct{}, 1)}
	for f.round(ctx) {
	}
}

// round makes one read; it returns false at the stop.
func (f *fetcher) round(ctx context.Context) bool {
	p := f.s.p
	select {
	case <-p.stop:
		return false
	default:
	}
	n, critical := p.desk.take(p.q.Shards())
	switch {
	case n == 0 && (critical == 0 || f.empty):
		f.empty = false
		return f.await(critical > 0)
	case n > 0 && f.empty:
		p.desk.settle(n) // others may have them while this one waits
		return f.read(ctx, n, critical, block)
	}
	defer p.desk.settle(n)
	return f.read(ctx, n, critical, 0)
}

// await waits for a worker to be free; with poll, not for long.
func (f *fetcher) await(poll bool) bool {
	if !f.s.p.desk.await(f.wake) {
		return true
	}
	var timeout <-chan time.Time
	if poll {
		t := time.NewTimer(criticalPoll)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-f.wake:
	case <-timeout:
	case <-f.s.p.stop:
		return false
	}
	return true
}

// read fetches and deals.
func (f *fetcher) read(ctx context.Context, n, critical int, wait time.Duration) bool {
	s, now := f.s, time.Now()
	want := f.shares.split(n, critical, now)
	ds, err := s.p.consumer.Fetch(ctx, s.number, want, wait, f.room(want.Total()))
	if err != nil {
		return f.failed(ctx, err)
	}
	s.well()
	f.pause = 0
	var got queue.Credits
	for i := range ds {
		got[ds[i].Class]++
	}
	if wait == 0 {
		f.shares.learn(want, got, now)
	} else {
		f.shares.woken(got)
	}
	f.empty = len(ds) == 0 && wait == 0
	if len(ds) == 0 {
		f.empty = true
		return true
	}
	f.slab = ds[len(ds):]
	s.p.o.Observer.Happened(Event{Kind: Fetched, Shard: s.number, N: len(ds), Took: time.Since(now)})
	s.deal(ctx, ds)
	return true
}

// room returns an empty slice with room for n deliveries.
func (f *fetcher) room(n int) []queue.Delivery {
	if cap(f.slab) < n {
		f.slab = make([]queue.Delivery, 0, max(n, slabSize))
	}
	return f.slab[:0]
}

// failed reports an error, waits, and takes back what a lost reply may have
// brought.
func (f *fetcher) failed(ctx context.Context, err error) bool {
	f.s.trouble("fetch", err)
	f.pause = min(max(2*f.pause, 20*time.Millisecond), maxTrouble)
	if !pause(f.pause/2+rand.N(f.pause), f.s.p.stop) {
		return false
	}
	f.s.recover(ctx)
	return true
}
