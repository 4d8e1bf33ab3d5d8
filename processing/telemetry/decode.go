package telemetry

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/telhub/telhub/uplink/frame"
)

// Limits of what an entry may say. The agent keeps far below them; another
// program that writes into the streams may not.
const (
	maxDevice = 255
	maxMillis = 253402300799999 // 9999-12-31, the last day that RFC 3339 can write
)

const unset = "unset"

// decoder turns entries into frames. It belongs to one goroutine.
type decoder struct {
	compact frame.Decoder
	records []record
	names   map[string]string
	channel []channelName // of the payload in compact
}

type channelName struct{ name, unit string }

// maxNames bounds the strings that are kept to be shared among frames.
const maxNames = 1 << 16

// intern returns b as a string that is shared with frames before.
func (d *decoder) intern(b []byte) string {
	if s, ok := d.names[string(b)]; ok {
		return s
	}
	if d.names == nil || len(d.names) >= maxNames {
		d.names = make(map[string]string)
	}
	s := string(b)
	d.names[s] = s
	return s
}

// decode reads an entry of a lane. The error says what no frame is like.
func (d *decoder) decode(lane frame.Lane, values map[string]any) (*Frame, error) {
	p := parser{values: values}
	f := &Frame{
		Device: p.text("dev"), Lane: lane,
		ID:      frame.ID{Epoch: uint64(p.number("ep", 1, math.MaxInt64-1)), Seq: uint64(p.number("seq", 1, math.MaxInt64-1))},
		Quality: p.text("q"), Boot: p.text("boot"),
		T0: p.number("t0", -maxMillis, maxMillis), T1: p.number("t1", -maxMillis, maxMillis),
	}
	n := uint32(p.number("n", 0, math.MaxUint32))
	encoding, payload := p.text("enc"), p.text("d")
	f.After, f.Before = p.optional("after"), p.optional("before")
	p.check(f)
	if n := len(p.faults); n > 0 {
		return nil, fmt.Errorf("not a frame of telhub's: %w%s", p.faults[0], more(n-1))
	}
	var err error
	switch encoding {
	case "compact":
		err = d.readCompact(f, []byte(payload), n)
	case "senml":
		err = d.readSenML(f, []byte(payload))
	case "gap":
		f.Gap, err = readGap([]byte(payload))
	default:
		err = fmt.Errorf("field enc is %.40q, not senml, compact or gap", encoding)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// more says that there are other faults.
func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more faults", n)
}

// readCompact reads a compact payload (docs/wire.md, section 6).
func (d *decoder) readCompact(f *Frame, payload []byte, n uint32) error {
	c := &d.compact
	if err := c.Decode(payload, n, f.T0); err != nil {
		return err
	}
	d.channel = d.channel[:0]
	for i := range c.Channels() {
		name, unit := c.Channel(i)
		d.channel = append(d.channel, channelName{d.intern(name), d.intern(unit)})
	}
	f.Samples = make([]Sample, c.Len())
	for i := range f.Samples {
		r, s := c.At(i), &f.Samples[i]
		s.Name, s.Millis = d.channel[r.Channel].name, r.Stamp
		switch suffix, word := r.Event(); suffix {
		case "":
			s.Unit, s.Value = d.channel[r.Channel].unit, r.Value
		case statusSuffix:
			s.Kind, s.Word = Status, word
		default:
			s.Kind, s.Word = Alarm, word
		}
		if err := s.check(); err != nil {
			return fmt.Errorf("sample %d: %w", i, err)
		}
	}
	return nil
}

// check refuses what no database can hold.
func (s *Sample) check() error {
	switch {
	case s.Millis < -maxMillis || s.Millis > maxMillis:
		return fmt.Errorf("the stamp %d ms is no date", s.Millis)
	case !utf8.ValidString(s.Name) || hasNUL(s.Name):
		return fmt.Errorf("the name %.80q is not UTF-8 without NUL", s.Name)
	case !utf8.ValidString(s.Unit) || hasNUL(s.Unit):
		return fmt.Errorf("the unit %.80q of %s is not UTF-8 without NUL", s.Unit, s.Name)
	}
	return nil
}

func hasNUL(s string) bool {
	for i := range len(s) {
		if s[i] == 0 {
			return true
		}
	}
	return false
}

// parser collects what is wrong with an entry's fields.
type parser struct {
	values map[string]any
	faults []error
}

func (p *parser) fault(format string, args ...any) {
	p.faults = append(p.faults, fmt.Errorf(format, args...))
}

func (p *parser) text(name string) string {
	s, ok := p.values[name].(string)
	if !ok {
		p.fault("there is no field %s", name)
	}
	return s
}

func (p *parser) number(name string, least, most int64) int64 {
	s, ok := p.values[name].(string)
	if !ok {
		p.fault("there is no field %s", name)
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least || n > most {
		p.fault("field %s is %.40q, not a number from %d to %d", name, s, least, most)
		return 0
	}
	return n
}

func (p *parser) optional(name string) int64 {
	if _, there := p.values[name]; !there {
		return 0
	}
	return p.number(name, -maxMillis, maxMillis)
}

// check looks at fields that have a meaning of their own.
func (p *parser) check(f *Frame) {
	if n := len(f.Device); n == 0 || n > maxDevice || !utf8.ValidString(f.Device) || hasNUL(f.Device) {
		p.fault("field dev is %.80q, not a name of 1 to %d bytes of UTF-8", f.Device, maxDevice)
	}
	switch f.Quality {
	case unset, "holdover", "ntp", "gnss":
	default:
		p.fault("field q is %.40q, not unset, holdover, ntp or gnss", f.Quality)
	}
	if !isUUID(f.Boot) {
		p.fault("field boot is %.60q, not a boot's id", f.Boot)
	}
}

// isUUID reports whether s has the form of /proc/sys/kernel/random/boot_id.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		default:
			return false
		}
	}
	return true
}
