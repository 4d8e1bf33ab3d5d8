package frame

import (
	"errors"
	"fmt"
	"slices"

	"github.com/telhub/telhub/drivers"
)

// What Decode finds wrong with a payload. The texts name the cure where there
// is one; callers add the frame's identity.
var (
	ErrVersion = errors.New("compact: version not known; this reader is older than the sender")
	ErrDamaged = errors.New("compact: payload is damaged")

	errEmpty    = fmt.Errorf("%w: no bytes", ErrDamaged)
	errSamples  = fmt.Errorf("%w: more than %d samples announced", ErrDamaged, MaxSamples)
	errShort    = fmt.Errorf("%w: it ends early or holds an impossible number", ErrDamaged)
	errLong     = fmt.Errorf("%w: bytes follow its end", ErrDamaged)
	errChannels = fmt.Errorf("%w: impossible number of groups or channels", ErrDamaged)
	errName     = fmt.Errorf("%w: impossible name or unit", ErrDamaged)
	errRows     = fmt.Errorf("%w: rows and announced samples disagree", ErrDamaged)
	errScale    = fmt.Errorf("%w: impossible scale", ErrDamaged)
	errNumber   = fmt.Errorf("%w: a value is not a finite number", ErrDamaged)
	errEvent    = fmt.Errorf("%w: impossible event", ErrDamaged)
	errCount    = fmt.Errorf("%w: fewer samples than announced", ErrDamaged)
)

// Record is one decoded sample. Name and Unit point into the decoder and are
// valid until its next Decode.
type Record struct {
	Name    []byte // "<sensor>/<output>"
	Unit    []byte // SenML unit; empty for a bare number
	Channel int    // index into the frame's dictionary, see Decoder.Channel
	Stamp   int64  // milliseconds on the clock that t0 was given on
	Kind    drivers.Kind
	Quality drivers.Quality // of a KindStatus; OK otherwise
	Alarm   drivers.Alarm   // of a KindAlarm; clear otherwise
	Value   float64         // of a KindValue
}

// Event returns, for what is no value, what stands behind the channel's name
// in SenML ("/status", "/alarm") and the word that it says. Both are empty for
// a value.
func (r *Record) Event() (suffix, word string) { return event(r.Kind, r.Quality, r.Alarm) }

func event(k drivers.Kind, q drivers.Quality, a drivers.Alarm) (suffix, word string) {
	switch k {
	case drivers.KindStatus:
		return "/status", q.String()
	case drivers.KindAlarm:
		return "/alarm", a.String()
	}
	return "", ""
}

// Decoder reads compact payloads. It keeps its storage from one payload to
// the next, at most about 5 MB whatever it is given. It belongs to one
// goroutine; the zero value is ready.
type Decoder struct {
	rc rangeDec
	m  models

	text    []byte // names and units, one after the other
	dict    []entry
	samples []sample
	filled  int // values in samples so far
	events  []placed
	rows    []row
	ints    []int64
	t0      int64
}

// entry is a dictionary entry: where its parts end in text.
type entry struct{ start, name, unit uint32 }

// sample is a decoded sample without its name.
type sample struct {
	stamp   int64
	value   float64
	channel uint16
	kind    drivers.Kind
	quality drivers.Quality
	alarm   drivers.Alarm
}

// placed is an event and how many values stand before it.
type placed struct {
	sample
	after int
}

// Decode reads a payload of n samples whose stamps count from t0, in
// milliseconds (the stream entry's fields d, n and t0, or a frame's Payload,
// N and T0). After an error the decoder holds no samples. It allocates only
// when a payload is larger than those before it.
func (d *Decoder) Decode(payload []byte, n uint32, t0 int64) error {
	d.text, d.dict, d.events = d.text[:0], d.dict[:0], d.events[:0]
	d.samples, d.filled, d.t0 = d.samples[:0], 0, t0
	err := d.decode(payload, n)
	if err != nil {
		d.samples = d.samples[:0]
	}
	return err
}

