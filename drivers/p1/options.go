package p1

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/telhub/telhub/drivers"
)

// Options says what is special about the meter. The zero value serves meters
// of the Central European time zone.
type Options struct {
	Zone       time.Duration // winter time's offset from UTC; it is an hour in Central Europe
	Clock      bool          // readings carry the meter's time as UTC
	RequireCRC bool          // refuse telegrams without a checksum, of DSMR 2.2 and 3
	Key        string        // Luxembourg: 32 hexadecimal digits; empty = telegrams are plain
	Auth       string        // Luxembourg: 32 hexadecimal digits; empty = DefaultAuth
	Outputs    []Output      // further lines of the telegram
}

// Output is a line of the telegram that has no output by itself.
type Output struct {
	Name       string
	Key        string // the OBIS code, "1-0:15.8.0"
	Unit       string // the SenML unit that the line's unit is converted to
	Resolution float64
}

// baseUnits are the units that lines are converted to.
const baseUnits = "J, W, vars, var, VAs, VA, V, A, m3, Hz, s, count"

// table is what New makes of outputs and options.
type table struct {
	outputs []drivers.Output
	codes   []entry // ordered by code
	derived int     // the first of the derived outputs
}

type entry struct {
	code code
	out  int
}

func newTable(o *Options) (t table, err error) {
	for _, k := range lines() {
		t.add(k.code, k.Output)
	}
	t.derived = len(t.outputs)
	t.outputs = append(t.outputs, derived()...)
	for _, x := range o.Outputs {
		c, err := parseKey(x.Key)
		if err != nil {
			return t, fmt.Errorf("output %q: %w", x.Name, err)
		}
		if err := t.check(x); err != nil {
			return t, fmt.Errorf("output %q: %w", x.Name, err)
		}
		t.add(c, drivers.Output{Name: x.Name, Unit: x.Unit, Resolution: x.Resolution})
	}
	if n := len(t.outputs); n > drivers.MaxOutputs {
		return t, fmt.Errorf("out: %d further outputs; want at most %d", len(o.Outputs), drivers.MaxOutputs-n+len(o.Outputs))
	}
	slices.SortStableFunc(t.codes, func(a, b entry) int { return cmp.Compare(a.code, b.code) })
	for i := 1; i < len(t.codes); i++ {
		if a, b := t.codes[i-1], t.codes[i]; a.code == b.code {
			return t, fmt.Errorf("output %q: its line is the output %s already", t.outputs[b.out].Name, t.outputs[a.out].Name)
		}
	}
	return t, nil
}

func (t *table) add(c code, o drivers.Output) {
	t.codes = append(t.codes, entry{c, len(t.outputs)})
	t.outputs = append(t.outputs, o)
}

func (t *table) check(x Output) error {
	if x.Unit != "" && !slices.Contains(strings.Split(baseUnits, ", "), x.Unit) {
		return fmt.Errorf("unit %q: want one of %s, or none", x.Unit, baseUnits)
	}
	for _, o := range t.outputs {
		if o.Name == x.Name {
			return fmt.Errorf("the engine has an output of this name; choose another")
		}
	}
	return nil
}

// find gives the output of a line; -1 when it has none.
func (t *table) find(c code) int {
	i, ok := slices.BinarySearchFunc(t.codes, c, func(e entry, c code) int { return cmp.Compare(e.code, c) })
	if !ok {
		return -1
	}
	return t.codes[i].out
}

// parseKey reads an OBIS code of the configuration.
func parseKey(s string) (code, error) {
	c, n := parseCode([]byte(s))
	if n == 0 || n != len(s) {
		return 0, fmt.Errorf("key %s: want an OBIS code as the telegram has it, 1-0:15.8.0", strconv.Quote(s))
	}
	return c, nil
}
