// Package obis keeps the outputs of electricity meters by the OBIS codes
// (IEC 62056-61) that their values come under: those that an engine knows, and
// those that a user adds. A Table does not change once it is made, and finding
// allocates nothing. The package imports only the package drivers.
package obis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/telhub/telhub/drivers"
)

// Code is an OBIS code A-B:C.D.E, a byte each. The sixth is always 255.
type Code uint64

// Of packs a code.
func Of(a, b, c, d, e uint8) Code {
	return Code(a)<<32 | Code(b)<<24 | Code(c)<<16 | Code(d)<<8 | Code(e)
}

// Medium is the code's first part, Channel its second.
func (c Code) Medium() uint8  { return uint8(c >> 32) }
func (c Code) Channel() uint8 { return uint8(c >> 24) }

// Object is the code without its channel.
func (c Code) Object() Code { return c &^ (0xff << 24) }

// Output is a value that has no output by itself.
type Output struct {
	Name       string
	Key        string // the OBIS code, "1-0:15.8.0"
	Unit       string // the SenML unit that the value's unit is converted to
	Resolution float64
}

// Known is an output with the code that it stands under.
type Known struct {
	Code Code
	drivers.Output
}

// At says under which code an output stands.
func At(c Code, o drivers.Output) Known { return Known{Code: c, Output: o} }

// Table finds outputs by their codes.
type Table struct {
	Outputs []drivers.Output
	Derived int     // the first of those that stand under no code
	codes   []entry // ordered by code
}

type entry struct {
	code Code
	out  int
}

// Words are what an engine's errors say.
type Words struct {
	Value string                     // what a code names: "line", "entry"
	Units string                     // that values can be converted to: "J, W, V"
	Parse func(string) (Code, error) // a code of the configuration
}

// NewTable makes a table of what the engine knows, what it derives, and what a
// user adds. Its errors name the output, the value and the cure.
func NewTable(known []Known, derived []drivers.Output, more []Output, w Words) (t Table, err error) {
	for _, k := range known {
		t.add(k.Code, k.Output)
	}
	t.Derived = len(t.Outputs)
	t.Outputs = append(t.Outputs, derived...)
	for _, x := range more {
		c, err := w.Parse(x.Key)
		if err == nil {
			err = t.check(x, w.Units)
		}
		if err != nil {
			return t, fmt.Errorf("output %q: %w", x.Name, err)
		}
		t.add(c, drivers.Output{Name: x.Name, Unit: x.Unit, Resolution: x.Resolution})
	}
	if n := len(t.Outputs); n > drivers.MaxOutputs {
		return t, fmt.Errorf("out: %d further outputs; want at most %d", len(more), drivers.MaxOutputs-n+len(more))
	}
	slices.SortStableFunc(t.codes, func(a, b entry) int { return cmp.Compare(a.code, b.code) })
	for i := 1; i < len(t.codes); i++ {
		if a, b := t.codes[i-1], t.codes[i]; a.code == b.code {
			return t, fmt.Errorf("output %q: its %s is the output %s already", t.Outputs[b.out].Name, w.Value, t.Outputs[a.out].Name)
		}
	}
	return t, nil
}

func (t *Table) add(c Code, o drivers.Output) {
	t.codes = append(t.codes, entry{c, len(t.Outputs)})
	t.Outputs = append(t.Outputs, o)
}

func (t *Table) check(x Output, units string) error {
	if x.Unit != "" && !slices.Contains(strings.Split(units, ", "), x.Unit) {
		return fmt.Errorf("unit %q: want one of %s, or none", x.Unit, units)
	}
	if slices.ContainsFunc(t.Outputs, func(o drivers.Output) bool { return o.Name == x.Name }) {
		return fmt.Errorf("the engine has an output of this name; choose another")
	}
	return nil
}

// Find gives the output of a code; -1 when it has none.
func (t *Table) Find(c Code) int {
	i, ok := slices.BinarySearchFunc(t.codes, c, func(e entry, c Code) int { return cmp.Compare(e.code, c) })
	if !ok {
		return -1
	}
	return t.codes[i].out
}
