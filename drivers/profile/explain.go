package profile

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/telhub/telhub/drivers"
)

// Explain tells how output i of dst came out of buf, a step a line, as Decode
// computes it. It is for people and allocates.
func (d *Decoder) Explain(i int, buf []byte, dst *drivers.Reading) []string {
	ch := &d.channels[i]
	if ch.idle {
		return []string{"nobody wants it: nothing was read for it"}
	}
	e := explanation{}
	x, ok := e.raw(ch, d.channels, buf, dst)
	if !ok {
		return e.lines
	}
	e.convert(ch, d.channels, x, dst)
	return e.lines
}

// Explain tells how output i of the last reading came about.
func (d *Device) Explain(i int, dst *drivers.Reading) []string {
	return d.Decoder.Explain(i, d.buf, dst)
}

// Basis tells what the last reading's bytes are, and their checksums.
func (d *Device) Basis() (lines []string) {
	for i := range d.prog.read {
		o := &d.prog.read[i]
		if o.kind != opTx || o.n == 0 {
			continue
		}
		r := d.buf[o.at : o.at+o.n]
		text := fmt.Sprintf("bytes %d to %d: % X", o.at, o.at+o.n-1, r)
		if o.crc != noChecksum {
			want, got, ok := o.verify(d.addr, r)
			verdict := "right"
			if !ok {
				verdict = fmt.Sprintf("wrong: 0x%02X, computed 0x%02X", got, want)
			}
			text += fmt.Sprintf(", checksum %s: %s", o.crc.name(), verdict)
		}
		lines = append(lines, text)
	}
	return lines
}

// name is what the language calls the checksum.
func (k checksum) name() string {
	for name, kind := range checksums() {
		if kind == k {
			return name
		}
	}
	return ""
}

// explanation collects lines.
type explanation struct{ lines []string }

func (e *explanation) say(format string, args ...any) {
	e.lines = append(e.lines, fmt.Sprintf(format, args...))
}

// num prints a number as short as it is exact.
func num(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// raw explains channel.raw.
func (e *explanation) raw(ch *channel, all []channel, buf []byte, dst *drivers.Reading) (float64, bool) {
	if ch.from >= 0 {
		if !dst.Has(ch.from) {
			e.say("from %s, which is bad", all[ch.from].name)
			return 0, false
		}
		e.say("from %s: %s", all[ch.from].name, num(dst.Values[ch.from]))
		return dst.Values[ch.from], true
	}
	bits := ch.field.bits(buf)
	e.say("%s = 0x%0*X", ch.field.where(buf), (int(ch.field.width)+3)/4, bits)
	if slices.Contains(ch.invalid, bits) {
		e.say("that is the mark for \"not measured\": bad")
		return 0, false
	}
	if !e.conditions(ch, buf) {
		return 0, false
	}
	x := ch.field.number(bits)
	e.say("%snumber %s", ch.field.narrowed(), num(x))
	if ch.exponent.width > 0 {
		n := int(ch.exponent.bits(buf))
		x = math.Ldexp(x, n)
		e.say("× 2^%d = %s", n, num(x))
	}
	if ch.tens.width == 0 {
		return x, true
	}
	tens := ch.tens.number(ch.tens.bits(buf))
	x, ok := scaledByTens(x, tens)
	if !ok {
		e.say("its power of ten is %s, which none can be: bad", num(tens))
		return 0, false
	}
	e.say("× 10^%s = %s", num(tens), num(x))
	return x, true
}

// conditions explains channel.holds.
func (e *explanation) conditions(ch *channel, buf []byte) bool {
	for i := range ch.when {
		c := &ch.when[i]
		if seen, ok := c.holds(buf); !ok {
			e.say("when: %s is 0x%X, which does not hold: bad", c.field.where(buf), seen)
			return false
		}
	}
	if len(ch.when) > 0 {
		e.say("when: holds")
	}
	return true
}

// where names the bytes that a field is in.
func (f *field) where(buf []byte) string {
	var at, is []string
	for _, p := range f.pos[:f.n] {
		at = append(at, strconv.Itoa(int(p)))
		is = append(is, fmt.Sprintf("%02X", buf[p]))
	}
	word := "byte "
	if len(at) > 1 {
		word = "bytes "
	}
	text := word + strings.Join(at, ", ") + ": " + strings.Join(is, " ")
	if f.drop > 0 || int(f.width) < 8*int(f.n) {
		text += fmt.Sprintf(", %d bits above the lowest %d", f.width, f.drop)
	}
	return text
}

// narrowed says what makes a number of the bits.
func (f *field) narrowed() (text string) {
	if f.mask != f.ones() && !f.signed {
		text += fmt.Sprintf("masked 0x%X, ", f.mask)
	}
	if f.shift > 0 {
		text += fmt.Sprintf("shifted right by %d, ", f.shift)
	}
	switch {
	case f.float:
		text += "float, "
	case f.signMagnitude:
		text += "sign and amount, "
	case f.signed:
		text += "two's complement, "
	}
	return text
}

// text shows the line as scale and offset. What is computed is rounded less.
func (l line) text(x float64) string {
	text := num(x)
	if l.num != l.den {
		text += " × " + num(l.num/l.den)
	}
	if l.add != 0 {
		text += " + " + num(l.add/l.den)
	}
	return text
}

// convert explains what channel.value makes of x.
func (e *explanation) convert(ch *channel, all []channel, x float64, dst *drivers.Reading) {
	v := ch.line.at(x)
	if ch.line != (line{1, 0, 1}) {
		e.say("%s = %s", ch.line.text(x), num(v))
	}
	if ch.times >= 0 {
		if !dst.Has(ch.times) {
			e.say("times %s, which is bad", all[ch.times].name)
			return
		}
		v *= dst.Values[ch.times]
		e.say("× %s, %s = %s", all[ch.times].name, num(dst.Values[ch.times]), num(v))
	}
	if ch.clamp.set {
		v = min(max(v, ch.clamp.lo), ch.clamp.hi)
		e.say("held to %s … %s: %s", num(ch.clamp.lo), num(ch.clamp.hi), num(v))
	}
	if ch.valid.set {
		if !(v >= ch.valid.lo && v <= ch.valid.hi) {
			e.say("%s is outside of valid, %s … %s: bad", num(v), num(ch.valid.lo), num(ch.valid.hi))
			return
		}
		e.say("within valid, %s … %s", num(ch.valid.lo), num(ch.valid.hi))
	}
	if ch.round > 0 {
		v = ch.rounded(v)
		e.say("rounded to %s: %s", num(ch.round), num(v))
	}
	if v-v != 0 {
		e.say("%s is no number to send: bad", num(v))
		return
	}
	e.say("= %s", strings.TrimSpace(num(v)+" "+ch.unit))
}
