package pipeline

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/telhub/telhub/buffer"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

const (
	// gapBytes is enough for the record of an overrun.
	gapBytes = 256

	// shapeEvery bounds how long a changed Shape goes unnoticed while samples
	// wait and nobody calls Wake.
	shapeEvery = time.Second
)

// dispatcher builds frames from what the ring holds.
//
// Its frame under construction is a job's sample slice. A loss lies at index
// cut of it: what stands before was acquired before the loss.
type dispatcher struct {
	in     *intake
	flow   *flow
	outlet Outlet
	pool   *frame.Pool
	sizes  sizes
	tick   int64 // ns
	urgent int   // samples in the ring that end any rest
	most   int   // samples in a frame

	job   *job  // being filled
	since int64 // boottime ns of its oldest sample
	loss  buffer.Loss[drivers.Sample]
	cut   int

	limit int   // Shape's answer, bounded
	age   int64 // Shape's answer, ns

	starved bool  // no frame was free
	woke    int64 // boottime ns
	wakeups atomic.Uint64
	alarm   alarm
	kicked  chan struct{} // capacity 1, raised by Wake
}

func newDispatcher(in *intake, flow *flow, o *Options) *dispatcher {
	return &dispatcher{
		in: in, flow: flow, outlet: o.Outlet, pool: o.Pool, sizes: sizes{schema: o.Schema},
		tick: int64(o.Tick), urgent: max(o.Capacity/4, 1), most: o.MaxSamples,
		job: <-flow.free, alarm: newAlarm(), kicked: make(chan struct{}, 1),
	}
}

// run is the dispatcher's goroutine. Start begins it. A context on drain means
// that no owner pushes any more: it empties the ring and ends the flow, at the
// latest when the context ends.
func (d *dispatcher) run(drain <-chan context.Context) {
	defer d.flow.close()
	var ctx context.Context
	for ctx == nil {
		d.woke = d.in.now()
		d.wakeups.Add(1)
		d.pump(false)
		ctx = d.rest(drain)
	}
	for d.pump(true); d.starved; d.pump(true) {
		select {
		case <-d.pool.Freed():
		case <-ctx.Done():
			d.abandon()
			return
		}
	}
}

// pump moves samples until the ring has none for a whole frame, or no frame is
// free. With all set it seals whatever there is.
func (d *dispatcher) pump(all bool) {
	d.starved = false
	for {
		d.shape()
		if d.loss.N > 0 {
			if !d.declareLoss() {
				return
			}
			continue
		}
		moved := d.drain()
		if d.loss.N > 0 {
			continue
		}
		n := len(d.job.samples)
		full, old := n >= d.limit, n > 0 && d.in.now()-d.since >= d.age
		switch {
		case full, old, all && n > 0 && moved == 0:
			if d.seal(min(n, d.limit)) == 0 {
				return
			}
		case moved == 0:
			return
		}
	}
}

// shape asks the outlet how frames are wanted.
func (d *dispatcher) shape() {
	samples, age := d.outlet.Shape()
	d.limit = min(max(samples, 1), d.most)
	d.sizes.fit(d.limit)
	d.age = int64(age)
}

// drain fills the frame under construction from the ring.
func (d *dispatcher) drain() (moved int) {
	have := len(d.job.samples)
	if have >= d.limit {
		return 0
	}
	n, loss := d.in.ring.Drain(d.job.samples[have:d.limit])
	d.job.samples = d.job.samples[:have+n]
	if have == 0 && n > 0 {
		// A stamp of the driver's own may lie anywhere.
		d.since = min(d.job.samples[0].Stamp, d.in.now())
	}
	if loss.N > 0 {
		d.loss, d.cut = loss, have
	}
	return n
}

// seal sends up to n of the first samples of the frame under construction on
// their way and begins the next one with the rest. It returns how many it
// sealed: fewer than n when only smaller frames are free, 0 when none is.
func (d *dispatcher) seal(n int) int {
	var f *frame.Frame
	for ; n > 0; n /= 2 {
		if f = d.pool.Get(d.sizes.of(n)); f != nil {
			break
		}
	}
	if f == nil {
		d.starved = true
		return 0
	}
	j := d.job
	next := <-d.flow.free // at the latest when the outlet has taken a frame
	next.samples = append(next.samples[:0], j.samples[n:]...)
	if len(next.samples) > 0 {
		d.since = min(next.samples[0].Stamp, d.in.now())
	}
	j.samples, j.frame = j.samples[:n], f
	d.job = next
	d.flow.send(j)
	return n
}

// declareLoss submits what was acquired before the loss, then its gap record.
// It reports false when no frame is free.
func (d *dispatcher) declareLoss() bool {
	for d.cut > 0 {
		n := d.seal(min(d.cut, d.limit))
		if n == 0 {
			return false
		}
		d.cut -= n
	}
	f := d.pool.Get(gapBytes)
	if f == nil {
		d.starved = true
		return false
	}
	d.sendGap(f)
	return true
}

// sendGap submits the pending loss in f.
func (d *dispatcher) sendGap(f *frame.Frame) {
	j := <-d.flow.free
	j.frame = f
	j.declare(frame.RingOverrun, d.loss.N, d.loss.First.Stamp, d.loss.Last.Stamp)
	d.loss = buffer.Loss[drivers.Sample]{}
	d.in.notify(Event{Kind: Overrun, N: j.lost})
	d.flow.send(j)
}

// abandon declares what could not be framed before the deadline of Stop, in a
// frame from the heap because the pool has none.
func (d *dispatcher) abandon() {
	give := func(samples []drivers.Sample) {
		if len(samples) == 0 {
			return
		}
		if d.loss.N == 0 {
			d.loss.First = samples[0]
		}
		d.loss.Last = samples[len(samples)-1]
		d.loss.N += uint64(len(samples))
	}
	before, after := d.job.samples[:d.cut], d.job.samples[d.cut:]
	if d.loss.N > 0 && len(before) > 0 {
		d.loss.First = before[0]
		d.loss.N += uint64(len(before))
		before = nil
	}
	give(before)
	give(after)
	for {
		n, loss := d.in.ring.Drain(d.job.samples[:cap(d.job.samples)])
		if loss.N > 0 {
			if d.loss.N == 0 {
				d.loss.First = loss.First
			}
			d.loss.Last = loss.Last
			d.loss.N += loss.N
		}
		if n == 0 && loss.N == 0 {
			break
		}
		give(d.job.samples[:n])
	}
	d.in.account.abandoned.Add(d.loss.N)
	d.job.samples = d.job.samples[:0]
	d.sendGap(&frame.Frame{Payload: make([]byte, 0, gapBytes)})
}
