package pipeline

import (
	"math"

	"github.com/telhub/telhub/buffer"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// gapBytes is enough for the record of an overrun.
const gapBytes = 256

// declareLoss submits what was acquired before the loss, then its gap record.
// It reports false when no frame is free. Without a Processor only the builder
// of the ring's own class can hold such samples.
func (d *dispatcher) declareLoss() bool {
	for i := classes - 1; i >= 0; i-- {
		b := d.builders[i]
		mayHold := d.processor != nil || b.len() > 0 && b.class == d.from.class
		if mayHold && !d.sealAll(b) {
			return false
		}
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
	f.Class = d.from.class
	j.declare(frame.RingOverrun, d.loss.N, d.loss.First.Stamp, d.loss.Last.Stamp)
	d.loss = buffer.Loss[drivers.Sample]{}
	d.in.notify(Event{Kind: Overrun, Class: f.Class, N: j.lost})
	d.flow.send(j)
}

// abandon declares what could not be framed before the deadline of Stop: what
// stands in builders, stage and rings, and a loss not declared yet. The frame
// is from the heap because the pool has none.
func (d *dispatcher) abandon() {
	s := span{first: math.MaxInt64, last: math.MinInt64}
	for _, b := range d.builders {
		if b.len() > 0 {
			s.add(b.job.samples)
			b.job.samples = b.job.samples[:0]
		}
	}
	s.add(d.out)
	s.overrun(d.loss)
	s.add(d.raw)
	d.out, d.raw = nil, nil
	s.empty(&d.in.normal, d.scratch)
	if d.in.high != nil {
		s.empty(d.in.high, d.scratch)
	}
	d.in.account.abandoned.Add(s.n)
	d.loss.N, d.loss.First.Stamp, d.loss.Last.Stamp = s.n, s.first, s.last
	d.sendGap(&frame.Frame{Payload: make([]byte, 0, gapBytes)})
}

// span is a number of samples and the range of their stamps.
type span struct {
	n           uint64
	first, last int64 // boottime ns
}

func (s *span) add(samples []drivers.Sample) {
	for i := range samples {
		s.first, s.last = min(s.first, samples[i].Stamp), max(s.last, samples[i].Stamp)
	}
	s.n += uint64(len(samples))
}

func (s *span) overrun(l buffer.Loss[drivers.Sample]) {
	if l.N > 0 {
		s.first, s.last = min(s.first, l.First.Stamp), max(s.last, l.Last.Stamp)
		s.n += l.N
	}
}

// empty adds all that a ring holds.
func (s *span) empty(f *feed, scratch []drivers.Sample) {
	for {
		n, loss := f.ring.Drain(scratch)
		s.overrun(loss)
		s.add(scratch[:n])
		if n == 0 && loss.N == 0 {
			return
		}
	}
}
