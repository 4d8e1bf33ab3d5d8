package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/telhub/telhub/internal/spell"
	"github.com/telhub/telhub/internal/toml"
	"github.com/telhub/telhub/internal/units"
)

// kind is the type of a key's value.
type kind uint8

const (
	text     kind = iota // "ttp"
	choice               // one of key.allowed
	whole                // 4
	number               // 0.1
	duration             // "10s", "7d"
	size                 // "1MB", "256KiB", or a number of bytes
	texts                // ["a", "b"]; in a variable a,b
)

// wants says in messages how a value of the kind is written.
func (k kind) wants() string {
	return [...]string{"text in double quotes", "text in double quotes", "a whole number without quotes", "a number without quotes",
		"a number and its unit in double quotes", "a number with its unit in double quotes", "a list of texts"}[k]
}

// key describes one setting: everything that decoding and Example need to know
// of it. Minimum, maximum and default are written like values.
type key struct {
	path     string   // "worker.count"; within its table for handlers
	kind     kind     //
	def      string   // "" is no text, no list
	min, max string   // "" is no bound
	allowed  []string // of a choice
	doc      string
	example  string // as TOML writes it

	check  func(string) fault // of a text, or of each of texts
	secret bool               // the value may hold a password: show it Redacted
	field  func(target) any   // pointer to where the value goes
}

// target is where a key's value goes: the configuration, or the handler that
// is being read.
type target struct {
	cfg     *Config
	handler *Handler
}

// env returns the environment variable that sets a root key.
func (k *key) env() string { return envPrefix + envName(k.path) }

// parse checks a value against the key and converts it: string, int64,
// float64, time.Duration or []string.
func (k *key) parse(n *toml.Node) (any, fault) {
	if f := fault(n.FirstFault()); !f.ok() {
		return nil, f
	}
	switch k.kind {
	case text, choice:
		return k.parseText(n)
	case whole:
		v, f := k.whole(n)
		return v, k.inRange(f, v)
	case number:
		return k.number(n)
	case duration:
		v, f := k.duration(n)
		return v, k.inRange(f, int64(v))
	case size:
		v, f := k.size(n)
		return v, k.inRange(f, v)
	}
	return k.texts(n)
}

// wrongType says what the value is and shows how it should look.
func (k *key) wrongType(n *toml.Node) fault {
	_, name := splitPath(k.path)
	return fault{"is " + n.Kind.String(), "write " + k.kind.wants() + ", as in " + name + " = " + k.example}
}

func (k *key) parseText(n *toml.Node) (string, fault) {
	if n.Kind != toml.Text && n.Kind != toml.Untyped {
		return "", k.wrongType(n)
	}
	if k.kind == choice && !slices.Contains(k.allowed, n.Text) {
		return "", fault{"must be one of " + strings.Join(k.allowed, ", "), guess(n.Text, k.allowed)}
	}
	if k.check != nil {
		return n.Text, k.check(n.Text)
	}
	return n.Text, checkPrintable(n.Text)
}

func guess(got string, allowed []string) string {
	if g := spell.Nearest(got, allowed); g != "" {
		return "did you mean " + g + "?"
	}
	return ""
}

func (k *key) whole(n *toml.Node) (v int64, f fault) {
	switch n.Kind {
	case toml.Int:
		return n.Int, fault{}
	case toml.Untyped:
		if !toml.ParseInt(&v, n.Text).OK() {
			return 0, fault{"is not a whole number", "write it as in " + k.example}
		}
		return v, fault{}
	}
	return 0, k.wrongType(n)
}

func (k *key) number(n *toml.Node) (v float64, f fault) {
	switch n.Kind {
	case toml.Float:
		v = n.Float
	case toml.Int:
		v = float64(n.Int)
	case toml.Untyped:
		f = fault(toml.ParseFloat(&v, n.Text))
	default:
		f = k.wrongType(n)
	}
	if f.ok() && (v < mustFloat(k.min) || v > mustFloat(k.max)) {
		f = k.outside()
	}
	return v, f
}

