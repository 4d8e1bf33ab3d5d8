package toml

import (
	"strconv"
	"strings"
)

// Kind is the type of a value.
type Kind uint8

// The kinds.
const (
	Table   Kind = iota
	Tables       // list of tables: [[x]]
	List         // [1, 2]
	Text         // "a"
	Int          // 8192, 0x76
	Float        // 0.1
	Bool         // true
	Date         // 2026-11-21, also with a time or only a time
	Untyped      // text from elsewhere, such as a variable: of the type that is wanted
)

// String names the kind as messages do.
func (k Kind) String() string {
	return [...]string{"a table", "a list of tables", "a list", "text", "a whole number", "a number",
		"true or false", "a date", "text"}[k]
}

// Fault is what is wrong with a value and what to do. The zero Fault means
// that nothing is.
type Fault struct{ Msg, Cure string }

// OK reports whether nothing is wrong.
func (f Fault) OK() bool { return f.Msg == "" }

// origin says how a table came into being, which decides what may extend it.
type origin uint8

const (
	implied origin = iota // by a longer header: [a.b] makes a
	header                // by its own [a]
	dotted                // by a key a.b = …
	inline                // by a = { … }
)

// Node is a value with its line, or a table of such values.
type Node struct {
	Kind  Kind
	Line  int    // from 1
	Raw   string // scalars: as written
	Text  string // Text, Untyped
	Int   int64
	Float float64
	Bool  bool
	Fault Fault // a value that TOML or this package does not allow; it has no content

	Keys   []string // tables: names in the document's order
	Fields map[string]*Node
	Items  []*Node // List and Tables

	origin origin
}

func newTable(line int, o origin) *Node {
	return &Node{Kind: Table, origin: o, Line: line, Fields: make(map[string]*Node)}
}

func (n *Node) add(name string, child *Node) {
	n.Keys = append(n.Keys, name)
	n.Fields[name] = child
}

// FirstFault returns the fault of n or of the first value in it that has one.
func (n *Node) FirstFault() Fault {
	if !n.Fault.OK() {
		return n.Fault
	}
	for _, it := range n.Items {
		if f := it.FirstFault(); !f.OK() {
			return f
		}
	}
	return Fault{}
}

// Shown gives the value for a message: as written, on one line and short.
func (n *Node) Shown() string {
	switch n.Kind {
	case Table:
		return "{…}"
	case Tables, List:
		return "[…]"
	}
	return Shorten(n.Raw)
}

// Shorten makes text fit into a message: printable, at most 60 characters.
func Shorten(s string) string {
	const most = 60
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		s = strconv.Quote(s)
	}
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}

// Plain gives the tree as plain values: map[string]any, []any, string, int64,
// float64 and bool. A date becomes its text.
func (n *Node) Plain() any {
	switch n.Kind {
	case Table:
		m := make(map[string]any, len(n.Keys))
		for _, name := range n.Keys {
			m[name] = n.Fields[name].Plain()
		}
		return m
	case List, Tables:
		list := make([]any, len(n.Items))
		for i, it := range n.Items {
			list[i] = it.Plain()
		}
		return list
	case Int:
		return n.Int
	case Float:
		return n.Float
	case Bool:
		return n.Bool
	case Date:
		return n.Raw
	}
	return n.Text
}

// Find follows a path below n, as in "read[0].bytes". When it leads nowhere,
// the last value on the way comes back, and false.
func (n *Node) Find(path string) (*Node, bool) {
	for path != "" {
		path = strings.TrimPrefix(path, ".")
		end := strings.IndexAny(path, ".[")
		if end == 0 { // an index
			end = strings.IndexByte(path, ']') + 1
		}
		if end <= 0 {
			end = len(path)
		}
		next := n.step(path[:end])
		if next == nil {
			return n, false
		}
		n, path = next, path[end:]
	}
	return n, true
}

// step follows one part of a path: a name or "[i]".
func (n *Node) step(part string) *Node {
	index, isIndex := strings.CutPrefix(part, "[")
	if !isIndex {
		return n.Fields[part]
	}
	i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
	if err != nil || i < 0 || i >= len(n.Items) {
		return nil
	}
	return n.Items[i]
}
