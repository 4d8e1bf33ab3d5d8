package p1

import (
	"fmt"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/ascii"
	"github.com/telhub/telhub/drivers/crc"
	"github.com/telhub/telhub/drivers/obis"
)

const (
	// maxTelegram bounds a telegram. Those of five minutes' failure logs and
	// messages of 1024 characters stay below 5 kB.
	maxTelegram = 16 << 10
	// maxLine is the longest line that is read; longer ones are logs and
	// messages, and only summed up.
	maxLine = 512
	// A telegram is sent in one go; this silence none survives, and endGap
	// ends one whose last line end is missing.
	telegramGap = 5 * time.Second
	endGap      = time.Second
)

// Stats are counters since New.
type Stats struct {
	Good     uint64 // telegrams with a right checksum, or rightly without
	Corrupt  uint64 // all others that began with a /
	Unknown  uint64 // lines in good telegrams that belong to no output
	Unsummed uint64 // good telegrams without a checksum
}

// Decoder is a drivers.Stream for one meter. It is used by one goroutine.
type Decoder struct {
	table   obis.Table
	zone    time.Duration
	clock   bool
	require bool
	summed  bool // a telegram came with a checksum
	stats   Stats

	state   state
	begun   int64 // arrival of the /
	size    int
	crc     uint16 // of the bytes so far
	claimed uint16 // as sent
	digits  int    // of claimed
	clean   bool   // the ! began a line, and nothing unprintable came
	long    bool   // the line is longer than maxLine
	n       int
	line    [maxLine]byte

	telegram telegram
	owners   [3]uint8 // M-Bus channel that gas, water and heat are read from; 0 = none
	sealed   sealed
}

type state uint8

const (
	between state = iota // telegrams: waiting for /
	header               // the identification
	body
	ended // ! was seen
)

var _ drivers.Stream = (*Decoder)(nil)

// New makes a decoder. Its errors name the option, the value and the cure.
func New(opt Options) (*Decoder, error) {
	if opt.Zone < -14*time.Hour || opt.Zone > 14*time.Hour || opt.Zone%time.Minute != 0 {
		return nil, fmt.Errorf("p1: zone %v: want whole minutes from -14h to 14h", opt.Zone)
	}
	t, err := newTable(&opt)
	if err != nil {
		return nil, fmt.Errorf("p1: %w", err)
	}
	d := &Decoder{table: t, zone: opt.Zone, clock: opt.Clock, require: opt.RequireCRC || opt.Key != ""}
	if err := d.sealed.init(&opt); err != nil {
		return nil, fmt.Errorf("p1: %w", err)
	}
	return d, nil
}

// Outputs lists all that the package can decode, whether this meter sends it or not.
func (d *Decoder) Outputs() []drivers.Output { return d.table.Outputs }

// Counts gives the telegrams seen: good, and corrupt.
func (d *Decoder) Counts() (good, corrupt uint64) { return d.stats.Good, d.stats.Corrupt }

// Stats gives all counters.
func (d *Decoder) Stats() Stats { return d.stats }

// Reset drops the half-received telegram.
func (d *Decoder) Reset() {
	d.state = between
	d.sealed.reset()
}

// Feed consumes p up to the byte that completes a reading; see drivers.Stream.
func (d *Decoder) Feed(p []byte, stamp int64, dst *drivers.Reading) (n int, ok bool) {
	for i, c := range p {
		if d.sealed.wants(c) {
			if d.receiveSealed(c, stamp, dst) {
				return i + 1, true
			}
			continue
		}
		if d.receive(c, stamp, dst) {
			return i + 1, true
		}
	}
	return len(p), false
}

// Idle ends a telegram whose last line end is missing, and drops one that
// broke off.
func (d *Decoder) Idle(silence time.Duration, dst *drivers.Reading) (ok bool) {
	if silence >= endGap && d.state == ended && d.digits > 0 {
		return d.finish(dst)
	}
	if silence < telegramGap {
		return false
	}
	if d.state != between || d.sealed.open() {
		d.stats.Corrupt++
	}
	d.Reset()
	return false
}

