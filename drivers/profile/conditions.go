package profile

import (
	"fmt"
	"maps"
)

// byteKeys are the keys by which an output finds its number among bytes.
func byteKeys() []string { return append(fieldKeys(), "invalid", "exponent", "when") }

// scaling reads exponent: the bits that hold a power of two.
func (t table) scaling(o *output, l layout) {
	v, ok := t.m["exponent"]
	if !ok {
		return
	}
	e, ok := t.c.table(t.at("exponent"), v, "at", "bit", "width")
	if !ok {
		return
	}
	if o.field.float {
		t.problem("exponent", "a float has its own exponent; want a whole number's type or width")
		return
	}
	if width, ok := e.whole("width", 1, maxExp); !ok {
		if width == 0 && !e.has("width") {
			e.problem("width", "missing: want the exponent's bits, 1 to %d", maxExp)
		}
		return
	}
	if f, ok := e.field(l); ok {
		o.exponent = f
	}
}

// conditions reads when: one table or several, all of which must hold.
func (t table) conditions(o *output, l layout) {
	v, ok := t.m["when"]
	if !ok {
		return
	}
	all := list(v)
	if len(all) == 0 || len(all) > maxList {
		t.problem("when", "want one table or a list of up to %d, all of which must hold", maxList)
		return
	}
	for i, e := range all {
		path := t.at("when")
		if len(all) > 1 {
			path = fmt.Sprintf("%s[%d]", path, i)
		}
		w, ok := t.c.table(path, e, checkKeys()...)
		if !ok {
			continue
		}
		if c, ok := w.condition(l); ok {
			o.when = append(o.when, c)
		}
	}
}

// condition compiles a comparison of bytes that were received anyway. Without
// type or width it compares as many bytes as mask and values need.
func (t table) condition(l layout) (check, bool) {
	mask, okMask := t.whole("mask", 1, 1<<32-1)
	values, ok := t.compared(mask)
	if !ok || t.has("mask") && !okMask {
		return check{}, false
	}
	if len(values) == 0 {
		t.problem("equals", "missing: want the number that the bytes must be equal to, or differs")
		return check{}, false
	}
	m := t
	if !t.has("type") && !t.has("width") {
		m.m = maps.Clone(t.m)
		m.m["width"] = 8 * t.comparedBytes(values, mask)
	}
	f, ok := m.field(l)
	if !ok {
		return check{}, false
	}
	if f.float || f.signed {
		t.problem("type", "want an unsigned type to compare")
		return check{}, false
	}
	for _, v := range values {
		if v > f.mask>>f.shift {
			t.problem("equals", "0x%X does not fit into the %d bits that are compared", v, f.width)
			return check{}, false
		}
	}
	return check{field: f, values: values, differs: t.has("differs")}, true
}

// reach is how many bytes must have come for the field to be whole.
func (f *field) reach() (n int) {
	for _, pos := range f.pos[:f.n] {
		n = max(n, int(pos)+1)
	}
	return n
}

// reach is how many bytes the output needs, its conditions included.
func (o *output) reach() int {
	n := max(o.field.reach(), o.exponent.reach())
	for i := range o.when {
		n = max(n, o.when[i].field.reach())
	}
	return n
}
