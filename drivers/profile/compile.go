package profile

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// compiler collects what Compile finds.
type compiler struct {
	problems []Problem
	p        *Program
	layout   layout // of the bytes that read reads
}

func (c *compiler) problem(path string, v any, format string, args ...any) {
	c.problems = append(c.problems, Problem{Path: path, Value: v, Msg: fmt.Sprintf(format, args...)})
}

// Compile makes a program of a profile's table, as a TOML decoder gives it:
// tables are map[string]any, lists []any, whole numbers int64. It reports all
// problems at once, ordered by path; the program is nil if there is any.
func Compile(name string, tree map[string]any) (*Program, []Problem) {
	c := &compiler{p: &Program{name: name}}
	c.compile(tree)
	if len(c.problems) > 0 {
		slices.SortStableFunc(c.problems, func(a, b Problem) int { return cmp.Compare(a.Path, b.Path) })
		return nil, c.problems
	}
	return c.p, nil
}

// commonKeys are the keys of every kind of profile.
func commonKeys() []string {
	return []string{"kind", "title", "doc", "datasheet", "time", "const", "out"}
}

func (c *compiler) compile(tree map[string]any) {
	kinds := map[string]func(map[string]any){string(I2C): c.chip, string(Modbus): c.registers, string(Framed): c.telegrams}
	kind, _ := tree["kind"].(string)
	compile, ok := kinds[kind]
	switch _, given := tree["kind"]; {
	case !given:
		c.problem("kind", nil, `missing: want kind = "i2c", "modbus" or "framed"`)
	case !ok:
		c.problem("kind", tree["kind"], "unknown kind%s", didYouMean(kind, slices.Sorted(maps.Keys(kinds))))
	}
	if !ok { // the others' problems are those of the kind that is meant most often
		kind, compile = string(I2C), c.chip
	}
	c.p.kind = Kind(kind)
	if !isName(c.p.name, "-") {
		c.problem("", c.p.name, "a profile's name is lower-case letters, digits, - and _, and begins with a letter or digit")
	}
	compile(tree)
}

// head reads what every kind of profile has besides its outputs.
func (c *compiler) head(t table) {
	c.p.title, c.p.doc, c.p.datasheet = t.text("title"), t.text("doc"), t.text("datasheet")
	c.p.time, _ = t.duration("time", 0, maxWait)
	c.constants(t)
}

// chip compiles a profile of kind i2c.
func (c *compiler) chip(tree map[string]any) {
	t, _ := c.table("", tree, append(commonKeys(), "addr", "stretches", "max_speed", "wake", "identify", "init", "read")...)
	c.head(t)
	c.p.stretches = t.flag("stretches")
	c.p.maxSpeed = t.clock("max_speed")
	c.addresses(t)
	c.readProgram(t)
	c.wakeProgram(t)
	c.identity(t)
	c.initProgram(t)
	c.outputs(t, sources{byteKeys(), c.bytesSource})
	c.p.buf = len(c.layout)
}

// isName reports whether s is lower-case letters, digits, _ and those of extra.
func isName(s, extra string) bool {
	if s == "" || len(s) > 64 || strings.Contains("_"+extra, s[:1]) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("_"+extra, r)
	})
}

func (c *compiler) addresses(t table) {
	v, ok := t.m["addr"]
	if !ok {
		return
	}
	l := list(v)
	if len(l) == 0 || len(l) > maxList {
		t.problem("addr", "want 1 to %d addresses, the default first", maxList)
		return
	}
	for _, e := range l {
		a, ok := e.(int64)
		if !ok || a < 0x08 || a > 0x77 {
			c.problem("addr", e, "want 7-bit addresses from 0x08 to 0x77, as i2cdetect shows them")
			continue
		}
		if slices.Contains(c.p.addrs, uint16(a)) {
			c.problem("addr", e, "address 0x%02X stands here twice", a)
		}
		c.p.addrs = append(c.p.addrs, uint16(a))
	}
}

func (c *compiler) constants(t table) {
	v, ok := t.m["const"]
	if !ok {
		return
	}
	m, ok := v.(map[string]any)
	if !ok {
		t.problem("const", "want a table of numbers, such as const.shunt = 0.1")
		return
	}
	c.p.consts = make(map[string]float64, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		n, ok := number(m[name])
		if !ok {
			c.problem("const."+name, m[name], "want a number")
		}
		if !isName(name, "") || name[0] >= '0' && name[0] <= '9' {
			c.problem("const."+name, m[name], "a constant's name is lower-case letters, digits and _, and begins with a letter")
		}
		c.p.consts[name] = n
	}
}

// bounds reads an optional [low, high].
func (t table) bounds(key string) bounds {
	lo, hi, ok := t.pair(key)
	return bounds{ok, lo, hi}
}

// positive gives an optional number above zero, or 0.
func (t table) positive(key string) float64 {
	v, ok := t.m[key]
	if !ok {
		return 0
	}
	n, ok := number(v)
	if !ok || n <= 0 || math.IsInf(1/n, 0) {
		t.problem(key, "want a number above 0")
		return 0
	}
	return n
}
