package profile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Limits of Modbus (application protocol V1.1b3, sections 6.1 to 6.4).
const (
	MaxRegisters = 125  // in one request
	MaxBits      = 2000 // coils or discrete inputs in one request

	stdGap = 8 // registers read along to save a request: 16 bytes take less time than a request does
)

// Table is one of a Modbus device's four tables. Its value is the function
// code that reads it.
type Table uint8

// The tables.
const (
	Coils          Table = 1
	DiscreteInputs Table = 2
	Holding        Table = 3
	Inputs         Table = 4
)

// bits reports whether the table's entries are single bits.
func (t Table) bits() bool { return t == Coils || t == DiscreteInputs }

// tables are the keys that name a table.
func tables() map[string]Table {
	return map[string]Table{"coil": Coils, "discrete": DiscreteInputs, "holding": Holding, "input": Inputs}
}

// place is where an output stands in a device.
type place struct {
	table Table
	addr  uint16
	n     uint16 // registers, or 1 bit
}

// modbus is what a profile of kind Modbus says besides its outputs.
type modbus struct {
	mode         string // usual character format; "" when the profile does not say
	unit         uint8  // usual number; 0 when the profile does not say
	maxRegisters uint16
	gap          uint16
	order        string
	identify     []Match
}

// Match is a condition that a device's identity must satisfy.
type Match struct {
	Block Block
	check check
}

// Holds reports whether an answer satisfies the condition, and what was compared.
func (m *Match) Holds(data []byte) (seen, want uint64, ok bool) {
	seen, ok = m.check.holds(data)
	return seen, m.check.values[0], ok
}

// Mode gives the character format that the maker sets, or "".
func (p *Program) Mode() string {
	if p.telegram != nil {
		return p.telegram.mode
	}
	return p.modbus.mode
}

// Unit gives the number that the maker sets, or 0.
func (p *Program) Unit() uint8 { return p.modbus.unit }

// Matches gives the conditions of the device's identity.
func (p *Program) Matches() []Match { return p.modbus.identify }

// placeKeys are the keys that say where a value stands in a Modbus device.
func placeKeys() []string {
	return append(slices.Sorted(maps.Keys(tables())), "type", "order", "mask", "shift")
}

// registers compiles a profile of kind modbus.
func (c *compiler) registers(tree map[string]any) {
	t, _ := c.table("", tree, append(commonKeys(), "mode", "unit_id", "order", "max_registers", "max_gap", "identify")...)
	c.head(t)
	m := &c.p.modbus
	m.mode = t.text("mode")
	if unit, ok := t.whole("unit_id", 1, 254); ok {
		m.unit = uint8(unit)
	}
	m.maxRegisters, m.gap, m.order = MaxRegisters, stdGap, "abcd"
	if n, ok := t.whole("max_registers", 1, MaxRegisters); ok {
		m.maxRegisters = uint16(n)
	}
	if n, ok := t.whole("max_gap", 0, MaxRegisters); ok {
		m.gap = uint16(n)
	}
	if t.has("order") {
		m.order = t.order(m.order)
	}
	c.matches(t)
	c.outputs(t, sources{append(placeKeys(), "invalid", "scale_from"), c.registerSource})
}

// order reads the order of a number's bytes on the wire, the most significant
// one called a.
func (t table) order(usual string) string {
	if !t.has("order") {
		return usual
	}
	known := []string{"abcd", "badc", "cdab", "dcba"}
	order := t.text("order")
	if !slices.Contains(known, order) {
		t.problem("order", `want "abcd" (high word first, high byte first), "cdab" (low word first), "badc" (bytes swapped in each word) or "dcba"`)
		return usual
	}
	return order
}

// registerSource finds an output among a device's tables.
func (c *compiler) registerSource(t table, o *output) {
	p, f, ok := t.registerField(c.p.modbus.order)
	if !ok {
		return
	}
	if int(p.n) > int(c.p.modbus.maxRegisters) {
		t.problem("type", "takes %d registers, max_registers allows %d in a request", p.n, c.p.modbus.maxRegisters)
		return
	}
	o.place, o.field = p, f
	t.marks(o)
	t.tens(o)
}

