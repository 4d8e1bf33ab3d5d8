package audit

import (
	"fmt"
	"math"
	"strconv"

	"github.com/telhub/telhub/uplink/frame"
)

// NoShard is the shard of an entry that comes from an export.
const NoShard = -1

// Entry is one entry of a stream, or one frame of an export.
type Entry struct {
	Shard  int
	Lane   frame.Lane
	At     string // the entry's ID in its stream, or "line 12" of an export
	Device string
	ID     frame.ID

	// Bare: of an export that shows no header. Only Device, ID, Encoding, Data
	// of a gap record and, of a frame, Samples are set then.
	Bare    bool
	Samples int

	N             uint32
	T0, T1        int64 // milliseconds, Unix or, where Quality is "unset", since boot
	Quality, Boot string
	Encoding      string // "senml", "compact" or "gap"
	Data          []byte
	base          string   // SenML base name
	damage        string   // why an export could not show the payload
	faults        []string // of the header
}

// Parse reads the fields of a stream entry by the names of docs/wire.md,
// section 1. The error says why it cannot be told which frame it is; the device
// is set then if it is known. What else is wrong with it waits for Add.
func (e *Entry) Parse(values map[string]any) error {
	p := parser{values: values}
	*e = Entry{Shard: e.Shard, Lane: e.Lane, At: e.At, Device: p.text("dev")}
	e.ID = frame.ID{Epoch: uint64(p.number("ep", 1, math.MaxInt64)), Seq: uint64(p.number("seq", 1, math.MaxInt64))}
	if e.Device == "" {
		p.fault("field dev is empty")
	}
	if len(p.faults) > 0 {
		return fmt.Errorf("not a frame: %s", p.faults[0])
	}
	e.N = uint32(p.number("n", 0, math.MaxUint32))
	e.T0, e.T1 = p.number("t0", math.MinInt64, math.MaxInt64), p.number("t1", math.MinInt64, math.MaxInt64)
	e.Quality, e.Boot, e.Encoding, e.Data = p.text("q"), p.text("boot"), p.text("enc"), []byte(p.text("d"))
	e.base = e.Device + "/"
	p.header(e)
	e.faults = p.faults
	return nil
}

// parser collects what is wrong with fields.
type parser struct {
	values map[string]any
	faults []string
}

func (p *parser) fault(format string, args ...any) {
	p.faults = append(p.faults, fmt.Sprintf(format, args...))
}

func (p *parser) text(name string) string {
	s, ok := p.values[name].(string)
	if !ok {
		p.fault("there is no field %s", name)
	}
	return s
}

func (p *parser) number(name string, least, most int64) int64 {
	if _, there := p.values[name].(string); !there {
		p.fault("there is no field %s", name)
		return 0
	}
	s := p.text(name)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least || n > most || strconv.FormatInt(n, 10) != s {
		p.fault("field %s is %q, not a number from %d to %d", name, s, least, most)
		return 0
	}
	return n
}

// header checks fields that have a meaning of their own.
func (p *parser) header(e *Entry) {
	switch e.Quality {
	case "unset", "holdover", "ntp", "gnss":
	default:
		p.fault("field q is %q, not unset, holdover, ntp or gnss", e.Quality)
	}
	if !isUUID(e.Boot) {
		p.fault("field boot is %q, not a boot's id", e.Boot)
	}
	if len(p.faults) == 0 && e.T1 < e.T0 {
		p.fault("t1 = %d is before t0 = %d", e.T1, e.T0)
	}
	for _, bound := range [...]string{"after", "before"} {
		if _, there := p.values[bound]; !there {
			continue
		}
		if p.number(bound, math.MinInt64, math.MaxInt64); e.Quality != "unset" {
			p.fault("field %s bounds the time of a frame with q = %q", bound, e.Quality)
		}
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
