package profile

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// maxFieldBytes is what the longest type takes.
const maxFieldBytes = 8

// field finds one number among the bytes that were read.
type field struct {
	pos           [maxFieldBytes]uint16 // its bytes, most significant first
	n             uint8                 // how many
	drop          uint8                 // bits below the field in its last byte
	width         uint8                 // bits
	signed        bool
	signMagnitude bool // the highest bit is the sign, the rest the amount
	float         bool
	mask          uint64
	shift         uint8
}

// bits gives the field as it was sent, unsigned.
func (f *field) bits(buf []byte) uint64 {
	var v uint64
	for _, p := range f.pos[:f.n] {
		v = v<<8 | uint64(buf[p])
	}
	return v >> f.drop & f.ones()
}

func (f *field) ones() uint64 { return 1<<f.width - 1 }

// number is what bits mean: masked, shifted, signed.
func (f *field) number(bits uint64) float64 {
	switch {
	case f.float && f.width == 64:
		return math.Float64frombits(bits)
	case f.float:
		return float64(math.Float32frombits(uint32(bits)))
	case f.signMagnitude:
		sign := uint64(1) << (f.width - 1)
		n := float64(bits &^ sign)
		if bits&sign != 0 {
			n = -n
		}
		return n
	case f.signed:
		unused := 64 - f.width
		return float64(int64(bits<<unused) >> unused >> f.shift)
	}
	return float64(bits & f.mask >> f.shift)
}

// step is the distance between neighbouring numbers, 0 for floats.
func (f *field) step() float64 {
	if f.float {
		return 0
	}
	step := uint64(1)
	for v := f.mask >> f.shift; v != 0 && v&step == 0; {
		step <<= 1
	}
	return float64(step)
}

// form is what a type name stands for.
type form struct {
	bytes                 int
	signed, float, little bool
}

// forms are the types of the language.
func forms() map[string]form {
	m := map[string]form{"u8": {bytes: 1}, "i8": {bytes: 1, signed: true}}
	for size, digits := range map[int]string{2: "16", 3: "24", 4: "32", 8: "64"} {
		for _, little := range []bool{false, true} {
			order := "be"
			if little {
				order = "le"
			}
			m["u"+digits+order] = form{bytes: size, little: little}
			m["i"+digits+order] = form{bytes: size, little: little, signed: true}
		}
	}
	m["f32be"], m["f32le"] = form{bytes: 4, float: true}, form{bytes: 4, float: true, little: true}
	m["f64be"], m["f64le"] = form{bytes: 8, float: true}, form{bytes: 8, float: true, little: true}
	return m
}

// layout says of each byte that a program reads whether it is a checksum.
type layout []bool

// fieldKeys are the keys that field understands.
func fieldKeys() []string {
	return []string{"at", "type", "bit", "width", "signed", "mask", "shift"}
}

// field reads a field's keys from t. l is what it can lie in.
func (t table) field(l layout) (field, bool) {
	at, ok := t.whole("at", 0, int64(len(l))-1)
	if !ok {
		if !t.has("at") {
			t.problem("at", "missing: want the field's first byte, 0 to %d", len(l)-1)
		}
		return field{}, false
	}
	f, need, little, ok := t.form()
	if !ok || !t.place(&f, l, int(at), need) {
		return field{}, false
	}
	if little {
		slices.Reverse(f.pos[:f.n])
	}
	return f, t.maskAndShift(&f)
}

// form reads type, or bit and width, and says how many bytes the field touches.
func (t table) form() (f field, need int, little, ok bool) {
	if t.has("type") {
		for _, key := range []string{"bit", "width", "signed"} {
			if t.has(key) {
				t.problem(key, "want either type, or bit, width and signed")
				return f, 0, false, false
			}
		}
		return t.namedForm()
	}
	if !t.has("width") {
		t.problem("type", `missing: want a type such as "u16be", or width in bits`)
		return f, 0, false, false
	}
	width, ok := t.whole("width", 1, 32)
	bit, okBit := t.whole("bit", 0, 7)
	if !ok || t.has("bit") && !okBit {
		return f, 0, false, false
	}
	need = int(bit+width+7) / 8
	f = field{width: uint8(width), drop: uint8(int64(need)*8 - bit - width)}
	return f, need, false, t.sign(&f)
}