// registerField reads where a value stands and of what type it is. The field's
// positions count from the value's own first byte.
func (t table) registerField(order string) (p place, f field, ok bool) {
	known := tables()
	var named []string
	for _, key := range slices.Sorted(maps.Keys(known)) {
		if t.has(key) {
			named = append(named, key)
		}
	}
	if len(named) != 1 {
		t.c.problem(t.path, t.m, "want one of coil, discrete, holding and input, with the address that stands in the request: 0 for 30001 or 40001")
		return p, f, false
	}
	addr, ok := t.whole(named[0], 0, 0xffff)
	if !ok {
		return p, f, false
	}
	p = place{table: known[named[0]], addr: uint16(addr), n: 1}
	if p.table.bits() {
		t.excludes(named[0], "type", "order", "mask", "shift")
		return p, field{n: 1, width: 1, mask: 1}, true
	}
	f, words, ok := t.wordForm(t.order(order))
	if !ok {
		return p, f, false
	}
	p.n = uint16(words)
	if addr+int64(words) > 1<<16 {
		t.problem(named[0], "the value's last register would be above 0xFFFF")
		return p, f, false
	}
	return p, f, t.maskAndShift(&f)
}

// wordForm reads type: "u16", "i32", "f32", "u64" …
func (t table) wordForm(order string) (f field, words int, ok bool) {
	known := forms()
	name := t.text("type")
	fm, ok := known[name+"be"]
	if !ok || fm.bytes%2 != 0 {
		types := []string{"f32", "f64", "i16", "i32", "i64", "u16", "u32", "u64"}
		switch {
		case !t.has("type"):
			t.problem("type", `missing: want one of %s`, strings.Join(types, ", "))
		case strings.HasSuffix(name, "be") || strings.HasSuffix(name, "le"):
			t.problem("type", `want %q, with the order of its bytes in the key order: "abcd" is be, "dcba" is le`, name[:len(name)-2])
		default:
			t.problem("type", "unknown type of a register%s", didYouMean(name, types))
		}
		return f, 0, false
	}
	f = field{width: uint8(8 * fm.bytes), signed: fm.signed, float: fm.float, n: uint8(fm.bytes)}
	words = fm.bytes / 2
	for i := range fm.bytes { // byte i of the number, the most significant first
		word, half := i/2, i%2
		if order == "cdab" || order == "dcba" {
			word = words - 1 - word
		}
		if order == "badc" || order == "dcba" {
			half = 1 - half
		}
		f.pos[i] = uint16(2*word + half)
	}
	return f, words, true
}

// matches compiles `identify`.
func (c *compiler) matches(t table) {
	v, ok := t.m["identify"]
	if !ok {
		return
	}
	l := list(v)
	if len(l) == 0 || len(l) > maxList {
		t.problem("identify", "want one table or a list of up to %d, all of which must hold", maxList)
		return
	}
	for i, e := range l {
		path := "identify"
		if len(l) > 1 {
			path = fmt.Sprintf("identify[%d]", i)
		}
		t, ok := c.table(path, e, append(placeKeys(), "equals", "differs")...)
		if !ok {
			continue
		}
		p, f, ok := t.registerField(c.p.modbus.order)
		mask := int64(0)
		if ok {
			mask = int64(min(f.mask, 1<<32-1))
		}
		values, okValues := t.compared(mask)
		switch {
		case !ok || !okValues:
		case len(values) == 0:
			t.problem("equals", "missing: want the number that the register must be equal to, or differs")
		case f.float || f.signed:
			t.problem("type", "want an unsigned type to compare")
		default:
			c.p.modbus.identify = append(c.p.modbus.identify, Match{
				Block: Block{Table: p.table, Addr: p.addr, Count: p.n},
				check: check{field: f, values: values, differs: t.has("differs")},
			})
		}
	}
}
