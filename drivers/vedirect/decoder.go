package vedirect

import (
	"fmt"
	"time"

	"github.com/telhub/telhub/drivers"
)

const (
	// maxBlock bounds a block: 22 fields of up to 9 + 33 characters, as the
	// protocol says, and room for later devices.
	maxBlock = 2048
	maxLabel = 12 // the protocol says 9
	maxValue = 40 // the protocol says 33
	maxFrame = 512
	// Blocks come once a second and take up to 0.3 s; this silence ends one
	// that broke off.
	blockGap = 500 * time.Millisecond
)

// Stats are counters since New.
type Stats struct {
	Good      uint64 // blocks with a right checksum and well-formed fields
	Corrupt   uint64 // all others, but the first after New and Reset, which may be half a block
	Frames    uint64 // HEX frames with a right checksum
	BadFrames uint64 // all other HEX frames
	Unknown   uint64 // fields in good blocks that have no output: texts, those of other devices
}

// Decoder is a drivers.Stream for one device. It is used by one goroutine.
type Decoder struct {
	fields  []field
	outputs []drivers.Output
	stats   Stats

	state  place
	synced bool  // the block was received from its beginning
	begun  int64 // arrival of its first byte
	size   int
	sum    uint8
	bad    bool // the block is not well-formed
	ln, vn int
	label  [maxLabel]byte
	value  [maxValue]byte

	frame   frame
	inFrame bool

	// What the block says; it counts when its checksum is right.
	values  [drivers.MaxOutputs]float64
	has     uint64
	none    uint64 // fields with "---"
	wrong   uint64 // fields whose value is none that they can have
	seen    uint64 // fields that the block had
	unknown uint64
	told    uint64 // outputs that ever had a value
}

// place is where in a block the next byte stands.
type place uint8

const (
	outside  place = iota // before the block's CR
	feeding               // before the LF
	inLabel               // up to the TAB
	inValue               // up to the CR
	checking              // before the checksum's byte
)

var _ drivers.Stream = (*Decoder)(nil)

// New makes a decoder. Its errors name the option, the value and the cure.
func New(opt Options) (*Decoder, error) {
	of, err := opt.set()
	if err != nil {
		return nil, fmt.Errorf("vedirect: %w", err)
	}
	d := &Decoder{}
	for _, f := range fields() {
		if f.of&of != 0 {
			d.fields = append(d.fields, f)
			d.outputs = append(d.outputs, f.Output)
		}
	}
	if len(d.outputs) > drivers.MaxOutputs {
		panic("vedirect: too many outputs")
	}
	return d, nil
}

// Outputs lists all that the kind of device can send.
func (d *Decoder) Outputs() []drivers.Output { return d.outputs }

// Counts gives the blocks seen: good, and corrupt.
func (d *Decoder) Counts() (good, corrupt uint64) { return d.stats.Good, d.stats.Corrupt }

// Stats gives all counters.
func (d *Decoder) Stats() Stats { return d.stats }

// Reset drops the half-received block.
func (d *Decoder) Reset() {
	d.inFrame = false
	d.clear()
	d.synced = false
}

// clear makes ready for a block.
func (d *Decoder) clear() {
	d.state, d.size, d.sum, d.bad = outside, 0, 0, false
	d.ln, d.vn = 0, 0
	d.has, d.none, d.wrong, d.seen, d.unknown = 0, 0, 0, 0, 0
}

// Feed consumes p up to the byte that completes a reading; see drivers.Stream.
func (d *Decoder) Feed(p []byte, stamp int64, dst *drivers.Reading) (n int, ok bool) {
	for i, c := range p {
		if d.inFrame || c == ':' && d.state != checking {
			d.receiveFrame(c)
			continue
		}
		if d.size == 0 {
			d.begun = stamp
		}
		if d.receive(c, dst) {
			return i + 1, true
		}
	}
	return len(p), false
}

// Idle drops a block that broke off. After a silence the next block is known to
// be whole.
func (d *Decoder) Idle(silence time.Duration, _ *drivers.Reading) (ok bool) {
	if silence < blockGap {
		return false
	}
	if d.size > 0 && d.synced {
		d.stats.Corrupt++
	}
	if d.inFrame {
		d.stats.BadFrames++
	}
	d.Reset()
	d.synced = true
	return false
}

// receive takes a byte of text and reports whether it completed a reading.
func (d *Decoder) receive(c byte, dst *drivers.Reading) (ok bool) {
	d.sum += c
	if d.size++; d.size > maxBlock {
		d.size, d.bad = maxBlock, true
	}
	switch d.state {
	case outside:
		d.expect(c, '\r', feeding)
	case feeding:
		d.expect(c, '\n', inLabel)
		d.ln = 0
	case inLabel:
		d.receiveLabel(c)
	case inValue:
		d.receiveValue(c)
	case checking:
		return d.finish(dst)
	}
	return false
}

// expect moves on with the byte that must come. Anything else is damage; the
// block goes on at the next line's end.
func (d *Decoder) expect(c, want byte, next place) {
	if c == want {
		d.state = next
		return
	}
	d.bad = true
	if c == '\r' {
		d.state = feeding
	} else {
		d.state = outside
	}
}

func (d *Decoder) receiveLabel(c byte) {
	switch {
	case c == '\t':
		d.vn, d.state = 0, inValue
		if string(d.label[:d.ln]) == "Checksum" {
			d.state = checking
		}
	case c == '\r':
		d.bad, d.state = true, feeding
	case c <= ' ' || c > '~' || d.ln == len(d.label):
		d.bad = true
	default:
		d.label[d.ln] = c
		d.ln++
	}
}

func (d *Decoder) receiveValue(c byte) {
	switch {
	case c == '\r':
		d.endField()
		d.state = feeding
	case c < ' ' || c > '~' || d.vn == len(d.value):
		d.bad = true
	default:
		d.value[d.vn] = c
		d.vn++
	}
}

// finish judges the block and writes it to dst.
func (d *Decoder) finish(dst *drivers.Reading) (ok bool) {
	sound := d.sum == 0 && !d.bad && d.size > 1
	switch {
	case sound:
		d.stats.Good++
		d.stats.Unknown += d.unknown
		ok = d.give(dst)
	case d.synced:
		d.stats.Corrupt++
	}
	d.clear()
	d.synced = true
	return ok
}

func (d *Decoder) give(dst *drivers.Reading) bool {
	dst.Reset()
	for i := range d.outputs {
		switch {
		case d.has&(1<<i) != 0:
			dst.Set(i, d.values[i])
		case (d.none&d.told|d.wrong)&(1<<i) != 0:
			dst.SetBad(i)
		}
	}
	d.told |= d.has
	dst.Stamp = d.begun
	return !dst.Empty()
}
