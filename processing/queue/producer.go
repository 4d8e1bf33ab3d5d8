package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ProducerOptions of a Producer. The zero value is usable.
type ProducerOptions struct {
	// Horizon is how far back a server may forget what it had acknowledged:
	// appendfsync everysec syncs each second and may be held up for two more; a
	// replica lacks what its master took while it was cut off, which
	// min-replicas-max-lag bounds. Default 15 s, 1 s to 10 min, and at most half of
	// Options.Dedup.
	Horizon time.Duration
	// MaxBytes bounds what is kept: payloads and 512 bytes for each task. Enqueue
	// waits while it is reached. Default 64 MB, at least 1 MB.
	MaxBytes int
	// Every is how often the servers are asked who they are; default 1 s, at
	// least 100 ms.
	Every time.Duration
}

const (
	defaultHorizon  = 15 * time.Second
	maxHorizon      = 10 * time.Minute
	defaultKept     = 64 << 20
	minKept         = 1 << 20
	defaultLook     = time.Second
	minLook         = 100 * time.Millisecond
	taskOverhead    = 512 // bytes that a kept task counts beside its payload
	offerAgainAfter = 200 * time.Millisecond
)

// ErrProducerClosed: Close was called.
var ErrProducerClosed = errors.New("producer is closed")

// Producer enqueues tasks to servers that may forget: a redis-server that
// syncs its log once a second and loses power, or a replica that is promoted
// before it had everything. It keeps what was acknowledged for a Horizon and
// asks the servers who they are. Where another process answers, or the same one with
// another history, it offers again what it keeps; what the server
// still has, it recognizes by its ID.
//
// What is kept lies in memory: a producer that dies at the same time as the
// server's power loses what the server lost. It does not notice FLUSHALL. A task that
// was finished before the server forgot it and its end runs again.
type Producer struct {
	q *Queue
	o ProducerOptions

	stop func()        // ends the watcher
	done chan struct{} // closed when it has ended

	mu     sync.Mutex // guards what follows
	kept   []kept     // oldest first
	bytes  int
	room   chan struct{} // closed and replaced when bytes fall
	ended  bool
	looked time.Time // when another server or history was seen last
	late   bool      // kept has something that the server before may have acknowledged, and that was not offered again
	stats  ProducerStats
}

// ProducerStats are counts since the Producer was made.
type ProducerStats struct {
	Kept      int    // tasks that are kept now
	KeptBytes int    // what they count
	Losses    uint64 // how often another server or history answered
	Offered   uint64 // tasks offered again
	Renewed   uint64 // of those: the server did not have them
	Err       error  // of the last look at the servers or the last offer; nil: went well
}

// kept is what one Enqueue was acknowledged.
type kept struct {
	tasks []*Task
	began time.Time // before it was sent
	at    time.Time // after the acknowledgement
	bytes int
}

// Producer makes a producer and asks the servers who they are for the first
// time. Close ends it; the Queue must be closed after it.
func (q *Queue) Producer(ctx context.Context, o ProducerOptions) (*Producer, error) {
	set(&o.Horizon, min(defaultHorizon, q.o.Dedup/2))
	set(&o.MaxBytes, defaultKept)
	set(&o.Every, defaultLook)
	switch {
	case q.o.Dedup < 2*time.Second:
		return nil, fmt.Errorf("%w: Dedup is %v; what is offered again must be known by its ID for 2s at least (queue.dedup)", ErrInvalid, q.o.Dedup)
	case o.Horizon < time.Second || o.Horizon > min(maxHorizon, q.o.Dedup/2):
		return nil, fmt.Errorf("%w: Horizon is %v; it must be from 1s to %v, half of Dedup at most", ErrInvalid, o.Horizon, min(maxHorizon, q.o.Dedup/2))
	case o.MaxBytes < minKept:
		return nil, fmt.Errorf("%w: MaxBytes is %d; it must be at least %d", ErrInvalid, o.MaxBytes, minKept)
	case o.Every < minLook:
		return nil, fmt.Errorf("%w: Every is %v; it must be at least %v", ErrInvalid, o.Every, minLook)
	}
	who, err := q.identities(ctx)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &Producer{q: q, o: o, stop: stop, done: make(chan struct{}), room: make(chan struct{})}
	go p.watch(ctx, who)
	return p, nil
}

