package pipeline

import (
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// classes is how many classes of frames there are.
const classes = int(frame.Urgent) + 1

// builder builds the frames of one class.
type builder struct {
	class frame.Class
	job   *job  // being filled; nil while there is nothing in it
	since int64 // boottime ns since which its oldest sample waits
}

// len is how many samples wait in it; none where there is no such builder.
func (b *builder) len() int {
	if b == nil || b.job == nil {
		return 0
	}
	return len(b.job.samples)
}

// room is how many samples it can take before it is full.
func (d *dispatcher) room(b *builder) int { return max(d.limit-b.len(), 0) }

// open makes sure that there is a job to fill; first is the sample that comes.
func (d *dispatcher) open(b *builder, first *drivers.Sample) {
	if b.job != nil {
		return
	}
	b.job = <-d.flow.free // at the latest when the outlet has taken a frame
	// A stamp of the driver's own may lie anywhere.
	b.since = min(max(first.Stamp, d.floor), d.in.now())
}

// builderOf is where a sample belongs.
func (d *dispatcher) builderOf(s *drivers.Sample) *builder {
	if s.Kind == drivers.KindAlarm && d.urgent != nil {
		return d.urgent
	}
	return d.route[s.Channel]
}

// move takes samples from the stage into the builders until one is full.
func (d *dispatcher) move() {
	if d.processor == nil {
		d.moveRun()
		return
	}
	for i := range d.out {
		s := &d.out[i]
		b := d.builderOf(s)
		if d.room(b) == 0 {
			d.out = d.out[i:]
			return
		}
		d.open(b, s)
		b.job.samples = append(b.job.samples, *s)
	}
	d.out = nil
}

// moveRun is move for samples of one builder: without a Processor a ring's
// samples share its class.
func (d *dispatcher) moveRun() {
	b := d.builders[d.from.class]
	n := min(len(d.out), d.room(b))
	if n == 0 {
		return // d.limit has just shrunk
	}
	d.open(b, &d.out[0])
	b.job.samples = append(b.job.samples, d.out[:n]...)
	d.out = d.out[n:]
}

// sealRipe seals the frames that are full, alarms at once, and, when that is
// asked for, those that are old enough. It reports false when no frame was free
// for one of them.
func (d *dispatcher) sealRipe(old bool) bool {
	for i := classes - 1; i >= 0; i-- {
		b := d.builders[i]
		for d.ripe(b, old) {
			if d.seal(b, min(b.len(), d.limit)) == 0 {
				return false
			}
		}
	}
	return true
}

func (d *dispatcher) ripe(b *builder, old bool) bool {
	n := b.len()
	return n > 0 && (n >= d.limit || b == d.urgent || old && d.in.now()-b.since >= d.age)
}

// sealAll seals b whatever it holds; false means that no frame was free.
func (d *dispatcher) sealAll(b *builder) bool {
	for b.len() > 0 {
		if d.seal(b, min(b.len(), d.limit)) == 0 {
			return false
		}
	}
	return true
}

// seal sends up to n of b's first samples on their way and begins its next
// frame with the rest. It returns how many it sealed: fewer than n when only
// smaller frames are free, 0 when none is.
func (d *dispatcher) seal(b *builder, n int) int {
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
	j := b.job
	b.job = nil
	if rest := j.samples[n:]; len(rest) > 0 {
		b.job = <-d.flow.free
		b.job.samples = append(b.job.samples[:0], rest...)
		b.since = max(b.since, min(rest[0].Stamp, d.in.now()))
	}
	j.samples, j.frame = j.samples[:n], f
	f.Class = b.class
	d.flow.send(j)
	return n
}
