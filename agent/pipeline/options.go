package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// Outlet takes sealed frames. Neither method may block for long: while one
// does, samples wait in the ring.
type Outlet interface {
	// Shape says how frames are wanted now: at most so many samples, sealed
	// when the oldest is so old; 0 means at once. Pipeline.Wake makes a change
	// effective at once. Safe for concurrent use.
	Shape() (samples int, age time.Duration)
	// Submit takes over f, which the outlet frees. Frames come in order, from
	// one goroutine. Lane, identity, boot and dating are the outlet's to set.
	Submit(f *frame.Frame)
}

// Options configures New. Schema, Pool and Outlet are required; other zero
// values are filled with the defaults named here.
type Options struct {
	Buses   []BusPlan
	Streams []StreamPlan
	Schema  *frame.Schema
	Pool    *frame.Pool
	Outlet  Outlet

	Capacity   int           // samples in the ring; 8192. That of High sensors holds a quarter, at least 256
	Workers    int           // goroutines that encode; 2
	MaxSamples int           // most samples in a frame, whatever Shape says; 4096
	Tick       time.Duration // full frames are looked for at most this often, so that a board can sleep; 100 ms
	History    time.Duration // distance of a channel's history points; 5 s

	// Processor changes, withholds and makes samples between rings and frames;
	// nil: they go out as they came. Alarms says that it may make samples of
	// drivers.KindAlarm: they travel in frames of class frame.Urgent, which are
	// sealed at once.
	Processor Processor
	Alarms    bool

	// Classes are the classes of the schema's channels: frame.Normal or
	// frame.High. nil: those of High sensors are frame.High. Without a
	// Processor they must be just that.
	Classes []frame.Class

	// Latest is filled by the pipeline and by whoever else holds it; it must
	// be as large as the schema. nil: New makes one.
	Latest *Latest

	// UTC learns of the wall time that a device told, in Unix milliseconds,
	// for the instant stamp (ns of CLOCK_BOOTTIME). It is called by the
	// goroutine that owns the device and must neither block nor allocate; may
	// be nil.
	UTC func(utcMilli, stamp int64)

	// Now reads CLOCK_BOOTTIME in nanoseconds; nil means the kernel's.
	Now func() int64

	precise bool // Now is the kernel's

	// Processing observes how long a frame's samples took to check and
	// encode; may be nil.
	Processing Observer

	// Notify learns of rare transitions, see Event; may be nil. It is called
	// by the goroutine concerned and must not block.
	Notify func(Event)
}

// fill replaces zero values by their defaults and rejects what cannot work.
func (o *Options) fill() error {
	if o.Schema == nil || o.Pool == nil || o.Outlet == nil {
		return errors.New("pipeline: Schema, Pool and Outlet are required")
	}
	setDefault(&o.Capacity, 8192)
	setDefault(&o.Workers, 2)
	setDefault(&o.MaxSamples, 4096)
	setDefault(&o.Tick, 100*time.Millisecond)
	setDefault(&o.History, 5*time.Second)
	if o.Now == nil {
		o.Now, o.precise = clock.Boottime, true
	}
	if o.Classes == nil {
		o.Classes = o.classesOf()
	}
	errs := o.checkSizes()
	limits := []struct {
		name             string
		got, least, most int
	}{
		{"capacity", o.Capacity, 16, 1 << 24},
		{"workers", o.Workers, 1, 64},
		{"max samples", o.MaxSamples, 1, frame.MaxSamples},
	}
	for _, l := range limits {
		if l.got < l.least || l.got > l.most {
			errs = append(errs, fmt.Errorf("%s: %d, want %d to %d", l.name, l.got, l.least, l.most))
		}
	}
	if o.Tick < 0 || o.History < 0 {
		errs = append(errs, fmt.Errorf("tick %v, history %v: negative", o.Tick, o.History))
	}
	if err := frame.CheckSchema(o.Schema); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(append(errs, o.check()...)...); err != nil {
		return fmt.Errorf("pipeline: %w", err)
	}
	return nil
}

// checkSizes checks what must be as large as the schema.
func (o *Options) checkSizes() (errs []error) {
	n := len(o.Schema.Channels)
	if len(o.Classes) != n {
		errs = append(errs, fmt.Errorf("%d classes for %d channels", len(o.Classes), n))
	}
	for ch, c := range o.Classes {
		if c != frame.Normal && c != frame.High {
			errs = append(errs, fmt.Errorf("channel %d: class %d: a channel's is normal or high", ch, c))
		}
	}
	if o.Latest != nil && len(o.Latest.entries) != n {
		errs = append(errs, fmt.Errorf("latest values of %d channels for %d", len(o.Latest.entries), n))
	}
	return errs
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// highClass reports whether a channel has class frame.High.
func (o *Options) highClass() bool { return slices.Contains(o.Classes, frame.High) }

// highCapacity is the size of the ring of High sensors; 0 without any.
func (o *Options) highCapacity() int {
	if !o.highSensor() {
		return 0
	}
	return max(o.Capacity/4, 256)
}

// jobs is how many frames can be under way between dispatcher and outlet: one
// of each steady class being filled, one being submitted, two for each worker.
// Alarms come and go and share these.
func (o *Options) jobs() int {
	n := 2 + 2*o.Workers
	if o.highClass() {
		n++
	}
	return n
}

// Bytes returns the worst-case memory of a pipeline with these options: rings,
// batches, jobs and latest values. The Processor, the pool's frames, the
// workers' encoders and the drivers come on top.
func (o *Options) Bytes() int {
	f := *o
	setDefault(&f.Capacity, 8192)
	setDefault(&f.Workers, 2)
	setDefault(&f.MaxSamples, 4096)
	const value = int(unsafe.Sizeof(Value{}))
	channels := 0
	if f.Schema != nil {
		channels = len(f.Schema.Channels)
		if f.Classes == nil {
			f.Classes = f.classesOf()
		}
	}
	samples := f.Capacity + f.highCapacity() + batchSize + f.jobs()*f.MaxSamples
	n := channels * int(unsafe.Sizeof(entry{}))
	if f.Processor != nil {
		samples += maxOut(f.Processor)
		n += channels * value
	}
	return n + samples*int(unsafe.Sizeof(drivers.Sample{}))
}