// receive takes the next byte and reports whether it completed a reading.
func (d *Decoder) receive(c byte, stamp int64, dst *drivers.Reading) (ok bool) {
	if c == '/' {
		d.begin(stamp)
		return false
	}
	switch d.state {
	case header, body:
		d.receiveText(c)
	case ended:
		return d.receiveDigit(c, dst)
	}
	return false
}

func (d *Decoder) begin(stamp int64) {
	if d.state != between {
		d.stats.Corrupt++
	}
	d.state, d.begun, d.size = header, stamp, 0
	d.crc, d.claimed, d.digits = 0, 0, 0
	d.clean, d.long, d.n = true, false, 0
	d.telegram = telegram{}
	d.sum('/')
}

// receiveText takes a byte before the !, or the ! itself.
func (d *Decoder) receiveText(c byte) {
	d.sum(c)
	if d.size++; d.size > maxTelegram {
		d.fail()
		return
	}
	switch {
	case c == '\r' || c == '\n':
		d.endLine()
	case c == '!':
		d.clean = d.clean && d.n == 0 && d.state == body
		d.endLine()
		d.state = ended
	case d.n == len(d.line):
		d.long = true
	default:
		if c < ' ' || c > '~' {
			d.clean = false
		}
		d.line[d.n] = c
		d.n++
	}
}

// endLine reads the line that has just ended. The first is the identification.
func (d *Decoder) endLine() {
	line, long := d.line[:d.n], d.long
	d.n, d.long = 0, false
	switch {
	case d.state == header:
		d.state = body
	case long:
		d.telegram.unknown++
	default:
		d.takeLine(line)
	}
}

// receiveDigit takes a byte behind the !: the checksum's digits, then the
// line's end. Four digits need none.
func (d *Decoder) receiveDigit(c byte, dst *drivers.Reading) (ok bool) {
	v, isDigit := ascii.Hex(c)
	switch {
	case isDigit:
		d.claimed = d.claimed<<4 | uint16(v)
		d.digits++
		return d.digits == 4 && d.finish(dst)
	case c == '\r' || c == '\n':
		return d.finish(dst)
	}
	d.fail()
	return false
}

func (d *Decoder) fail() {
	d.stats.Corrupt++
	d.state = between
}

// finish judges the telegram and writes it to dst.
func (d *Decoder) finish(dst *drivers.Reading) (ok bool) {
	if d.digits == 0 && !d.admitUnsummed() || d.digits > 0 && d.claimed != d.crc {
		d.fail()
		return false
	}
	d.state = between
	d.stats.Good++
	d.stats.Unknown += uint64(d.telegram.unknown)
	if d.digits > 0 {
		d.summed = true
	} else {
		d.stats.Unsummed++
	}
	return d.give(dst)
}

// admitUnsummed reports whether the telegram may do without a checksum.
func (d *Decoder) admitUnsummed() bool {
	t := &d.telegram
	return !d.require && !d.summed && d.clean && !t.modern && t.odd == 0 && t.pending == 0 && t.has != 0
}

// give writes the telegram to dst and reports whether there was anything.
func (d *Decoder) give(dst *drivers.Reading) bool {
	t := &d.telegram
	d.resolve()
	dst.Reset()
	for i := range d.table.Outputs {
		switch {
		case t.has&(1<<i) != 0:
			dst.Set(i, t.values[i])
		case t.bad&(1<<i) != 0:
			dst.SetBad(i)
		}
	}
	dst.Stamp = d.begun
	if d.clock && t.timed {
		dst.UTC = t.time * 1000
	}
	return !dst.Empty()
}

// sum adds a byte to the CRC-16/ARC: polynomial x16+x15+x2+1, least
// significant bit first, from 0 (P1 Companion Standard 5.0.2, chapter 6).
func (d *Decoder) sum(c byte) {
	one := [1]byte{c}
	d.crc = crc.Reflected16(d.crc, crc.Poly8005, one[:])
}