// Len returns how many samples the last payload held.
func (d *Decoder) Len() int { return len(d.samples) }

// At returns sample i, counted in decoded order as in correlation IDs.
func (d *Decoder) At(i int) Record {
	s := &d.samples[i]
	name, unit := d.Channel(int(s.channel))
	return Record{
		Name: name, Unit: unit, Channel: int(s.channel), Stamp: d.t0 + s.stamp,
		Kind: s.kind, Quality: s.quality, Alarm: s.alarm, Value: s.value,
	}
}

// Channels returns how many channels the payload's dictionary has.
func (d *Decoder) Channels() int { return len(d.dict) }

// Channel returns name and unit of dictionary entry c, valid until the next Decode.
func (d *Decoder) Channel(c int) (name, unit []byte) {
	e := &d.dict[c]
	return d.text[e.start:e.name:e.name], d.text[e.name:e.unit:e.unit]
}

func (d *Decoder) decode(payload []byte, n uint32) error {
	switch {
	case len(payload) == 0:
		return errEmpty
	case payload[0] != version:
		return ErrVersion
	case n > MaxSamples:
		return errSamples
	}
	d.m = models{}
	d.rc.reset(payload[1:])
	d.rc.frozen = d.rc.direct(1) == 1
	d.samples = slices.Grow(d.samples, int(n))[:n]
	groups := d.rc.number(&d.m.count)
	if groups > MaxChannels {
		return errChannels
	}
	for range groups {
		if err := d.group(); err != nil {
			return err
		}
		if d.rc.short() {
			return errShort
		}
	}
	if err := d.readEvents(); err != nil {
		return err
	}
	return d.finish()
}

// finish checks that the payload ended where it should and merges the events.
func (d *Decoder) finish() error {
	switch {
	case d.rc.short():
		return errShort
	case d.rc.long():
		return errLong
	case d.filled+len(d.events) != len(d.samples):
		return errCount
	}
	to, from := len(d.samples), d.filled
	for k := len(d.events) - 1; k >= 0; k-- {
		e := &d.events[k]
		tail := from - e.after
		copy(d.samples[to-tail:to], d.samples[e.after:from])
		to, from = to-tail-1, e.after
		d.samples[to] = e.sample
	}
	return nil
}

// dictionary reads the channels of a group and returns how many they are.
func (d *Decoder) dictionary() (int, error) {
	n := d.rc.number(&d.m.count)
	if n == 0 || n > groupSize || len(d.dict)+int(n) > MaxChannels {
		return 0, errChannels
	}
	for range n {
		if err := d.name(); err != nil {
			return 0, err
		}
	}
	return int(n), nil
}

// name reads one dictionary entry.
func (d *Decoder) name() error {
	var last []byte
	if len(d.dict) > 0 {
		last, _ = d.Channel(len(d.dict) - 1)
	}
	e := entry{start: uint32(len(d.text))}
	shared := d.rc.number(&d.m.length)
	if shared > uint64(len(last)) {
		return errName
	}
	d.text = append(d.text, last[:shared]...)
	if !d.readText(MaxName - int(shared)) {
		return errName
	}
	d.text = append(d.text, words[d.rc.tree(d.m.word[:], tableBits)]...)
	e.name = uint32(len(d.text))
	unit := d.rc.tree(d.m.unit[:], tableBits)
	d.text = append(d.text, units[unit]...)
	if unit == 0 && !d.readText(MaxUnit) {
		return errName
	}
	e.unit = uint32(len(d.text))
	if n := e.name - e.start; n == 0 || n > MaxName || len(d.text) > MaxText {
		return errName
	}
	d.dict = append(d.dict, e)
	return nil
}

// readText appends a text of at most limit bytes to d.text.
func (d *Decoder) readText(limit int) bool {
	n := d.rc.number(&d.m.length)
	if n > uint64(limit) {
		return false
	}
	for range n {
		d.text = append(d.text, byte(d.rc.tree(d.m.char[:], 8)))
	}
	return true
}
