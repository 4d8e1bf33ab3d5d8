package telemetry

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/frame"
)

// worker takes batches from the queue, stores them and acknowledges them. Run
// starts its goroutine; it ends when the queue is closed and empty, or with
// its context.
type worker struct {
	c          *Consumer
	urgentOnly bool
	decoder    decoder
	items      []item
	batch      []pending
	frames     []*Frame // of part of batch, for a Store
	acks       acks
	sink       trouble
	server     trouble
}

// pending is a decoded frame and where it came from.
type pending struct {
	frame *Frame
	item  *item
}

func newWorker(c *Consumer, urgentOnly bool) *worker {
	return &worker{
		c: c, urgentOnly: urgentOnly, acks: acks{},
		sink:   trouble{log: c.o.Log, what: "store for group " + c.o.Group},
		server: trouble{log: c.o.Log, what: "acknowledge for group " + c.o.Group},
	}
}

func (w *worker) run(ctx context.Context) {
	for {
		clear(w.items)
		w.items = w.c.queue.take(ctx, w.items[:0], w.urgentOnly, w.c.o.Batch, w.c.o.Flush)
		if len(w.items) == 0 {
			return
		}
		if !w.process(ctx) {
			return
		}
	}
}

// process stores a batch. It reports false when ctx has ended before: then
// nothing that is not stored is acknowledged.
func (w *worker) process(ctx context.Context) bool {
	w.batch = w.batch[:0]
	for i := range w.items {
		it := &w.items[i]
		if it.values == nil { // listed as pending, and trimmed away since
			w.c.count.trimmed.Add(1)
			w.c.o.Log.Error("an entry was trimmed before it was stored: set redis.maxlen of the agents to 0 or higher",
				"entry", it.id, "lane", it.lane, "shard", it.shard)
			w.acks.add(it)
			continue
		}
		f, err := w.decode(it)
		if err != nil {
			if !w.bury(ctx, it, err) {
				return false
			}
			continue
		}
		w.batch = append(w.batch, pending{f, it})
	}
	return w.store(ctx, w.batch) && w.acknowledge(ctx)
}

// decode never panics, whatever an entry holds.
func (w *worker) decode(it *item) (f *Frame, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("it made the decoder panic: %v", p)
		}
	}()
	return w.decoder.decode(it.lane, it.values)
}

// store brings a batch into the sink. One that the sink refuses is halved until
// the frame is found that is to blame.
func (w *worker) store(ctx context.Context, batch []pending) bool {
	again := backoff{least: 100 * time.Millisecond, most: w.c.o.RetryMax}
	for len(batch) > 0 {
		begun := time.Now()
		res, err := w.call(ctx, batch)
		switch {
		case err == nil:
			w.sink.over()
			w.c.count.stored(res, batch, time.Since(begun))
			for i := range batch {
				w.acks.add(batch[i].item)
			}
			return true
		case errors.Is(err, ErrRejected) && len(batch) == 1:
			return w.bury(ctx, batch[0].item, err)
		case errors.Is(err, ErrRejected):
			w.c.count.halved.Add(1)
			half := len(batch) / 2
			return w.store(ctx, batch[:half]) && w.store(ctx, batch[half:])
		}
		if ctx.Err() != nil {
			return false
		}
		w.c.count.storeErrors.Add(1)
		w.sink.is(err)
		if !again.wait(ctx) {
			return false
		}
	}
	return true
}

// call is the sink's Store; what panics there counts as refused.
func (w *worker) call(ctx context.Context, batch []pending) (res Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: the sink panicked: %v\n%s", ErrRejected, p, debug.Stack())
		}
	}()
	clear(w.frames)
	w.frames = w.frames[:0]
	for i := range batch {
		w.frames = append(w.frames, batch[i].frame)
	}
	return w.c.o.Sink.Store(ctx, w.frames)
}

// acks are the entries of a batch that are done, by stream.
type acks map[place][]string

type place struct {
	shard int
	lane  frame.Lane
}

func (a acks) add(it *item) {
	p := place{it.shard, it.lane}
	a[p] = append(a[p], it.id)
}

// ackChunk bounds the entries of one XACK.
const ackChunk = 1000

// acknowledge tells the server what is done, until it has heard it.
func (w *worker) acknowledge(ctx context.Context) bool {
	again := backoff{least: 50 * time.Millisecond, most: 5 * time.Second}
	for p, ids := range w.acks {
		r := w.c.readers[p.shard]
		for len(ids) > 0 {
			part := ids[:min(len(ids), ackChunk)]
			n, err := w.c.o.Client.XAck(ctx, r.keys[p.lane], w.c.o.Group, part...).Result()
			if err != nil {
				if ctx.Err() != nil {
					return false
				}
				w.server.is(explain(err))
				if !again.wait(ctx) {
					return false
				}
				continue
			}
			w.server.over()
			w.c.count.acked.Add(n)
			r.release(p.lane, part)
			ids = ids[len(part):]
		}
		delete(w.acks, p)
	}
	return true
}

// bury puts an entry into the dead letter stream and acknowledges it, in one
// step, until the server has done so.
func (w *worker) bury(ctx context.Context, it *item, why error) bool {
	r := w.c.readers[it.shard]
	again := backoff{least: 50 * time.Millisecond, most: 5 * time.Second}
	args := deadArgs(w.c.o.Group, w.c.o.Name, it, why)
	for {
		n, err := buryScript.Run(ctx, w.c.o.Client, []string{r.keys[it.lane], DeadKey(w.c.o.Stream, it.shard)}, args...).Int64()
		if err == nil {
			w.server.over()
			w.c.count.dead.Add(n)
			if n > 0 {
				w.c.o.Log.Warn("an entry went to the dead letters", "stream", r.keys[it.lane], "entry", it.id, "why", cut(why.Error(), maxReason))
			}
			r.release(it.lane, []string{it.id})
			return true
		}
		if ctx.Err() != nil || errors.Is(err, redis.ErrClosed) {
			return false
		}
		w.server.is(explain(err))
		if !again.wait(ctx) {
			return false
		}
	}
}