// Enqueue is Queue.Enqueue, and keeps what was taken. Tasks without ID are given one.
// Payloads must not be changed for a Horizon. It waits while MaxBytes are kept.
func (p *Producer) Enqueue(ctx context.Context, tasks ...*Task) ([]Receipt, error) {
	k := kept{tasks: p.named(tasks)}
	for _, t := range k.tasks {
		if t != nil {
			k.bytes += taskOverhead + len(t.Payload)
		}
	}
	if k.bytes > p.o.MaxBytes {
		return nil, fmt.Errorf("%w: %d tasks of %d bytes are more than MaxBytes, %d, allows to keep; enqueue them in smaller batches",
			ErrInvalid, len(tasks), k.bytes, p.o.MaxBytes)
	}
	if err := p.reserve(ctx, k.bytes); err != nil {
		return nil, err
	}
	k.began = time.Now()
	receipts, err := p.q.Enqueue(ctx, k.tasks...)
	reserved := k.bytes
	k.drop(receipts)
	k.at = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release(reserved - k.bytes)
	if len(k.tasks) > 0 {
		p.kept = append(p.kept, k)
		p.late = p.late || k.began.Before(p.looked)
	}
	return receipts, err
}

// named copies the tasks and gives IDs to those that have none, all of one shard for each
// call that they will make.
func (p *Producer) named(tasks []*Task) []*Task {
	list := make([]*Task, len(tasks))
	shard, left := 0, 0
	for i, t := range tasks {
		if t == nil {
			continue
		}
		c := *t
		if c.ID == "" {
			if left == 0 {
				shard, left = int(p.q.turn.Add(1)%uint64(p.q.o.Shards)), callTasks
			}
			left--
			if c.Unique != "" {
				c.ID = p.q.ids.make(time.Now().UnixMilli(), p.q.ShardOf(c.Unique, ""))
			} else {
				c.ID = p.q.ids.make(time.Now().UnixMilli(), shard)
			}
		}
		list[i] = &c
	}
	return list
}

// drop forgets the tasks that were not acknowledged, which the caller knows, and
// those whose unique key another task holds.
func (k *kept) drop(receipts []Receipt) {
	n, bytes := 0, 0
	for i, r := range receipts {
		t := k.tasks[i]
		if r.Err == nil && r.ID == t.ID {
			k.tasks[n] = t
			n++
			bytes += taskOverhead + len(t.Payload)
		}
	}
	clear(k.tasks[n:])
	k.tasks, k.bytes = k.tasks[:n], bytes
}

// reserve waits for room.
func (p *Producer) reserve(ctx context.Context, bytes int) error {
	for {
		p.mu.Lock()
		room := p.room
		switch {
		case p.ended:
			p.mu.Unlock()
			return ErrProducerClosed
		case p.bytes+bytes <= p.o.MaxBytes:
			p.bytes += bytes
			p.mu.Unlock()
			return nil
		}
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return fmt.Errorf("enqueue: what is kept for servers that forget has reached %d bytes: %w", p.o.MaxBytes, ctx.Err())
		case <-room:
		}
	}
}

// release gives room back. p.mu is held.
func (p *Producer) release(bytes int) {
	if bytes == 0 {
		return
	}
	p.bytes -= bytes
	close(p.room)
	p.room = make(chan struct{})
}

// Stats are the counts so far.
func (p *Producer) Stats() ProducerStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.KeptBytes = p.bytes
	for _, k := range p.kept {
		s.Kept += len(k.tasks)
	}
	return s
}

// Close takes no more tasks and waits until the servers have held all that was
// taken for a Horizon, or ctx is done. Then it tells how many tasks may still be lost with
// a server.
func (p *Producer) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.ended {
		p.ended = true
		close(p.room) // whoever waits learns of it
		p.room = make(chan struct{})
	}
	p.mu.Unlock()
	tick := time.NewTicker(p.o.Every)
	defer tick.Stop()
	for p.Stats().Kept > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	p.stop()
	<-p.done
	if n := p.Stats().Kept; n > 0 {
		return fmt.Errorf("producer: closed before %d tasks had been kept by the server for %v: %w", n, p.o.Horizon, context.Cause(ctx))
	}
	return nil
}

// settle forgets what was acknowledged before the moment.
func (p *Producer) settle(before time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	bytes := 0
	p.kept = slices.DeleteFunc(p.kept, func(k kept) bool {
		if !k.at.Before(before) {
			return false
		}
		bytes += k.bytes
		return true
	})
	p.release(bytes)
}