// sign reads signed: true for two's complement, "magnitude" for a sign before the amount.
func (t table) sign(f *field) bool {
	switch v := t.m["signed"]; {
	case v == nil || v == false:
	case v == true:
		f.signed = true
	case v == "magnitude" && f.width > 1:
		f.signed, f.signMagnitude = true, true
	default:
		t.problem("signed", `want true (two's complement), "magnitude" (the highest bit is the sign) or false`)
		return false
	}
	return true
}

func (t table) namedForm() (f field, need int, little, ok bool) {
	name := t.text("type")
	known := forms()
	fm, ok := known[name]
	if !ok {
		if _, half := known[name+"be"]; half {
			t.problem("type", "want the byte order too: %q or %q", name+"be", name+"le")
		} else {
			t.problem("type", "unknown type%s", didYouMean(name, slices.Sorted(maps.Keys(known))))
		}
		return f, 0, false, false
	}
	f = field{width: uint8(8 * fm.bytes), signed: fm.signed, float: fm.float}
	return f, fm.bytes, fm.little, true
}

// place finds need data bytes from at on, passing over checksums.
func (t table) place(f *field, l layout, at, need int) bool {
	if l[at] {
		t.problem("at", "this byte is a checksum; bytes by use: %s", l)
		return false
	}
	for p := at; p < len(l) && int(f.n) < need; p++ {
		if !l[p] {
			f.pos[f.n] = uint16(p)
			f.n++
		}
	}
	if int(f.n) < need {
		t.problem("at", "the field needs %d bytes from here, only %d are read; bytes by use: %s", need, f.n, l)
		return false
	}
	return true
}

// String draws the layout: d for data, c for checksum.
func (l layout) String() string {
	var b strings.Builder
	for i, crc := range l {
		if i == 48 {
			b.WriteString("…")
			break
		}
		if crc {
			b.WriteByte('c')
		} else {
			b.WriteByte('d')
		}
	}
	return b.String()
}

func (t table) maskAndShift(f *field) bool {
	f.mask = f.ones()
	if f.float && (t.has("mask") || t.has("shift")) {
		t.problem("type", "a float takes neither mask nor shift")
		return false
	}
	if f.signMagnitude && (t.has("mask") || t.has("shift")) {
		t.problem("signed", "a sign with its amount takes neither mask nor shift; name the bits with bit and width")
		return false
	}
	if f.signed && t.has("mask") {
		t.problem("mask", "want no mask on a signed type; name the bits with bit, width and signed")
		return false
	}
	if t.has("mask") {
		mask, ok := t.whole("mask", 1, f.most())
		if !ok {
			return false
		}
		f.mask = uint64(mask)
	}
	if t.has("shift") {
		shift, ok := t.whole("shift", 0, int64(f.width)-1)
		if !ok {
			return false
		}
		f.shift = uint8(shift)
	}
	if f.mask>>f.shift == 0 {
		t.problem("shift", "nothing is left of mask 0x%X after this shift", f.mask)
		return false
	}
	return true
}

// pattern makes v, a number as it stands in a datasheet, the bits of field f:
// a negative number becomes its two's complement, or a sign with its amount.
func (f *field) pattern(v any) (uint64, bool) {
	n, ok := v.(int64)
	if ok && f.signMagnitude && n < 0 {
		sign := int64(1) << (f.width - 1)
		return uint64(-n | sign), n > -sign
	}
	if !ok || n > f.most() || n < -(int64(1)<<(f.width-1)) || n < 0 && !f.signed {
		return 0, false
	}
	return uint64(n) & f.ones(), true
}

// most is the largest number that can be written for the field: TOML's
// integers end at 63 bits.
func (f *field) most() int64 { return int64(min(f.ones(), math.MaxInt64)) }