func (k *key) duration(n *toml.Node) (time.Duration, fault) {
	switch n.Kind {
	case toml.Int, toml.Float:
		return 0, fault{"has no unit", fmt.Sprintf("write \"%ss\" for seconds, \"%sms\" for milliseconds", n.Raw, n.Raw)}
	case toml.Text, toml.Untyped:
		d, err := units.Duration(n.Text)
		if err != nil {
			return 0, fault{"is not a duration", `write a number with ms, s, m, h or d, as in "10s" or "1h30m"`}
		}
		return d, fault{}
	}
	return 0, k.wrongType(n)
}

func (k *key) size(n *toml.Node) (int64, fault) {
	switch n.Kind {
	case toml.Int:
		return n.Int, fault{}
	case toml.Text, toml.Untyped:
		v, err := units.Size(n.Text)
		if err != nil {
			return 0, fault{"is not a size", `write a number with kB, MB, KiB or MiB, as in "256KiB"`}
		}
		return v, fault{}
	}
	return 0, k.wrongType(n)
}

// texts reads a list; in a variable, words with commas.
func (k *key) texts(n *toml.Node) (list []string, f fault) {
	switch {
	case n.Kind == toml.Untyped:
		for word := range strings.SplitSeq(n.Text, ",") {
			list = append(list, strings.TrimSpace(word))
		}
	case n.Kind != toml.List:
		return nil, k.wrongType(n)
	}
	for _, it := range n.Items {
		if it.Kind != toml.Text {
			return nil, fault{"holds " + it.Shown() + ", which is " + it.Kind.String(), "write " + texts.wants() + ", as in " + k.example}
		}
		list = append(list, it.Text)
	}
	if len(list) == 0 {
		return nil, fault{"is empty", "name at least one, or delete the line"}
	}
	for i, s := range list {
		check := k.check
		if check == nil {
			check = checkPrintable
		}
		if f := check(s); !f.ok() {
			return nil, fault{"holds " + strconv.Quote(toml.Shorten(s)) + ", which " + f.Msg, f.Cure}
		}
		if k.def != "" && slices.Contains(list[:i], s) {
			return nil, fault{"names " + strconv.Quote(toml.Shorten(s)) + " twice", "delete one of the two"}
		}
	}
	return list, fault{}
}

// inRange checks a whole number, a duration's nanoseconds or a size's bytes
// against the key's bounds, unless there is a fault already.
func (k *key) inRange(f fault, v int64) fault {
	if f.ok() && (k.min != "" && v < k.bound(k.min) || k.max != "" && v > k.bound(k.max)) {
		return k.outside()
	}
	return f
}

func (k *key) outside() fault {
	if k.max == "" {
		return fault{"must be at least " + k.min, "write it as in " + k.example}
	}
	return fault{"must be from " + k.min + " to " + k.max, "write it as in " + k.example}
}

// bound reads min or max. They are part of the program and a test reads them
// all, so a mistake there is not the user's.
func (k *key) bound(s string) int64 {
	v, f := (&key{kind: k.kind}).parse(&toml.Node{Kind: toml.Untyped, Text: s})
	if !f.ok() {
		panic("config: bound of " + k.path + ": " + f.Msg)
	}
	if d, ok := v.(time.Duration); ok {
		return int64(d)
	}
	return v.(int64)
}

func mustFloat(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic("config: bound " + s + " is not a number")
	}
	return v
}

// assign stores a parsed value where a key's field points.
func assign(dst, v any) {
	switch p := dst.(type) {
	case *string:
		*p = v.(string)
	case *URL:
		*p = URL(v.(string))
	case *int:
		*p = int(v.(int64)) // max keeps it within 32 bits, as a test verifies
	case *int64:
		*p = v.(int64)
	case *float64:
		*p = v.(float64)
	case *time.Duration:
		*p = v.(time.Duration)
	case *[]string:
		*p = v.([]string)
	default:
		panic(fmt.Sprintf("config: no field of type %T", dst))
	}
}
