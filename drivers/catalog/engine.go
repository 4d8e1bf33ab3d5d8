package catalog

import (
	"strings"
	"time"

	"periph.io/x/conn/v3/i2c"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/link"
)

// BusKind is the way to an engine's devices.
type BusKind uint8

// The kinds of bus.
const (
	I2C    BusKind = iota // chips on an adapter, asked in turn
	Serial                // one device that speaks by itself on a serial port
	Link                  // devices that are asked in turn over a serial port or a TCP connection
	Local                 // what the kernel reads itself: no bus of ours
)

// String names the kind as messages do.
func (k BusKind) String() string {
	switch k {
	case I2C:
		return "I2C"
	case Serial:
		return "serial"
	case Link:
		return "serial or TCP"
	}
	return "local"
}

// Type is the type of an option's value.
type Type uint8

// The types, with the Go type that an Options map holds for each.
const (
	Text     Type = iota // string
	Choice               // string, one of Option.Allowed
	Int                  // int64
	Float                // float64
	Bool                 // bool
	Duration             // time.Duration
	Texts                // []string
	Channels             // []Channel
	File                 // string, a full path
	Secret               // secret.Text, which no message shows
)

// Option describes one setting of an engine. Default, Min and Max are text in
// the notation of the configuration; empty means none.
type Option struct {
	Name    string
	Type    Type
	Default string
	Unit    string
	Min     string
	Max     string
	Allowed []string // of a Choice or an Int: the only values
	Doc     string
	Example string // as TOML writes it
}

// Channel declares one output of an engine that does not know its outputs by
// itself.
type Channel struct {
	Name       string  // of the output
	Key        string  // what the device calls it; empty: the same
	Unit       string  // SenML unit; empty for a bare number
	Resolution float64 // step between neighbouring values; 0 when it is not known
}

// Options are the values of an engine's options by name. Options without
// default that were not set are missing.
type Options map[string]any

// Engine is a way to read sensors.
type Engine struct {
	Name    string // as a sensor's "use" calls it
	Kind    BusKind
	Doc     string // one sentence
	Options []Option

	// Addrs are the addresses that an I2C chip can have, the usual one first;
	// nil when the configuration must name it.
	Addrs []uint16
	// Time is how long a measurement takes at least, where that does not
	// depend on options; 0 when it is not known.
	Time time.Duration
	// Stretches says that an I2C chip stretches the clock, which some
	// adapters answer with wrong bytes.
	Stretches bool
	// MaxSpeed is the fastest bus clock that an I2C chip bears, in Hz; 0 when
	// it is not known.
	MaxSpeed uint32
	// Mode is what serial devices of this kind usually use: "9600 8N1".
	Mode string
	// Units says that devices have a number on their bus (Modbus): a sensor
	// names it with unit_id, or takes Unit if that is not 0.
	Units bool
	Unit  uint8

	sensor func(i2c.Bus, *Spec) (drivers.Sensor, error)    // I2C
	stream func(*Spec) (drivers.Stream, error)             // Serial
	asked  func(*link.Link, *Spec) (drivers.Sensor, error) // Link
	local  func(*Spec) (Device, error)                     // Local
}

// Spec is one sensor of a configuration.
type Spec struct {
	Name    string // the sensor's name, for messages
	Engine  Engine
	Addr    uint16 // I2C
	Unit    uint8  // Link: the device's number, where Engine.Units
	Frames  Frames // Link: how the line carries requests
	Options Options

	// Only names the outputs that somebody wants; nil means all. An engine may
	// leave out the others' part of the work, not their place in Outputs.
	Only []string

	Root  string        // Local: where /sys, /proc and /dev are; "" is /
	Every time.Duration // Local: the period, for devices that measure by themselves

	// Dry leaves files that options name unread: what is made is to be looked
	// at, not used.
	Dry bool
}

// Frames is how a line carries Modbus requests.
type Frames uint8

// The kinds of frame.
const (
	RTU Frames = iota // with a checksum: serial ports, and TCP servers that pass bytes through
	TCP               // with the MBAP header of Modbus TCP
)

