package profile

import (
	"maps"
	"slices"
	"strings"

	"github.com/telhub/telhub/drivers"
)

// sources is where the outputs of a kind of profile come from.
type sources struct {
	keys []string                 // that say it
	read func(t table, o *output) // reads them
}

// bytesSource finds an output among the bytes that were read.
func (c *compiler) bytesSource(t table, o *output) {
	if len(c.layout) > 0 { // else there is a problem in read already
		t.source(o, c.layout)
	}
}

// outputs compiles `out`, whose tables are numbered in the order of their names.
func (c *compiler) outputs(t table, from sources) {
	m, ok := t.m["out"].(map[string]any)
	if !ok || len(m) == 0 || len(m) > drivers.MaxOutputs {
		t.problem("out", `want 1 to %d outputs, such as out.temperature = { at = 0, type = "i16be", scale = 0.01, unit = "Cel" }`, drivers.MaxOutputs)
		return
	}
	names := slices.Sorted(maps.Keys(m))
	for _, name := range names {
		c.p.outputs = append(c.p.outputs, c.output(name, m[name], names, from))
	}
	for i, o := range c.p.outputs {
		if o.from < 0 && o.times < 0 {
			c.p.order = append(c.p.order, i)
		}
	}
	for i, o := range c.p.outputs {
		if o.from >= 0 || o.times >= 0 {
			c.p.order = append(c.p.order, i)
			c.refersToPlain(m, o)
		}
	}
}

// refersToPlain sees that what o refers to does not refer any further, which
// rules out circles and keeps evaluation to two rounds.
func (c *compiler) refersToPlain(m map[string]any, o output) {
	for key, i := range map[string]int{"from": o.from, "times": o.times} {
		if i < 0 {
			continue
		}
		if target := c.p.outputs[i]; target.from >= 0 || target.times >= 0 {
			c.problem("out."+o.name+"."+key, m[o.name].(map[string]any)[key], "want an output that itself has at, without from and times")
		}
	}
}

func (c *compiler) output(name string, v any, names []string, from sources) output {
	o := output{name: name, from: -1, times: -1}
	path := "out." + name
	if !isName(name, "") {
		c.problem(path, name, "an output's name is lower-case letters, digits and _")
	}
	t, ok := c.table(path, v, slices.Concat(from.keys, []string{"scale", "offset", "map",
		"from", "times", "clamp", "valid", "round", "unit"})...)
	if !ok {
		return o
	}
	o.times = t.reference("times", names)
	if t.has("from") {
		o.from = t.reference("from", names)
		t.excludes("from", from.keys...)
	} else {
		from.read(t, &o)
	}
	t.conversion(&o, c.p.consts)
	o.clamp, o.valid, o.round = t.bounds("clamp"), t.bounds("valid"), t.positive("round")
	o.unit = t.unit("unit")
	if o.unit == "C" && strings.Contains(name, "temp") {
		t.problem("unit", `in SenML that is coulomb; want "Cel"`)
	}
	return o
}

// source reads the output's field and its marks for "not measured".
func (t table) source(o *output, l layout) {
	f, ok := t.field(l)
	if !ok {
		return
	}
	o.field = f
	t.marks(o)
	t.scaling(o, l)
	t.conditions(o, l)
}

// marks reads the numbers that mean "not measured".
func (t table) marks(o *output) {
	f := &o.field
	v, ok := t.m["invalid"]
	if !ok {
		return
	}
	marks := list(v)
	if len(marks) == 0 || len(marks) > maxList {
		t.problem("invalid", "want 1 to %d numbers as they are read", maxList)
		return
	}
	for _, e := range marks {
		p, ok := f.pattern(e)
		if !ok {
			t.problem("invalid", "want whole numbers as they are read, that fit into %d bits: 0 to 0x%X", f.width, f.ones())
			return
		}
		o.invalid = append(o.invalid, p)
	}
}

// conversion reads map, or scale and offset.
func (t table) conversion(o *output, consts map[string]float64) {
	if t.has("map") {
		t.excludes("map", "scale", "offset")
		o.mapped = true
		if line, ok := t.points(); ok {
			o.line = line
		}
		return
	}
	o.scale, o.offset = t.formula("scale", 1, consts), t.formula("offset", 0, consts)
	if l := scaled(o.scale.eval(consts), o.offset.eval(consts)); !l.ok() {
		t.problem("scale", "comes to %v, offset to %v; want finite numbers and no scale of 0", o.scale.eval(consts), o.offset.eval(consts))
	}
}

// points reads map: two points of a straight line.
func (t table) points() (line, bool) {
	l, ok := t.m["map"].([]any)
	var xy []float64
	for _, e := range l {
		pair, _ := e.([]any)
		for _, v := range pair {
			n, isNumber := number(v)
			ok = ok && isNumber && len(pair) == 2
			xy = append(xy, n)
		}
	}
	if !ok || len(l) != 2 || len(xy) != 4 {
		t.problem("map", "want two points, [[number, value], [number, value]]")
		return line{}, false
	}
	through := through(xy[0], xy[1], xy[2], xy[3])
	if !through.ok() {
		t.problem("map", "want two points that differ in both number and value")
		return line{}, false
	}
	return through, true
}

// reference gives the index of the output that is named under key, or -1.
func (t table) reference(key string, names []string) int {
	if !t.has(key) {
		return -1
	}
	i := slices.Index(names, t.text(key))
	if i < 0 {
		t.problem(key, "no such output%s", didYouMean(t.text(key), names))
	}
	return i
}

// excludes reports each of others that stands beside key.
func (t table) excludes(key string, others ...string) {
	for _, other := range others {
		if t.has(other) {
			t.problem(other, "want either %s or %s", key, other)
		}
	}
}
