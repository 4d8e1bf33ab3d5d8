package line

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// element is one step of a compiled template.
type element struct {
	kind elementKind
	text []byte // literal: what must stand here
	out  int    // field: the output
}

type elementKind uint8

const (
	literal elementKind = iota // exactly text
	blanks                     // one blank or more
	decimal                    // a decimal number, or a word for one
	integer
	hexadecimal
	skip // anything, up to the element that follows
)

func (k elementKind) field() bool { return k == decimal || k == integer || k == hexadecimal }

// compileTemplate takes opt.Match apart.
func (d *Decoder) compileTemplate(opt Options, c *channels) error {
	d.parse = (*Decoder).parseTemplate
	if strings.TrimSpace(opt.Match) == "" {
		return errors.New(`match: empty; want the line with {name:f} where its numbers are, as in "W={weight:f} T={temp:f}"`)
	}
	for rest := strings.TrimSpace(opt.Match); rest != ""; {
		e, n, err := nextElement(rest, c)
		if err != nil {
			return fmt.Errorf("match %q: %w", opt.Match, err)
		}
		rest = rest[n:]
		if err := d.addElement(e); err != nil {
			return fmt.Errorf("match %q: before %q: %w", opt.Match, rest, err)
		}
	}
	if !hasField(d.tmpl) {
		return fmt.Errorf("match %q: no field in it; write {name:f} where a number stands", opt.Match)
	}
	d.proves = d.tmpl[0].kind == literal
	return c.unused("match")
}

func hasField(t []element) bool {
	for _, e := range t {
		if e.kind.field() {
			return true
		}
	}
	return false
}

// addElement joins literals and refuses neighbours that cannot be told apart.
func (d *Decoder) addElement(e element) error {
	if len(d.tmpl) > 0 {
		last := &d.tmpl[len(d.tmpl)-1]
		if last.kind == literal && e.kind == literal {
			last.text = append(last.text, e.text...)
			return nil
		}
		if (last.kind.field() || last.kind == skip) && e.kind.field() || last.kind == skip && e.kind == skip {
			return errors.New("two fields touch; put the text between them that the device prints")
		}
	}
	d.tmpl = append(d.tmpl, e)
	return nil
}

// nextElement reads the element at the front of s and how long it is there.
func nextElement(s string, c *channels) (e element, n int, err error) {
	switch {
	case blank(s[0]):
		return element{kind: blanks}, len(s) - len(strings.TrimLeft(s, " \t")), nil
	case strings.HasPrefix(s, "{{"), strings.HasPrefix(s, "}}"):
		return element{kind: literal, text: []byte(s[:1])}, 2, nil
	case s[0] == '}':
		return e, 0, errors.New("} without {; write }} for the character itself")
	case s[0] != '{':
		return element{kind: literal, text: []byte(s[:1])}, 1, nil
	}
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return e, 0, fmt.Errorf("%q is not closed with }; write {{ for the character itself", s)
	}
	e, err = fieldElement(s[1:end], c)
	return e, end + 1, err
}

func fieldElement(body string, c *channels) (element, error) {
	if body == "*" || body == ":skip" {
		return element{kind: skip}, nil
	}
	name, verb, typed := strings.Cut(body, ":")
	kind := decimal
	switch {
	case !typed || verb == "f":
	case verb == "d":
		kind = integer
	case verb == "x":
		kind = hexadecimal
	default:
		return element{}, fmt.Errorf("{%s}: type %q; want f (decimal), d (integer) or x (hexadecimal)", body, verb)
	}
	out, err := c.index("match", name)
	return element{kind: kind, out: out}, err
}

// parseTemplate matches the line from its first to its last character, without
// going back: a template says what stands where.
func (d *Decoder) parseTemplate(line []byte) bool {
	at := 0
	for i := range d.tmpl {
		e := &d.tmpl[i]
		rest := line[at:]
		n := -1
		switch e.kind {
		case literal:
			if bytes.HasPrefix(rest, e.text) {
				n = len(e.text)
			}
		case blanks:
			n = skipBlanks(rest, 0)
			if n == 0 {
				n = -1
			}
		case skip:
			n = d.skipTo(i+1, rest)
		default:
			n = d.matchField(e, rest)
		}
		if n < 0 {
			return false
		}
		at += n
	}
	return at == len(line)
}

// skipTo gives how many bytes there are before element i matches; -1 for never.
func (d *Decoder) skipTo(i int, rest []byte) int {
	if i == len(d.tmpl) {
		return len(rest)
	}
	if d.tmpl[i].kind == literal {
		return bytes.Index(rest, d.tmpl[i].text)
	}
	for n, c := range rest {
		if blank(c) {
			return n
		}
	}
	return -1
}

// matchField stages the number that rest begins with and gives its length,
// with the blanks before it; -1 when there is none.
func (d *Decoder) matchField(e *element, rest []byte) int {
	at := skipBlanks(rest, 0)
	rest = rest[at:]
	var n int
	var v float64
	switch e.kind {
	case integer:
		n, v = scanInteger(rest)
	case hexadecimal:
		n, v = scanHex(rest)
	default:
		n, v = scanNumber(rest)
		if n == 0 {
			n, v = scanWord(rest)
		}
	}
	if n == 0 {
		return -1
	}
	d.stage(e.out, v)
	return at + n
}

// scanWord reads the word for "no number" that b begins with.
func scanWord(b []byte) (n int, v float64) {
	for n < len(b) && (alphanumeric(b[n]) || b[n] == '/' || (n == 0 && (b[n] == '-' || b[n] == '+'))) {
		n++
	}
	for ; n > 0; n-- { // "nanC" has its unit attached
		if v, ok := word(b[:n]); ok {
			return n, v
		}
	}
	return 0, 0
}
