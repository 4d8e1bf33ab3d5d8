package redis

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/telhub/telhub/uplink/frame"
)

// Entry is a stream entry as docs/wire.md describes it, checked but not
// decoded.
type Entry struct {
	Device   string
	ID       frame.ID
	N        uint32
	T0, T1   int64 // Unix milliseconds; since boot where Quality is "unset"
	Quality  string
	Boot     string
	Encoding string // "senml", "compact" or "gap"
	Data     []byte
	// After and Before bound, in Unix milliseconds, when an undated frame was
	// sampled; 0 = not known.
	After, Before int64
}

// ErrEntry: an entry is not as docs/wire.md describes it.
var ErrEntry = errors.New("stream entry")

// ParseEntry reads the fields of an entry, in any order. Unknown fields are
// ignored.
func ParseEntry(values map[string]any) (Entry, error) {
	var e Entry
	var errs []error
	text := func(name string) string {
		s, ok := values[name].(string)
		if !ok {
			errs = append(errs, fmt.Errorf("%w: no field %s", ErrEntry, name))
		}
		return s
	}
	number := func(name string, least, most int64) int64 {
		s := text(name)
		n, err := strconv.ParseInt(s, 10, 64)
		if _, there := values[name].(string); there && (err != nil || n < least || n > most) {
			errs = append(errs, fmt.Errorf("%w: field %s is %q, not a number from %d to %d", ErrEntry, name, s, least, most))
		}
		return n
	}
	optional := func(name string) int64 {
		if _, there := values[name]; !there {
			return 0
		}
		return number(name, math.MinInt64, math.MaxInt64)
	}
	count := func(name string, most int64) uint64 { return uint64(number(name, 0, most)) }
	e.Device, e.ID = text("dev"), frame.ID{Epoch: count("ep", math.MaxInt64), Seq: count("seq", math.MaxInt64)}
	e.N = uint32(count("n", math.MaxUint32))
	e.T0, e.T1 = number("t0", math.MinInt64, math.MaxInt64), number("t1", math.MinInt64, math.MaxInt64)
	e.Quality, e.Boot, e.Encoding = text("q"), text("boot"), text("enc")
	e.Data = []byte(text("d"))
	e.After, e.Before = optional("after"), optional("before")
	return e, errors.Join(errs...)
}

// Sample is one decoded sample of an entry.
type Sample struct {
	Name   string // "<sensor>/<output>"; with "/status" or "/alarm" behind it where Text is set
	Unit   string
	Millis int64 // as T0
	Value  float64
	Text   string // of a status or an alarm; Value is unused then
}

// Samples decodes the samples of an entry in either encoding; a gap record
// has none. The index of a sample is the last part of its correlation ID.
func (e *Entry) Samples(dec *frame.Decoder) ([]Sample, error) {
	switch e.Encoding {
	case "compact":
		return e.compact(dec)
	case "senml":
		return e.senml()
	case "gap":
		return nil, nil
	}
	return nil, fmt.Errorf("%w: encoding %q is not known", ErrEntry, e.Encoding)
}

func (e *Entry) compact(dec *frame.Decoder) ([]Sample, error) {
	if err := dec.Decode(e.Data, e.N, e.T0); err != nil {
		return nil, err
	}
	out := make([]Sample, dec.Len())
	for i := range out {
		r := dec.At(i)
		out[i] = Sample{Name: string(r.Name), Unit: string(r.Unit), Millis: r.Stamp, Value: r.Value}
		if suffix, word := r.Event(); suffix != "" {
			out[i] = Sample{Name: string(r.Name) + suffix, Millis: r.Stamp, Text: word}
		}
	}
	return out, nil
}

func (e *Entry) senml() ([]Sample, error) {
	pack, err := frame.ParseSenML(e.Data)
	if err != nil {
		return nil, err
	}
	out := make([]Sample, len(pack))
	for i := range pack {
		m := &pack[i]
		name := m.Name
		if len(name) > len(e.Device) && name[:len(e.Device)+1] == e.Device+"/" {
			name = name[len(e.Device)+1:]
		}
		out[i] = Sample{Name: name, Unit: m.Unit, Millis: int64(m.Time*1000 + 0.5)}
		if m.Value != nil {
			out[i].Value = *m.Value
		}
		if m.Text != nil {
			out[i].Text = *m.Text
		}
	}
	return out, nil
}
