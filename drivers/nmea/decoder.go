package nmea

import (
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/ascii"
)

// EpochGap is the silence that ends an epoch. Owners should let Read wait no
// longer than this, or a reading leaves up to one Read later.
const EpochGap = 150 * time.Millisecond

const (
	maxBody     = 250         // characters between $ and *
	sentenceGap = time.Second // a silence that no half sentence survives
)

// Stats are counters since New.
type Stats struct {
	Good       uint64 // well-formed sentences, used or not
	Corrupt    uint64 // complete sentences with a wrong checksum or impossible fields, and endless ones
	Incomplete uint64 // begun with $ and cut off, or without the checksum that their type has
	Unmapped   uint64 // transducer values in XDR that belong to no output
}

// Decoder is a drivers.Stream for one talker or one multiplexed line. It is
// used by one goroutine.
type Decoder struct {
	outputs []drivers.Output
	stats   Stats

	// The sentence being received.
	receiving bool
	starred   bool // * was seen; hex digits follow
	digits    int  // hex digits seen
	claimed   byte // checksum as sent
	sum       byte // checksum as received
	n         int
	body      [maxBody]byte
	begun     int64 // arrival of its $

	fields   fields
	sentence sentence // the one just parsed
	summed   uint32   // bit k: a sentence of kind k came with a checksum

	epoch   epoch
	sent    sent
	owners  [numOutputs]uint32 // hash of the transducer that owns an output; 0 = free
	dated   calendar           // last date heard
	lastFix FixTime
}

var _ drivers.Stream = (*Decoder)(nil)

// New returns a decoder that has heard nothing.
func New() *Decoder {
	d := &Decoder{outputs: outputs()}
	d.Reset()
	return d
}

// Outputs lists all that the package can decode, whether this device sends it or not.
func (d *Decoder) Outputs() []drivers.Output { return d.outputs }

// Counts gives the sentences seen: well-formed, and corrupt.
func (d *Decoder) Counts() (good, corrupt uint64) { return d.stats.Good, d.stats.Corrupt }

// Stats gives all counters.
func (d *Decoder) Stats() Stats { return d.stats }

// Reset forgets the half-received sentence and the open epoch. Call Idle with
// a second before it to get what a pulled plug left complete.
func (d *Decoder) Reset() {
	d.receiving = false
	d.epoch.reset()
	d.sent = sent{instant: unknownTime}
	d.owners = [numOutputs]uint32{}
}

// Feed consumes p up to the byte that completes a reading; see drivers.Stream.
func (d *Decoder) Feed(p []byte, stamp int64, dst *drivers.Reading) (n int, ok bool) {
	for i, c := range p {
		if !d.receiving && c != '$' {
			continue
		}
		if d.receive(c, stamp) && d.accept(dst) {
			return i + 1, true
		}
	}
	return len(p), false
}

// Idle ends the epoch after EpochGap of silence, unless a sentence is half
// received: then the line has only stuttered, for up to a second.
func (d *Decoder) Idle(silence time.Duration, dst *drivers.Reading) (ok bool) {
	if silence < EpochGap || (d.receiving && silence < sentenceGap) {
		return false
	}
	if d.receiving {
		d.abandon()
	}
	return d.flush(dst)
}

// receive takes the next byte and reports whether d.body[:d.n] is now a
// sentence whose checksum is right, or missing.
func (d *Decoder) receive(c byte, stamp int64) (complete bool) {
	switch {
	case c == '$':
		if d.receiving {
			d.stats.Incomplete++
		}
		d.receiving, d.starred, d.n, d.sum, d.digits, d.claimed = true, false, 0, 0, 0, 0
		d.begun = stamp
	case d.starred:
		return d.receiveDigit(c)
	case c == '*':
		d.starred = true
	case c == '\r' || c == '\n':
		d.receiving = false
		return true
	case c < ' ' || c > '~':
		d.abandon()
	case d.n == maxBody:
		d.receiving = false
		d.stats.Corrupt++
	default:
		d.body[d.n] = c
		d.n++
		d.sum ^= c
	}
	return false
}

func (d *Decoder) receiveDigit(c byte) (complete bool) {
	v, ok := ascii.Hex(c)
	if !ok {
		d.abandon()
		return false
	}
	d.claimed = d.claimed<<4 | v
	d.digits++
	if d.digits < 2 {
		return false
	}
	d.receiving = false
	if d.claimed != d.sum {
		d.stats.Corrupt++
		return false
	}
	return true
}

func (d *Decoder) abandon() {
	d.receiving = false
	d.stats.Incomplete++
}

// accept parses the complete sentence and merges it into the epoch. It reports
// whether that ended the epoch before it, now in dst.
func (d *Decoder) accept(dst *drivers.Reading) (ok bool) {
	d.fields.split(d.body[:d.n])
	d.fields.sure = d.starred
	kind, talker := identify(d.fields.get(0))
	if !d.admit(kind) {
		d.stats.Incomplete++
		return false
	}
	if kind == other {
		if d.starred {
			d.stats.Good++
		}
		return false
	}
	s := &d.sentence
	s.reset(kind, talker)
	if !d.parse(s) {
		d.stats.Corrupt++
		return false
	}
	d.stats.Good++
	return d.merge(s, dst)
}

// admit holds each kind of sentence to the checksum that it once had.
func (d *Decoder) admit(kind kind) bool {
	if d.starred {
		d.summed |= 1 << kind
		return true
	}
	return d.summed&(1<<kind) == 0
}
