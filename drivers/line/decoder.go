package line

import (
	"fmt"
	"slices"
	"time"

	"github.com/telhub/telhub/drivers"
)

// wholeAfter is the pause before a line's first byte that proves it to be the
// first: longer than a character at 300 baud, shorter than any period.
const wholeAfter = 50 * time.Millisecond

// Stats are counters since New.
type Stats struct {
	Good    uint64 // lines of the declared form
	Corrupt uint64 // all others, but the first after New and Reset when it may be half a line
	Unknown uint64 // values in good lines that belong to no output
}

// Decoder is a drivers.Stream for one port. It is used by one goroutine.
type Decoder struct {
	outputs []drivers.Output
	keys    []string // output i's key in the lines
	parse   func(*Decoder, []byte) bool
	proves  bool // a line that parses was received from its beginning
	stats   Stats

	buf     []byte // the line being received; its capacity is fixed
	begun   int64  // arrival of its first byte
	skip    bool   // the line is too long: pass over its rest
	damaged bool   // the line has a control character
	synced  bool   // the line was received from its beginning

	// What the line says; it counts when all of the line is parsed.
	values  [drivers.MaxOutputs]float64
	present uint64 // bit i: output i has values[i]
	unknown uint64

	csv  csv
	kv   kv
	json json
	tmpl []element
}

var _ drivers.Stream = (*Decoder)(nil)

// New compiles opt. Its errors name the option, the value and the cure.
func New(opt Options) (*Decoder, error) {
	opt.Outputs = slices.Clone(opt.Outputs)
	if err := opt.fill(); err != nil {
		return nil, fmt.Errorf("line: %w", err)
	}
	d := &Decoder{buf: make([]byte, 0, opt.MaxLine)}
	c := &channels{list: opt.Outputs, used: make([]bool, len(opt.Outputs))}
	var err error
	switch opt.Format {
	case CSV:
		err = d.compileCSV(opt, c)
	case KV:
		err = d.compileKV(opt, c)
	case JSON:
		err = d.compileJSON(c)
	case Template:
		err = d.compileTemplate(opt, c)
	}
	if err != nil {
		return nil, fmt.Errorf("line: %w", err)
	}
	for _, o := range c.list {
		d.outputs = append(d.outputs, drivers.Output{Name: o.Name, Unit: o.Unit, Resolution: o.Resolution})
		d.keys = append(d.keys, o.Key)
	}
	return d, nil
}

// Outputs lists the channels: those of Options.Outputs first, then the other
// columns or fields in their order.
func (d *Decoder) Outputs() []drivers.Output { return d.outputs }

// Counts gives the lines seen: well-formed, and corrupt.
func (d *Decoder) Counts() (good, corrupt uint64) { return d.stats.Good, d.stats.Corrupt }

// Stats gives all counters.
func (d *Decoder) Stats() Stats { return d.stats }

// Reset drops the half-received line. The order of columns that a header set
// stays: the device may not have restarted.
func (d *Decoder) Reset() {
	d.buf = d.buf[:0]
	d.skip, d.damaged, d.synced = false, false, false
}

// Feed consumes p up to the end of a line that makes a reading; see
// drivers.Stream.
func (d *Decoder) Feed(p []byte, stamp int64, dst *drivers.Reading) (n int, ok bool) {
	for i, c := range p {
		switch {
		case c == '\n' || c == '\r':
			if d.end(dst) {
				return i + 1, true
			}
		case d.skip:
		case len(d.buf) == cap(d.buf):
			d.skip = true
		default:
			if len(d.buf) == 0 {
				d.begun = stamp
			}
			if (c < ' ' && c != '\t') || c == 0x7f {
				d.damaged = true
			}
			d.buf = append(d.buf, c)
		}
	}
	return len(p), false
}

// Idle never completes a reading: a device may pause within a line while it
// measures. A pause before a line proves that the line is whole.
func (d *Decoder) Idle(silence time.Duration, _ *drivers.Reading) (ok bool) {
	if len(d.buf) == 0 && silence >= wholeAfter {
		d.synced = true
	}
	return false
}

// end takes the line that has just ended and reports whether it is a reading.
func (d *Decoder) end(dst *drivers.Reading) (ok bool) {
	line, synced, sound := trim(d.buf), d.synced, !d.skip && !d.damaged
	d.buf = d.buf[:0]
	d.skip, d.damaged, d.synced = false, false, true
	if len(line) == 0 && sound {
		return false
	}
	if !synced && !d.proves {
		return false
	}
	d.present, d.unknown = 0, 0
	if !sound || !d.parse(d, line) {
		if synced {
			d.stats.Corrupt++
		}
		return false
	}
	d.stats.Good++
	d.stats.Unknown += d.unknown
	return d.give(dst)
}

func (d *Decoder) give(dst *drivers.Reading) bool {
	if d.present == 0 {
		return false
	}
	dst.Reset()
	dst.Stamp = d.begun
	for i := range d.outputs {
		if d.present&(1<<i) != 0 {
			dst.Set(i, d.values[i]) // NaN marks it bad
		}
	}
	return true
}

// put stages text as the value of output out; false when it is none.
func (d *Decoder) put(out int, text []byte) bool {
	text = trim(text)
	if len(text) == 0 {
		return true
	}
	v, ok := value(text)
	if ok {
		d.stage(out, v)
	}
	return ok
}

func (d *Decoder) stage(out int, v float64) {
	d.values[out] = v
	d.present |= 1 << out
}

// find gives the output with this key; -1 when there is none.
func (d *Decoder) find(key []byte) int {
	for i, k := range d.keys {
		if string(key) == k {
			return i
		}
	}
	return -1
}

func trim(b []byte) []byte {
	for len(b) > 0 && blank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && blank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func blank(c byte) bool { return c == ' ' || c == '\t' }
