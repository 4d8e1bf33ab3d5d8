package p1

import "github.com/telhub/telhub/drivers/obis"

// mbus is what a telegram says of the meter on one channel.
type mbus struct {
	kind  uint8 // EN 13757-3; 0 = not told
	has   bool
	timed bool
	value number
	unit  unit
	time  int64 // capture, seconds of UTC; valid where timed
}

// maxChannel is the highest M-Bus channel of a P1 telegram.
const maxChannel = 9

// telegram is what has been read of the telegram under way. Nothing of it
// counts before its checksum.
type telegram struct {
	values  [64]float64 // drivers.MaxOutputs
	has     uint64
	bad     uint64
	mbus    [maxChannel + 1]mbus
	time    int64 // the meter's, seconds of UTC
	timed   bool
	modern  bool  // has lines that come together with a checksum
	odd     int   // lines that are not well-formed
	unknown int   // lines that belong to no output
	pending uint8 // channel of a 24.3.0 whose value is on the next line; 0 = none
}

// takeLine reads one line of the telegram's body.
func (d *Decoder) takeLine(line []byte) {
	t := &d.telegram
	if len(line) == 0 {
		return
	}
	if line[0] == '(' {
		d.takeContinued(line)
		return
	}
	if t.pending != 0 { // its value did not come
		t.odd++
		t.pending = 0
	}
	c, n := parseCode(line)
	var g groups
	if n == 0 || !g.split(line[n:]) {
		t.odd++
		return
	}
	switch {
	case c == codeTime:
		t.modern = true
		t.time, t.timed = parseTime(g.last, d.zone)
	case c == codeVersion || c == codeVersionBE:
		t.modern = true
	case c.Medium() == 0 && c.Channel() > 0 && c.Channel() <= maxChannel && d.takeMBus(c, &g):
	default:
		d.takeValue(c, &g)
	}
}

// takeValue stages a plain line. A line with more than a time and a value is a
// log.
func (d *Decoder) takeValue(c obis.Code, g *groups) {
	t := &d.telegram
	out := d.table.Find(c)
	if out < 0 && c.Medium() == 1 { // electricity on another channel than 0
		out = d.table.Find(c.Object())
	}
	if out < 0 || g.n > 2 {
		t.unknown++
		return
	}
	d.stage(out, g.last)
}

// stage reads VALUE*UNIT into an output.
func (d *Decoder) stage(out int, text []byte) {
	t := &d.telegram
	digits, u, ok := split(text)
	if !ok || len(digits) == 0 || !u.fits(d.table.Outputs[out].Unit) {
		if !ok {
			t.odd++
		}
		return
	}
	v, ok := parseNumber(digits)
	if !ok {
		t.odd++
		t.bad |= 1 << out
		return
	}
	t.values[out] = v.in(u)
	t.has |= 1 << out
}

// split takes VALUE*UNIT apart; ok is false for an unknown unit.
func split(text []byte) (digits []byte, u unit, ok bool) {
	for i, c := range text {
		if c == '*' {
			u, ok = unitOf(text[i+1:])
			return text[:i], u, ok
		}
	}
	return text, unit{factor: 1}, true
}

// takeMBus stages a line of a meter on the M-Bus; false when it is another's.
func (d *Decoder) takeMBus(c obis.Code, g *groups) bool {
	t := &d.telegram
	m := &t.mbus[c.Channel()]
	switch c.Object() {
	case codeKind:
		if v, ok := parseNumber(g.last); ok && v.places == 0 && v.digits < 256 {
			m.kind = uint8(v.digits)
		}
	case codeValue, codeRawValue:
		if d.table.Find(c) >= 0 {
			d.stage(d.table.Find(c), g.last)
		}
		if g.n == 2 {
			m.time, m.timed = parseTime(g.first, d.zone)
		}
		m.set(g.last)
	case codeOldValue: // (time)(status)(period)(values)(code)(unit), then a line (value)
		u, ok := unitOf(g.last)
		if g.n != 6 || !ok {
			t.odd++
			return true
		}
		m.time, m.timed = parseTime(g.first, d.zone)
		m.unit, t.pending = u, c.Channel()
	default:
		return false
	}
	return true
}

// set stages VALUE*UNIT.
func (m *mbus) set(text []byte) {
	digits, u, ok := split(text)
	if v, isNumber := parseNumber(digits); ok && isNumber {
		m.value, m.unit, m.has = v, u, true
	}
}

// takeContinued reads the line below a 24.3.0.
func (d *Decoder) takeContinued(line []byte) {
	t := &d.telegram
	var g groups
	ok := t.pending > 0 && g.split(line) && g.n == 1
	if ok {
		m := &t.mbus[t.pending]
		m.value, ok = parseNumber(g.last)
		m.has = ok
	}
	if !ok {
		t.odd++
	}
	t.pending = 0
}

// groups are the values of a line: (first)…(last).
type groups struct {
	n           int
	first, last []byte
}

// split takes (a)(b)(c) apart; false when line is anything else.
func (g *groups) split(line []byte) bool {
	*g = groups{}
	for len(line) > 0 {
		if line[0] != '(' {
			return false
		}
		end := 1
		for end < len(line) && line[end] != ')' {
			if line[end] == '(' {
				return false
			}
			end++
		}
		if end == len(line) {
			return false
		}
		g.last = line[1:end]
		if g.n == 0 {
			g.first = g.last
		}
		g.n++
		line = line[end+1:]
	}
	return g.n > 0
}

// parseCode reads A-B:C.D.E, optionally with *F, at the beginning of a line
// and gives its length; 0 when there is none.
func parseCode(b []byte) (c obis.Code, n int) {
	const separators = "-:.."
	for i := range 5 {
		v, digits := 0, 0
		for n < len(b) && '0' <= b[n] && b[n] <= '9' && digits < 3 {
			v = v*10 + int(b[n]-'0')
			n, digits = n+1, digits+1
		}
		if digits == 0 || v > 255 {
			return 0, 0
		}
		c = c<<8 | obis.Code(v)
		if i < len(separators) {
			if n == len(b) || b[n] != separators[i] {
				return 0, 0
			}
			n++
		}
	}
	if n < len(b) && b[n] == '*' { // the billing period, *255 = the present
		m := n + 1
		for m < len(b) && '0' <= b[m] && b[m] <= '9' {
			m++
		}
		if string(b[n:m]) != "*255" {
			return 0, 0
		}
		n = m
	}
	return c, n
}
