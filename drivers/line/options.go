package line

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/telhub/telhub/drivers"
)

// The formats of a line.
const (
	CSV      = "csv"
	KV       = "kv"
	JSON     = "json"
	Template = "template"
)

// Bounds and defaults of Options.
const (
	DefaultMaxLine = 512
	maxMaxLine     = 1 << 16
	maxColumns     = 256
)

// Options says what the lines look like.
type Options struct {
	Format    string   // CSV, KV, JSON or Template
	Columns   []string // csv: the columns' keys in order; "-" passes one over
	Header    bool     // csv: a line of names sets the order of the columns
	Separator string   // csv: one character, " " for runs of blanks; default ","
	// kv: the characters that end a pair; default blank , ; & |
	Assign  string   // kv: the characters between key and value; default = and :
	Match   string   // template: see the package's doc
	Outputs []Output // csv and template: optional, for units and other names
	MaxLine int      // longest line in bytes; 0 = DefaultMaxLine
}

// Output is a channel to be filled from the lines.
type Output struct {
	Name       string  // the channel: lower case, digits, underscores
	Key        string  // what the line calls it; "" = Name
	Unit       string  // SenML unit
	Resolution float64 // step between neighbouring values; 0 = not known
}

// fill checks o and sets its defaults.
func (o *Options) fill() error {
	switch o.Format {
	case CSV, KV, JSON, Template:
	default:
		return fmt.Errorf("format %q: want csv, kv, json or template", o.Format)
	}
	if o.MaxLine == 0 {
		o.MaxLine = DefaultMaxLine
	}
	if o.MaxLine < 8 || o.MaxLine > maxMaxLine {
		return fmt.Errorf("max line %d: want 8 to %d bytes, or 0 for %d", o.MaxLine, maxMaxLine, DefaultMaxLine)
	}
	if err := o.foreign(); err != nil {
		return err
	}
	if err := o.fillSeparators(); err != nil {
		return err
	}
	return checkOutputs(o.Outputs)
}

// foreign refuses options that the chosen format does not read: they would
// be mistakes that nobody notices.
func (o *Options) foreign() error {
	for _, f := range []struct {
		name string
		set  bool
		of   []string
	}{
		{"columns", len(o.Columns) > 0, []string{CSV}},
		{"header", o.Header, []string{CSV}},
		{"separator", o.Separator != "", []string{CSV, KV}},
		{"assign", o.Assign != "", []string{KV}},
		{"match", o.Match != "", []string{Template}},
	} {
		if f.set && !slices.Contains(f.of, o.Format) {
			return fmt.Errorf("%s: format %s has no use for it; remove it or set format = %q", f.name, o.Format, f.of[0])
		}
	}
	return nil
}

func (o *Options) fillSeparators() error {
	switch o.Format {
	case CSV:
		if o.Separator == "" {
			o.Separator = ","
		}
		if len(o.Separator) != 1 || !separates(o.Separator[0]) {
			return fmt.Errorf(`separator %q: want one character that no number has, as in "," or ";" or "\t"`, o.Separator)
		}
	case KV:
		if o.Separator == "" {
			o.Separator = " \t,;&|"
		}
		if o.Assign == "" {
			o.Assign = "=:"
		}
		if strings.ContainsAny(o.Assign, o.Separator) {
			return fmt.Errorf("assign %q and separator %q have a character in common; want different ones", o.Assign, o.Separator)
		}
		for _, s := range []string{o.Assign, o.Separator} {
			for i := range len(s) {
				if !separates(s[i]) {
					return fmt.Errorf("separator or assign %q: %q can be part of a number; want other characters", s, s[i])
				}
			}
		}
	}
	return nil
}

// separates reports whether c can stand between values: printable or a tab,
// and not a part of numbers and words.
func separates(c byte) bool {
	return c == '\t' || (c >= ' ' && c <= '~' && !strings.ContainsRune("+-.\"_", rune(c)) && !alphanumeric(c))
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func checkOutputs(outputs []Output) error {
	names, keys := map[string]bool{}, map[string]bool{}
	for i := range outputs {
		o := &outputs[i]
		if o.Key == "" {
			o.Key = o.Name
		}
		if !validName(o.Name) {
			return fmt.Errorf("output %q: want a name of lower-case letters, digits and underscores that begins with a letter", o.Name)
		}
		if names[o.Name] {
			return fmt.Errorf("output %q: declared twice; remove one", o.Name)
		}
		if keys[o.Key] {
			return fmt.Errorf("output %q: key %q belongs to another output already", o.Name, o.Key)
		}
		if !(o.Resolution >= 0) || math.IsInf(o.Resolution, 0) {
			return fmt.Errorf("output %q: resolution %v; want a positive step, or 0 when it is not known", o.Name, o.Resolution)
		}
		names[o.Name], keys[o.Key] = true, true
	}
	if len(outputs) > drivers.MaxOutputs {
		return fmt.Errorf("outputs: %d are declared, at most %d are possible", len(outputs), drivers.MaxOutputs)
	}
	return nil
}

func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || i > 0 && ('0' <= c && c <= '9' || c == '_')) {
			return false
		}
	}
	return s != ""
}

// channels is the list of outputs while New builds it.
type channels struct {
	list []Output
	used []bool // the line has a place for it
}

// index gives the output for a key that the user wrote in columns or match,
// and declares it if it has no unit or other name.
func (c *channels) index(option, key string) (int, error) {
	for i, o := range c.list {
		if o.Key == key {
			if c.used[i] {
				return 0, fmt.Errorf("%s: %q stands in it twice; give the second another name", option, key)
			}
			c.used[i] = true
			return i, nil
		}
	}
	if !validName(key) {
		return 0, fmt.Errorf(`%s: %q is not a channel's name; add an output with key %q and a name of lower-case letters, digits and underscores`, option, key, key)
	}
	for _, o := range c.list {
		if o.Name == key {
			return 0, fmt.Errorf("%s: %q is the name of the output with key %q; write that key", option, key, o.Key)
		}
	}
	if len(c.list) == drivers.MaxOutputs {
		return 0, fmt.Errorf("%s: more than %d outputs; pass some over", option, drivers.MaxOutputs)
	}
	c.list = append(c.list, Output{Name: key, Key: key})
	c.used = append(c.used, true)
	return len(c.list) - 1, nil
}

// unused complains about an output that no line can fill.
func (c *channels) unused(option string) error {
	for i, used := range c.used {
		if !used {
			return fmt.Errorf("output %q: its key %q is not in %s; add it there or remove the output", c.list[i].Name, c.list[i].Key, option)
		}
	}
	return nil
}
