package pipeline

import (
	"errors"
	"fmt"
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

	Capacity   int           // samples in the ring; 8192
	Workers    int           // goroutines that encode; 2
	MaxSamples int           // most samples in a frame, whatever Shape says; 4096
	Tick       time.Duration // full frames are looked for at most this often, so that a board can sleep; 100 ms
	History    time.Duration // distance of a channel's history points; 5 s

	// Now reads CLOCK_BOOTTIME in nanoseconds; nil means the kernel's.
	Now func() int64

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
		o.Now = clock.Boottime
	}
	var errs []error
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

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// jobs is how many frames can be under way between dispatcher and outlet: one
// being filled, one being submitted, two for each worker.
func (o *Options) jobs() int { return 2 + 2*o.Workers }

// Bytes returns the worst-case memory of a pipeline with these options: ring,
// jobs and latest values. The pool's frames, the workers' encoders and the
// drivers come on top.
func (o *Options) Bytes() int {
	f := *o
	setDefault(&f.Capacity, 8192)
	setDefault(&f.Workers, 2)
	setDefault(&f.MaxSamples, 4096)
	const sample = int(unsafe.Sizeof(drivers.Sample{}))
	n := f.Capacity*sample + f.jobs()*f.MaxSamples*sample
	if f.Schema != nil {
		n += len(f.Schema.Channels) * int(unsafe.Sizeof(entry{}))
	}
	return n
}
