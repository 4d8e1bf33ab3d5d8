package pipeline

import (
	"context"
	"sync/atomic"

	"github.com/telhub/telhub/buffer"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// dispatcher builds frames from what the rings hold.
//
// Samples pass ring → stage → builder, and a loss stands before the samples in
// the stage's raw: what is processed was acquired before it.
type dispatcher struct {
	stage
	in     *intake
	flow   *flow
	outlet Outlet
	pool   *frame.Pool
	sizes  sizes
	tick   int64 // ns
	most   int   // samples in a frame

	builders [classes]*builder // by class; nil where no sample can have it
	urgent   *builder          // that of alarms, or nil
	route    []*builder        // by channel
	from     *feed             // where the samples in the stage, and the loss, come from
	loss     buffer.Loss[drivers.Sample]
	more     bool // the ring drained last may hold more
	drained  int  // samples since old frames were looked for

	limit int   // Shape's answer, bounded
	age   int64 // Shape's answer, ns

	starved bool  // no frame was free
	woke    int64 // boottime ns
	wakeups atomic.Uint64
	sleeper sleeper
	kicked  chan struct{} // capacity 1, raised by Wake
}

func newDispatcher(in *intake, flow *flow, o *Options) *dispatcher {
	d := &dispatcher{
		in: in, flow: flow, outlet: o.Outlet, pool: o.Pool, sizes: sizes{schema: o.Schema},
		tick: int64(o.Tick), most: o.MaxSamples, from: &in.normal,
		sleeper: newSleeper(false), kicked: make(chan struct{}, 1),
		stage: newStage(o.Processor, &in.account),
	}
	d.builders[frame.Normal] = &builder{class: frame.Normal}
	if o.highClass() {
		d.builders[frame.High] = &builder{class: frame.High}
	}
	if o.Processor != nil && o.Alarms {
		d.urgent = &builder{class: frame.Urgent}
		d.builders[frame.Urgent] = d.urgent
	}
	for _, c := range o.Classes {
		d.route = append(d.route, d.builders[c])
	}
	return d
}

// run is the dispatcher's goroutine. Start begins it. A context on drain means
// that no owner pushes any more: it empties the rings and ends the flow, at the
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

// pump moves samples until the rings are empty and nothing is due, or no frame
// is free. With all set it ends the processing and seals whatever there is.
func (d *dispatcher) pump(all bool) {
	d.starved = false
	have := false // all that an old frame can take along
	for {
		d.shape()
		if !d.sealRipe(have && d.empty() && d.loss.N == 0) {
			return
		}
		switch {
		case len(d.out) > 0:
			d.move()
		case d.loss.N > 0:
			if !d.declareLoss() {
				return
			}
		case len(d.raw) > 0:
			d.process()
		case d.fetch(all):
			have = d.enough()
		case !have:
			have = true
		case all:
			d.sealRest()
			return
		default:
			return
		}
	}
}

// fetch gets what there is to do next and reports whether there is anything:
// samples from the rings, or what the Processor has when they are empty.
func (d *dispatcher) fetch(all bool) bool {
	if d.processor == nil {
		return d.drain()
	}
	now := d.in.now() // before the drain: what was acquired before now comes first
	if d.late(now) && d.advance(now) || d.drain() {
		return true
	}
	if all {
		return d.finish(now)
	}
	return d.due(now) && d.advance(now)
}

// shape asks the outlet how frames are wanted.
func (d *dispatcher) shape() {
	samples, age := d.outlet.Shape()
	d.limit = min(max(samples, 1), d.most)
	d.sizes.fit(d.limit)
	d.age = int64(age)
}

// drain takes the next samples from the rings, the high one first, and reports
// whether there were any, or a loss. The caller has sealed what was full.
func (d *dispatcher) drain() bool {
	return d.in.high != nil && d.drainFrom(d.in.high) || d.drainFrom(&d.in.normal)
}

func (d *dispatcher) drainFrom(f *feed) bool {
	room := batchSize
	if d.processor == nil {
		room = min(room, d.room(d.builders[f.class]))
	}
	n, loss := f.ring.Drain(d.scratch[:room])
	if n == 0 && loss.N == 0 {
		return false
	}
	d.raw, d.loss, d.from = d.scratch[:n], loss, f
	d.more = n == room
	d.drained += n
	return true
}

// enough reports whether old frames need not wait for more: the ring had no
// more, or enough was drained for a whole frame.
func (d *dispatcher) enough() bool {
	if d.more && d.drained < d.limit {
		return false
	}
	d.drained = 0
	return true
}

// sealRest seals what is left at the end, or sets starved.
func (d *dispatcher) sealRest() {
	for i := classes - 1; i >= 0; i-- {
		if !d.sealAll(d.builders[i]) {
			return
		}
	}
}
