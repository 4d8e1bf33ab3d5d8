package config

import (
	"slices"
	"time"

	"github.com/telhub/telhub/drivers/catalog"
)

// Config is a complete configuration: every field has its value, defaults
// included. It is read-only once loaded.
type Config struct {
	Device  string // name under which samples travel; SenML characters without '/'
	Log     Log
	Queue   Queue
	Workers Workers
	Clock   Clock
	Uplink  Uplink
	Redis   Redis
	Spool   Spool
	HTTP    HTTP

	Buses    []Bus    // in the file's order; serial ports named by a sensor come last
	Sensors  []Sensor // in the file's order
	Profiles catalog.Profiles

	Indicators []Indicator // in the file's order

	file string // where it was read from, for messages; empty without a file
}

// Log says what is logged and how.
type Log struct {
	Level      string            // one of Levels
	Format     string            // "json" or "console"
	Components map[string]string // component → level, where it differs; nil when nowhere
}

// Queue is the ring between sensors and workers.
type Queue struct {
	Capacity int // samples
}

// Workers turn samples into frames.
type Workers struct {
	Count int
}

// Uplink is how frames travel.
type Uplink struct {
	Encoding     string        // "senml" or "compact"
	Flush        time.Duration // a frame is sealed when its first sample is this old
	Frame        int           // a frame is sealed when it holds this many samples
	BackfillRate int64         // bytes a second of backlog beside live; 0: 80 % of what live leaves
	Breaker      Breaker
}

// Breaker is the circuit breaker of the uplink.
type Breaker struct {
	Failures int           // consecutive failures that open it
	Open     time.Duration // first wait
	OpenMax  time.Duration // longest wait
}

// Redis is where frames go. Its password comes from Redis.Password.
type Redis struct {
	URL          URL
	User         string // ACL user; empty: the URL's, or the default user
	PasswordFile string // also set to the systemd credential when there is one
	CAFile       string
	CertFile     string
	KeyFile      string
	Stream       string
	Shards       int
	MaxLen       int64  // per stream, approximate; 0: never trimmed
	Durability   string // "auto", "memory", "aof" or "replica"

	EnvPassword Secret // TELEMETRY_REDIS_PASSWORD; exported, because fmt hides only fields that it may call
}

// Spool is the store for outages.
type Spool struct {
	Path    string
	MaxSize int64         // bytes
	Drop    string        // "oldest" or "newest"
	MaxLoss time.Duration // what a power cut may cost while spooling

	FlashBudget int64 // bytes in 24 hours; 0: not limited
}

// HTTP is the local face.
type HTTP struct {
	Listen string // "host:port", "unix:/path" or "" for off
}

// Bus is an I2C bus, a serial port or a TCP connection.
type Bus struct {
	Name    string          // for a port that a sensor names itself, the port's path
	Kind    catalog.BusKind // of its sensors' engines; Serial where a port has none
	Path    string          // I2C: device node
	Port    string          // serial: device node, by-id or by-path link
	TCP     string          // "host:port"
	Mode    string          // serial: "9600 8N1"
	Timeout time.Duration   // longest transaction (I2C) or wait for an answer
	Gap     time.Duration   // serial and TCP: least pause between requests
	Framing string          // Modbus: "rtu" or "tcp"
	Echo    bool            // serial: the adapter hears itself

	RS485                   string // serial: "rts-high", "rts-low"; "": the adapter switches by itself
	RS485Before, RS485After time.Duration

	Rebind bool  // I2C: a controller that hangs may have its driver bound anew
	Power  Power // what switches its devices' supply
}

// Power is a GPIO line that switches the supply of a bus's devices.
type Power struct {
	Chip   string        // "gpiochip0"; "": there is none
	Line   int           // its number on the chip
	Active string        // level at which they are supplied: "high", "low"
	Off    time.Duration // how long a power cycle lasts
	Settle time.Duration // from the supply's return until they may be asked
}

// Device is what the bus's kind of device is called: a node or an address.
func (b *Bus) Device() string { return b.Path + b.Port + b.TCP } // it has one of them

// Sensor is one sensor and the engine that reads it.
type Sensor struct {
	Name   string
	Use    string
	Engine catalog.Engine
	Bus    string // name of one of Config.Buses
	Addr   uint16 // I2C: 7-bit address
	Unit   uint8  // Modbus: the device's number
	Every  time.Duration
	Speaks bool          // it sends by itself, nobody asks it
	Period time.Duration // how far apart readings are expected: Every, but for the kernel's buffers; 0 when it is not known
	Only   []string      // measured outputs to send; nil: all

	Priority   string // "high" or "normal"
	Group      string // sensors of one group are measured at one instant; "": none
	Oversample int    // measurements that one value is the mean of

	// Outputs are those that have something done to them: measured ones with a
	// table and derived ones, in the file's order, and then those that Only
	// leaves out although others are derived from them. A measured output that
	// is not among them is sent as it comes, if Only keeps it.
	Outputs []Output

	// Options holds the engine's own settings, defaults included.
	Options catalog.Options

	port, mode string // of a serial sensor that names its port itself
}

// Spec gives the sensor as the catalog opens it.
func (s *Sensor) Spec() catalog.Spec {
	return catalog.Spec{
		Name: s.Name, Engine: s.Engine, Addr: s.Addr, Unit: s.Unit, Options: s.Options, Only: s.needed(), Every: s.Every,
	}
}

// needed names the measured outputs that the sensor has to read, nil for all:
// those to send, and those that others are derived from.
func (s *Sensor) needed() []string {
	if s.Only == nil {
		return nil
	}
	names := slices.Clone(s.Only)
	for i := range s.Outputs {
		if o := &s.Outputs[i]; !o.Derived() && !slices.Contains(names, o.Name) {
			names = append(names, o.Name)
		}
	}
	return names
}

// BusOf returns the bus that a sensor is connected to.
func (c *Config) BusOf(s *Sensor) *Bus { return c.bus(s.Bus) }

// bus finds a bus by name; nil when there is none.
func (c *Config) bus(name string) *Bus {
	for i := range c.Buses {
		if c.Buses[i].Name == name {
			return &c.Buses[i]
		}
	}
	return nil
}
