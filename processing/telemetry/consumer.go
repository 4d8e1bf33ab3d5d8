package telemetry

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// Consumer reads the streams of one group. Create it with New and let one
// goroutine call Run, once.
type Consumer struct {
	o       Options
	queue   *queue
	readers map[int]*reader // by shard
	count   counters
	lags    atomic.Pointer[[]Lag]
}

// New returns a consumer that has not connected yet.
func New(o Options) (*Consumer, error) {
	if err := o.settle(); err != nil {
		return nil, err
	}
	c := &Consumer{o: o, queue: newQueue(o.Queue, o.QueueBytes), readers: map[int]*reader{}}
	for _, shard := range o.Only {
		c.readers[shard] = newReader(c, shard)
	}
	return c, nil
}

// Name returns what the consumer is called in its group.
func (c *Consumer) Name() string { return c.o.Name }

// Run reads, stores and acknowledges until ctx ends. Then it reads no more,
// stores what it holds for at most Options.Grace, gives back what is left so
// that nobody waits for its lease, and returns. No server and no sink being
// away ends it.
func (c *Consumer) Run(ctx context.Context) {
	// Workers outlive ctx: what they hold is stored first.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var readers, workers sync.WaitGroup
	for _, r := range c.readers {
		readers.Go(func() { r.run(ctx) })
	}
	readers.Go(func() { c.watch(ctx) })
	lanes := c.o.Lanes
	for i := range c.o.Workers {
		// One of several is there for alarms, so that none waits for a Store of
		// many other frames.
		urgentOnly := i == 0 && c.o.Workers > 1 && len(lanes) > 1 && lanes[0] == frame.Alarm
		w := newWorker(c, urgentOnly)
		workers.Go(func() { w.run(work) })
	}
	readers.Wait()
	c.queue.close()
	grace := time.AfterFunc(c.o.Grace, stop)
	workers.Wait()
	grace.Stop()
	c.queue.drain()
	leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	for _, r := range c.readers {
		r.leave(leave)
	}
}

// leaveTime bounds the calls that give back what was not stored.
const leaveTime = 3 * time.Second

// backoff waits before something is tried again: longer each time, up to most,
// with jitter. The zero value of n is the first attempt.
type backoff struct {
	n     int
	least time.Duration
	most  time.Duration
}

// wait reports false when ctx has ended.
func (b *backoff) wait(ctx context.Context) bool {
	d := min(b.least<<min(b.n, 20), b.most)
	b.n++
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (b *backoff) reset() { b.n = 0 }
