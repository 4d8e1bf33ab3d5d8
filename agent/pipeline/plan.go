package pipeline

import (
	"fmt"
	"time"

	"github.com/telhub/telhub/drivers"
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

	// ReadDuration observes how long each successful measurement took, waits
	// for conversions included; Lateness by how much each began after its
	// instant. Both may be nil.
	ReadDuration, Lateness Observer
}

// MinEvery is the shortest period of a polled sensor.
const MinEvery = time.Millisecond

// BusPlan is a bus and the sensors that share it.
type BusPlan struct {
	Name    string
	Sensors []Polled

	// Reopen closes and reopens the transport; nil where that means nothing.
	// It is called by the bus's owner when every sensor fails as they do when
	// the bus itself is stuck, or when the adapter is gone.
	Reopen func() error
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

	// Channels is as in Polled.
	Channels []int

	// Stale is after how much silence a channel counts as stale; 0 means
	// DefaultStale.
	Stale time.Duration
	// Reopen is after how long without one well-formed unit the port is
	// closed and reopened, though it is open; it doubles up to eightfold while
	// that does not help. 0 means DefaultReopen.
	Reopen time.Duration
}

// Defaults of a StreamPlan.
const (
	DefaultStale  = 10 * time.Second
	DefaultReopen = 30 * time.Second
)

// checker collects what is wrong with the plans.
type checker struct {
	errs  []error
	owner []string // sensor by channel, to find channels that have two
}

// check reports what is wrong with the plans, all problems at once.
func (o *Options) check() []error {
	c := checker{owner: make([]string, len(o.Schema.Channels))}
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
	if s.Every < MinEvery {
		c.addf("sensor %q: period %v: at least %v is possible", s.Name, s.Every, MinEvery)
	}
	c.channels(s.Name, len(s.Sensor.Outputs()), s.Channels)
}

func (c *checker) stream(s *StreamPlan) {
	if s.Stream == nil || s.Port == nil {
		c.addf("sensor %q: no driver or no port", s.Name)
		return
	}
	if s.Stale < 0 || s.Reopen < 0 {
		c.addf("sensor %q: stale %v, reopen %v: negative", s.Name, s.Stale, s.Reopen)
	}
	c.channels(s.Name, len(s.Stream.Outputs()), s.Channels)
}

// channels checks that each output has at most one channel, in the schema, and
// each channel one output.
func (c *checker) channels(name string, outputs int, channels []int) {
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
		}
	}
}
