package drivers

import "time"

// MaxOutputs is the most outputs that one sensor can have.
const MaxOutputs = 64

// Output describes one quantity that a sensor measures.
type Output struct {
	Name string // lower case with underscores: "temperature"
	Unit string // SenML unit (RFC 8428, RFC 8798): "Cel", "%RH", "Pa"; empty for a bare number

	// Resolution is the step between neighbouring values, as a decimal or
	// binary fraction in Unit (0.01, 0.0078125); 0 when it is not known.
	// Codecs take it as a hint; a value between two steps is still kept whole.
	Resolution float64
}

// Reading is the result of one measurement: a value or a verdict for each
// output. Its owner (the bus goroutine) allocates it once and reuses it.
type Reading struct {
	// Stamp is the instant of the measurement in nanoseconds of
	// CLOCK_BOOTTIME. 0 lets the caller use the middle of the transaction.
	Stamp int64

	// UTC is the wall time that the device itself tells for the instant Stamp,
	// in milliseconds since 1970-01-01 UTC; 0 where it tells none that it
	// vouches for (a GNSS receiver without a valid fix).
	UTC int64

	// Values holds output i's value at index i, valid where Has(i).
	Values [MaxOutputs]float64

	set uint64 // bit i: output i has a value
	bad uint64 // bit i: output i answered something invalid
}

// Reset empties the reading for the next use.
func (r *Reading) Reset() { r.Stamp, r.UTC, r.set, r.bad = 0, 0, 0, 0 }

// Set stores a value for output i. A NaN or an infinity marks it bad instead,
// so that no arithmetic downstream ever meets one.
func (r *Reading) Set(i int, v float64) {
	if v-v != 0 { // NaN or ±Inf
		r.SetBad(i)
		return
	}
	r.Values[i] = v
	r.set |= 1 << i
	r.bad &^= 1 << i
}

// SetBad marks output i as answered but invalid.
func (r *Reading) SetBad(i int) {
	r.bad |= 1 << i
	r.set &^= 1 << i
}

// Has reports whether output i has a value.
func (r *Reading) Has(i int) bool { return r.set&(1<<i) != 0 }

// IsBad reports whether output i answered something invalid.
func (r *Reading) IsBad(i int) bool { return r.bad&(1<<i) != 0 }

// Empty reports whether the reading holds neither value nor verdict.
func (r *Reading) Empty() bool { return r.set|r.bad == 0 }

// Sensor is a device that is asked. One goroutine owns the bus and calls it;
// implementations need no locks. After New, no method allocates, on error
// paths neither: errors are preallocated per device.
type Sensor interface {
	// Outputs lists what the sensor measures; fixed after construction.
	Outputs() []Output

	// Init verifies the device's identity, resets and configures it. It is
	// called before the first Read and again after failures; a device that is
	// not what the configuration says gives ErrIdentity.
	Init() error

	// Read takes a measurement into dst, which is empty when a measurement
	// begins. A wait greater than zero means that the device is converting:
	// the caller serves other devices and calls Read again with the same dst
	// after at least that time. An error ends the measurement; the next Read
	// begins a new one.
	Read(dst *Reading) (wait time.Duration, err error)
}

// Varied is a Sensor of whose outputs a device need not have all: those that
// it has never given are silent, not stale, once it has given others.
type Varied interface {
	Sensor
	Varies() bool
}

// Stream decodes what a device sends unasked, byte by byte, as a pure state
// machine: the port's owner reads the bytes and keeps the time.
type Stream interface {
	// Outputs lists what the device sends; fixed after construction.
	Outputs() []Output

	// Feed consumes bytes of p, which it does not keep, until a reading is
	// complete or p ends, and reports how many it consumed and whether dst
	// now holds a reading. stamp is the arrival of p[0] in nanoseconds of
	// CLOCK_BOOTTIME. Call it again with the rest of p while n < len(p).
	Feed(p []byte, stamp int64, dst *Reading) (n int, ok bool)

	// Idle tells the decoder that nothing arrived for d. It reports whether
	// that silence completed a reading, now in dst.
	Idle(d time.Duration, dst *Reading) (ok bool)

	// Counts returns how many well-formed and how many corrupt units
	// (sentences, lines, telegrams) were seen since the start.
	Counts() (good, corrupt uint64)

	// Reset drops what is half received, after the port was reopened.
	Reset()
}
