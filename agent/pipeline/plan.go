package pipeline

import (
	"fmt"
	"slices"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// Observer takes one observation of a histogram, in seconds. It is called on
// the hot path and must neither block nor allocate.
type Observer interface{ Observe(seconds float64) }

// Polled is a sensor that is asked at a fixed rate by the owner of its bus.
type Polled struct {
	Name   string // the sensor's name in the configuration
	Use    string // the engine or profile that drives it
	Sensor drivers.Sensor
	Every  time.Duration // period; at least MinEvery

	// Channels maps output i of the sensor to its index in the schema, or -1
	// where that output is not sent. Its length is that of Sensor.Outputs().
	Channels []int

	// High gives its samples way before those of others, in the ring and, with
	// class frame.High, beyond it.
	High bool

	// Oversample is how often the sensor is read, evenly over each period, for
	// the one reading that is published: each output's mean of the values that
	// were valid, dated to the mean of their stamps. An output is bad if no
	// value of it was valid. 0 and 1 mean once; at most MaxOversample.
	Oversample int

	// Group names sensors, on whatever buses, that are read at the same
	// instants: on one bus one right after the other in the order of the plan,
	// on several buses side by side, conversions included. Members of
	// different periods meet at the common multiples. Empty: the sensor's
	// phase is spread from its neighbours'.
	Group string

	// ReadDuration observes how long each successful measurement took, waits
	// for conversions included; Lateness by how much each began after its
	// instant. Both may be nil.
	ReadDuration, Lateness Observer
}

// Limits of polled sensors.
const (
	MinEvery      = time.Millisecond // the shortest distance of two readings of a sensor
	MaxOversample = 64               // the most readings in a period
)

// BusPlan is a bus and the sensors that share it.
type BusPlan struct {
	Name    string
	Sensors []Polled

	// Jitter observes by how much each measurement on this bus began beside
	// its instant; may be nil.
	Jitter Observer

	// Reopen closes and reopens the transport; nil where that means nothing.
	// It is called by the bus's owner when every sensor fails as they do when
	// the bus itself is stuck, or when the adapter is gone.
	Reopen func() error

	// Steps are what else may bring the bus back, the mildest first. They are
	// taken one by one, each before a reopen, while all sensors go on failing.
	Steps []Step

	// Look tells what is there under the transport's name: 0 for nothing,
	// another number whenever it is another device or has other permissions.
	// It is asked twice a second while the transport cannot be opened; may be
	// nil.
	Look func() uint64
}

// Port is a byte stream's transport, used by one goroutine. The agent opens
// it, or leaves it to the first Reopen, and closes it after Stop.
type Port interface {
	// Read waits for bytes. It gives drivers.ErrTimeout after a silence of its
	// own choosing, well under a second, because Stop waits for it; and
	// drivers.ErrUnplugged when the port has hung up or was never open.
	Read(p []byte) (int, error)
	// Reopen closes the port, finds its device again and opens it.
	Reopen() error
}

// StreamPlan is a device that speaks unasked.
type StreamPlan struct {
	Name   string
	Use    string
	Port   Port
	Stream drivers.Stream

	// Channels and High are as in Polled.
	Channels []int
	High     bool

	// Stale is after how much silence a channel counts as stale; 0 means
	// DefaultStale.
	Stale time.Duration
	// Reopen is after how long without one well-formed unit the port is
	// closed and reopened, though it is open; it doubles up to eightfold while
	// that does not help. 0 means DefaultReopen.
	Reopen time.Duration

	// Steps are taken one by one, each before a reopen, while reopening does not
	// end a silence; Look is as in BusPlan.
	Steps []Step
	Look  func() uint64
}

// Defaults of a StreamPlan.
const (
	DefaultStale  = 10 * time.Second
	DefaultReopen = 30 * time.Second
)

// checker collects what is wrong with the plans.
type checker struct {
	o     *Options
	errs  []error
	owner []string // sensor by channel, to find channels that have two
}

// check reports what is wrong with the plans, all problems at once.
func (o *Options) check() []error {
	c := checker{o: o, owner: make([]string, len(o.Schema.Channels))}
	for _, b := range o.Buses {
		for i := range b.Sensors {
			c.polled(&b.Sensors[i])
		}
	}
	for i := range o.Streams {
		c.stream(&o.Streams[i])
	}
	return c.errs
}

func (c *checker) addf(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

func (c *checker) polled(s *Polled) {
	if s.Sensor == nil {
		c.addf("sensor %q: no driver", s.Name)
		return
	}
	switch {
	case s.Every < MinEvery:
		c.addf("sensor %q: period %v: at least %v is possible", s.Name, s.Every, MinEvery)
	case s.Oversample < 0 || s.Oversample > MaxOversample:
		c.addf("sensor %q: oversample %d: 1 to %d are possible", s.Name, s.Oversample, MaxOversample)
	case s.Oversample > 1 && s.Every/time.Duration(s.Oversample) < MinEvery:
		c.addf("sensor %q: %d readings in %v: at least %v each are needed", s.Name, s.Oversample, s.Every, MinEvery)
	}
	c.channels(s.Name, len(s.Sensor.Outputs()), s.Channels, s.High)
}

func (c *checker) stream(s *StreamPlan) {
	if s.Stream == nil || s.Port == nil {
		c.addf("sensor %q: no driver or no port", s.Name)
		return
	}
	if s.Stale < 0 || s.Reopen < 0 {
		c.addf("sensor %q: stale %v, reopen %v: negative", s.Name, s.Stale, s.Reopen)
	}
	c.channels(s.Name, len(s.Stream.Outputs()), s.Channels, s.High)
}

// channels checks that each output has at most one channel, in the schema, and
// each channel one output.
func (c *checker) channels(name string, outputs int, channels []int, high bool) {
	if outputs > drivers.MaxOutputs {
		c.addf("sensor %q: %d outputs: at most %d are possible", name, outputs, drivers.MaxOutputs)
	}
	if len(channels) != outputs {
		c.addf("sensor %q: %d channels for %d outputs", name, len(channels), outputs)
	}
	for i, ch := range channels {
		switch {
		case ch == -1:
		case ch < 0 || ch >= len(c.owner):
			c.addf("sensor %q: output %d: channel %d is not in the schema of %d", name, i, ch, len(c.owner))
		case c.owner[ch] != "":
			c.addf("sensor %q: output %d: channel %d belongs to sensor %q already", name, i, ch, c.owner[ch])
		default:
			c.owner[ch] = name
			c.class(name, i, ch, high)
		}
	}
}

// class checks that, without a Processor to sort them, the samples of a ring
// are of its class.
func (c *checker) class(name string, output, ch int, high bool) {
	if c.o.Processor != nil || len(c.o.Classes) != len(c.owner) {
		return
	}
	if isHigh := c.o.Classes[ch] == frame.High; isHigh != high {
		c.addf("sensor %q: output %d: its class is high: %v, that of the sensor: %v; without a processor they must agree",
			name, output, isHigh, high)
	}
}

// highSensor reports whether a sensor needs the ring of high priority.
func (o *Options) highSensor() bool {
	for _, b := range o.Buses {
		for i := range b.Sensors {
			if b.Sensors[i].High {
				return true
			}
		}
	}
	return slices.ContainsFunc(o.Streams, func(s StreamPlan) bool { return s.High })
}

// classesOf gives every channel the class of its sensor.
func (o *Options) classesOf() []frame.Class {
	classes := make([]frame.Class, len(o.Schema.Channels))
	mark := func(channels []int) {
		for _, ch := range channels {
			if ch >= 0 && ch < len(classes) {
				classes[ch] = frame.High
			}
		}
	}
	for _, b := range o.Buses {
		for i := range b.Sensors {
			if s := &b.Sensors[i]; s.High {
				mark(s.Channels)
			}
		}
	}
	for i := range o.Streams {
		if s := &o.Streams[i]; s.High {
			mark(s.Channels)
		}
	}
	return classes
}
