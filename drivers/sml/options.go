package sml

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/telhub/telhub/drivers"
)

// Options says what is special about the meter.
type Options struct {
	Server  string   // hexadecimal server ID of the only meter to be read; empty = any
	Outputs []Output // further entries of the list
}

// Output is an entry of the list that has no output by itself.
type Output struct {
	Name       string
	Key        string // the OBIS code, "1-0:15.8.0"
	Unit       string // the SenML unit that the entry's unit is converted to
	Resolution float64
}

// baseUnits are the units that entries are converted to.
const baseUnits = "J, W, vars, var, VAs, VA, V, A, m3, Hz, s, deg, Cel, count"

// maxServer is the longest server ID in bytes. They have ten.
const maxServer = 32

// table is what New makes of outputs and options.
type table struct {
	outputs []drivers.Output
	codes   []entry // ordered by code
	derived int     // the first of the derived outputs
	server  []byte
}

type entry struct {
	code code
	out  int
}

func newTable(o *Options) (t table, err error) {
	if t.server, err = parseServer(o.Server); err != nil {
		return t, err
	}
	for _, k := range entries() {
		t.add(k.code, k.Output)
	}
	t.derived = len(t.outputs)
	t.outputs = append(t.outputs, derived()...)
	for _, x := range o.Outputs {
		c, err := parseKey(x.Key)
		if err == nil {
			err = t.check(x)
		}
		if err != nil {
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
			return t, fmt.Errorf("output %q: its entry is the output %s already", t.outputs[b.out].Name, t.outputs[a.out].Name)
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

// find gives the output of an entry; -1 when it has none.
func (t *table) find(c code) int {
	i, ok := slices.BinarySearchFunc(t.codes, c, func(e entry, c code) int { return cmp.Compare(e.code, c) })
	if !ok {
		return -1
	}
	return t.codes[i].out
}

func parseServer(s string) ([]byte, error) {
	id, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil || len(id) > maxServer {
		return nil, fmt.Errorf("server %s: want the meter's server ID in hexadecimal digits, 0a014954520000000001", strconv.Quote(s))
	}
	return id, nil
}

// parseKey reads an OBIS code A-B:C.D.E of the configuration, with or without
// *255.
func parseKey(s string) (code, error) {
	var c code
	rest := strings.TrimSuffix(s, "*255")
	for _, separator := range []string{"-", ":", ".", ".", ""} {
		digits := rest
		if separator != "" {
			digits, rest, _ = strings.Cut(rest, separator)
		}
		v, err := strconv.ParseUint(digits, 10, 8)
		if err != nil {
			return 0, fmt.Errorf("key %s: want an OBIS code, 1-0:15.8.0", strconv.Quote(s))
		}
		c = c<<8 | code(v)
	}
	return c, nil
}