// Device is what a Local engine reads: a Sensor that is asked, or a Stream
// with the port that feeds it. The other two are nil.
type Device struct {
	Sensor drivers.Sensor
	Stream drivers.Stream
	Port   Port
}

// Port feeds the stream of a Local device. One goroutine uses it; nothing is
// open before the first Reopen.
type Port interface {
	// Read waits for bytes, at most a fraction of a second: then it gives
	// drivers.ErrTimeout. drivers.ErrUnplugged means that only Reopen helps.
	Read(p []byte) (n int, err error)
	Reopen() error
	Close() error
}

// OpenSensor makes the sensor that spec describes. The sensor does not own
// the bus, and touches it from Init on.
func OpenSensor(bus i2c.Bus, spec Spec) (drivers.Sensor, error) {
	return spec.Engine.sensor(bus, &spec)
}

// OpenStream makes the decoder that spec describes.
func OpenStream(spec Spec) (drivers.Stream, error) {
	return spec.Engine.stream(&spec)
}

// OpenAsked makes the sensor that spec describes on a line that others share.
// The sensor does not own the line, and uses it from Init on.
func OpenAsked(l *link.Link, spec Spec) (drivers.Sensor, error) {
	return spec.Engine.asked(l, &spec)
}

// OpenLocal makes the device that spec describes. It opens nothing.
func OpenLocal(spec Spec) (Device, error) {
	return spec.Engine.local(&spec)
}

// Facts are what construction tells about a sensor.
type Facts struct {
	Outputs  []drivers.Output
	MinEvery time.Duration // shortest sensible period; 0 when it is not known
	Speaks   bool          // it sends by itself, nobody asks it
	Period   time.Duration // of one that speaks: how far apart its readings are; 0 when it is not known
}

// Check makes the sensor without a bus and returns what it learned, or the
// engine's complaint about options that do not fit together.
func Check(spec Spec) (Facts, error) {
	spec.Dry = true
	d, err := openUnconnected(spec)
	if err != nil {
		return Facts{}, refine(err, &spec.Engine)
	}
	if d.Stream != nil {
		facts := Facts{Outputs: d.Stream.Outputs(), Speaks: true}
		if p, ok := d.Stream.(interface{ Period() time.Duration }); ok {
			facts.Period = p.Period()
		}
		return facts, nil
	}
	facts := Facts{Outputs: d.Sensor.Outputs(), MinEvery: spec.Engine.Time}
	if t, ok := d.Sensor.(interface{ Conversion() time.Duration }); ok {
		facts.MinEvery = max(facts.MinEvery, t.Conversion())
	}
	return facts, nil
}

// openUnconnected makes what spec describes, without a bus.
func openUnconnected(spec Spec) (d Device, err error) {
	switch spec.Engine.Kind {
	case Serial:
		d.Stream, err = OpenStream(spec)
	case Link:
		d.Sensor, err = OpenAsked(nil, spec)
	case Local:
		d, err = OpenLocal(spec)
	default:
		d.Sensor, err = OpenSensor(nil, spec)
	}
	return d, err
}

// OptionError is an engine's complaint about one option.
type OptionError struct {
	Option string
	Msg    string // what is wrong and the cure
}

// Error gives "option: what is wrong".
func (e *OptionError) Error() string { return e.Option + ": " + e.Msg }

// refine turns an engine's error "engine: option value: msg" into an
// OptionError, when it begins like that, and leaves others as they are.
func refine(err error, e *Engine) error {
	_, rest, _ := strings.Cut(err.Error(), ": ")
	subject, msg, found := strings.Cut(rest, ": ")
	name, _, _ := strings.Cut(subject, " ")
	if name == "output" { // one of the channels, which the message has to name
		name, msg = "out", rest
	}
	for i := range e.Options {
		if found && e.Options[i].Name == name {
			return &OptionError{Option: name, Msg: msg}
		}
	}
	return err
}

// value reads an option whose type the configuration has checked; one that
// is missing gives the zero value.
func value[T any](o Options, name string) T {
	v, _ := o[name].(T)
	return v
}
