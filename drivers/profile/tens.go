package profile

import "math"

// mostTens is the largest power of ten that is taken for one: those of SunSpec
// go from -10 to 10, and its mark for "not implemented" is -32768.
const mostTens = 10

// tens reads scale_from: the register with the power of ten that the number is
// multiplied by, as inverters choose it.
func (t table) tens(o *output) {
	v, ok := t.m["scale_from"]
	if !ok {
		return
	}
	s, ok := t.c.table(t.at("scale_from"), v, placeKeys()...)
	if !ok {
		return
	}
	if o.field.float || o.place.table.bits() {
		t.problem("scale_from", "want a whole number to scale; a float has its own exponent, a bit none")
		return
	}
	p, f, ok := s.registerField(t.c.p.modbus.order)
	switch {
	case !ok:
	case p.table.bits() || p.n != 1 || f.float:
		s.problem("type", `want "i16", a power of ten`)
	default:
		o.tensPlace, o.tens = p, f
	}
}

// scaledByTens multiplies x by a power of ten. Dividing by a whole power gives the
// double nearest to the decimal, multiplying by 0.1 does not.
func scaledByTens(x, power float64) (float64, bool) {
	switch {
	case power < -mostTens || power > mostTens:
		return 0, false
	case power < 0:
		return x / math.Pow10(int(-power)), true
	}
	return x * math.Pow10(int(power)), true
}
