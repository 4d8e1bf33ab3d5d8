package iio

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/telhub/telhub/drivers/sysfs"
)

// maxRepeat bounds the parts of an element: a quaternion has four.
const maxRepeat = 16

// scanType is how an element of a scan is stored:
// [be|le]:[f|s|u]bits/storagebits[Xrepeat][>>shift].
type scanType struct {
	big     bool
	format  byte // 's', 'u' or 'f'
	bits    uint8
	storage uint8 // 8, 16, 32 or 64
	shift   uint8
	repeat  uint8 // at least 1
}

// parseType parses the text of a *_type file.
func parseType(text []byte) (t scanType, err error) {
	wrong := func(what string) (scanType, error) {
		return scanType{}, fmt.Errorf("type %q: %s", text, what)
	}
	if len(text) < 4 || (string(text[:3]) != "le:" && string(text[:3]) != "be:") {
		return wrong("want it to begin with le: or be:")
	}
	t.big, t.format = text[0] == 'b', text[3]
	if t.format != 's' && t.format != 'u' && t.format != 'f' {
		return wrong("want s, u or f before the bits")
	}
	var bits, storage, shift uint64
	repeat := uint64(1)
	bits, rest, ok := sysfs.Uint(text[4:])
	if !ok || len(rest) == 0 || rest[0] != '/' {
		return wrong("want bits and / after s, u or f")
	}
	if storage, rest, ok = sysfs.Uint(rest[1:]); !ok {
		return wrong("want the bits of storage after /")
	}
	if len(rest) > 0 && rest[0] == 'X' {
		if repeat, rest, ok = sysfs.Uint(rest[1:]); !ok || repeat > maxRepeat {
			return wrong("want a number of at most 16 after X")
		}
	}
	if len(rest) > 2 && string(rest[:2]) == ">>" {
		if shift, rest, ok = sysfs.Uint(rest[2:]); !ok {
			return wrong("want a number after >>")
		}
	}
	switch {
	case len(rest) > 0:
		return wrong("something follows its end")
	case storage != 8 && storage != 16 && storage != 32 && storage != 64:
		return wrong("only storage of 8, 16, 32 and 64 bits can be read")
	case bits == 0 || bits > storage || shift > storage-bits:
		return wrong("the bits do not fit into the storage")
	case t.format == 'f' && (shift > 0 || bits != storage || storage < 32):
		return wrong("only floating-point numbers of 32 and 64 bits can be read")
	}
	t.bits, t.storage, t.shift, t.repeat = uint8(bits), uint8(storage), uint8(shift), max(uint8(repeat), 1)
	return t, nil
}

// size is how many bytes the element takes, all its parts together. It is
// aligned to as many.
func (t scanType) size() int { return int(t.storage) / 8 * int(t.repeat) }

// word takes the bits of one part at the beginning of b, without what is
// beside them.
func (t scanType) word(b []byte) (w uint64) {
	switch t.storage {
	case 8:
		w = uint64(b[0])
	case 16:
		w = uint64(binary.LittleEndian.Uint16(b))
		if t.big {
			w = uint64(binary.BigEndian.Uint16(b))
		}
	case 32:
		w = uint64(binary.LittleEndian.Uint32(b))
		if t.big {
			w = uint64(binary.BigEndian.Uint32(b))
		}
	default:
		w = binary.LittleEndian.Uint64(b)
		if t.big {
			w = binary.BigEndian.Uint64(b)
		}
	}
	return w >> t.shift & (math.MaxUint64 >> (64 - t.bits))
}

// int is word as a signed number, where it is one.
func (t scanType) int(b []byte) int64 {
	w := t.word(b)
	if t.format == 's' {
		unused := 64 - t.bits
		return int64(w<<unused) >> unused
	}
	return int64(w)
}

// float is the number that one part stands for, before offset and scale.
func (t scanType) float(b []byte) float64 {
	switch {
	case t.format == 'f' && t.storage == 32:
		return float64(math.Float32frombits(uint32(t.word(b))))
	case t.format == 'f':
		return math.Float64frombits(t.word(b))
	case t.format == 'u':
		return float64(t.word(b))
	}
	return float64(t.int(b))
}
