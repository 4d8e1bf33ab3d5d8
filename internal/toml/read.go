package toml

import (
	"bytes"
	"fmt"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Bounds on a document, which may come from anywhere.
const (
	MaxBytes    = 1 << 20
	maxBrackets = 20000 // bounds the parser's recursion to some 20 MB of stack
	maxDepth    = 16    // nesting of values and of dotted keys
)

// Problem is a mistake in the document itself.
type Problem struct {
	Line int    // from 1
	Path string // of the key, if it concerns one
	Fault
}

// Error gives line, key and message.
func (p Problem) Error() string {
	s := fmt.Sprintf("line %d: ", p.Line)
	if p.Path != "" {
		s += p.Path + ": "
	}
	s += p.Msg
	if p.Cure != "" {
		s += "; " + p.Cure
	}
	return s
}

// reader turns a document into a tree.
type reader struct {
	data     []byte
	lines    []int // offset at which each line begins
	parser   unstable.Parser
	root     *Node
	table    *Node // the table that keys go into
	path     string
	problems []Problem
}

// Read parses a document into a tree and what is wrong with its tables and
// keys, each repetition with both lines. ok is false when the document is not
// TOML at all: then the tree ends somewhere, and there is nothing to do but to
// report the one problem.
func Read(data []byte) (root *Node, problems []Problem, ok bool) {
	r := &reader{root: newTable(1, header)}
	r.table = r.root
	if n := len(data); n > MaxBytes {
		r.problem(1, "", fmt.Sprintf("the file has more than %d bytes", MaxBytes), "")
		return r.root, r.problems, false
	}
	if n := bytes.Count(data, []byte("[")) + bytes.Count(data, []byte("{")); n > maxBrackets {
		r.problem(1, "", fmt.Sprintf("the file has %d opening brackets, the most is %d", n, maxBrackets), "")
		return r.root, r.problems, false
	}
	r.load(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) // some editors' byte order mark
	for r.parser.NextExpression() {
		r.expression(r.parser.Expression())
	}
	if err := r.parser.Error(); err != nil {
		return r.root, []Problem{r.syntax(err)}, false
	}
	return r.root, r.problems, true
}

// load hands the parser a copy whose capacity is its length; see offset.
func (r *reader) load(data []byte) {
	r.data = make([]byte, len(data))
	copy(r.data, data)
	r.lines = append(r.lines, 0)
	for i, c := range r.data {
		if c == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	r.parser.Reset(r.data)
}

// offset finds where in the document a piece of it begins. The parser hands
// out subslices without lowering their capacity, so what is left of the
// capacity tells.
func (r *reader) offset(piece []byte) int {
	return max(0, min(cap(r.data)-cap(piece), len(r.data)))
}

// lineAt returns the line, from 1, that holds an offset.
func (r *reader) lineAt(offset int) int {
	return max(1, sort.SearchInts(r.lines, offset+1))
}

func (r *reader) problem(line int, path, msg, cure string) {
	r.problems = append(r.problems, Problem{Line: line, Path: path, Fault: Fault{msg, cure}})
}

// expression takes a header or a key with its value.
func (r *reader) expression(e *unstable.Node) {
	names, line := r.keyOf(e)
	if len(names) > maxDepth {
		r.problem(line, "", fmt.Sprintf("a key of %d parts", len(names)), fmt.Sprintf("the most is %d", maxDepth))
		return
	}
	switch e.Kind {
	case unstable.Table:
		r.openTable(names, line)
	case unstable.ArrayTable:
		r.openElement(names, line)
	case unstable.KeyValue:
		r.set(r.table, r.path, names, line, r.value(e.Value(), line, 0))
	}
}

// keyOf collects the parts of an expression's key and its line.
func (r *reader) keyOf(e *unstable.Node) (names []string, line int) {
	for it := e.Key(); it.Next(); {
		k := it.Node()
		names = append(names, string(k.Data))
		if line == 0 {
			line = r.lineAt(int(k.Raw.Offset))
		}
	}
	return names, max(line, 1)
}

// descend walks a header's leading parts, making tables as needed. It returns
// nil after reporting that one of them is not a table.
func (r *reader) descend(names []string, line int) *Node {
	t := r.root
	for i, name := range names {
		next := t.Fields[name]
		switch {
		case next == nil:
			next = newTable(line, implied)
			t.add(name, next)
		case next.Kind == Tables:
			next = next.Items[len(next.Items)-1]
		case next.Kind != Table || next.origin == inline:
			r.problem(line, dots(names[:i+1]), fmt.Sprintf("already has a value, set in line %d", next.Line), "it cannot be a table too")
			return nil
		}
		t = next
	}
	return t
}

// openTable takes a [header].
func (r *reader) openTable(names []string, line int) {
	path, last := dots(names), names[len(names)-1]
	r.path, r.table = path, newTable(line, header) // where keys go if the header is wrong
	parent := r.descend(names[:len(names)-1], line)
	if parent == nil {
		return
	}
	old := parent.Fields[last]
	switch {
	case old == nil:
		parent.add(last, r.table)
		return
	case old.Kind == Tables:
		r.problem(line, path, fmt.Sprintf("is a list of tables since line %d", old.Line), "write [["+path+"]] with two brackets")
		return
	case old.Kind != Table || old.origin == inline:
		r.problem(line, path, fmt.Sprintf("already has a value, set in line %d", old.Line), "delete one of the two")
		return
	case old.origin != implied:
		r.problem(line, path, fmt.Sprintf("this table was opened in line %d already", old.Line), "move the keys there")
	default:
		old.origin, old.Line = header, line
	}
	r.table = old
}

// openElement takes a [[header]].
func (r *reader) openElement(names []string, line int) {
	path, last := dots(names), names[len(names)-1]
	r.path, r.table = path, newTable(line, header)
	parent := r.descend(names[:len(names)-1], line)
	if parent == nil {
		return
	}
	list := parent.Fields[last]
	switch {
	case list == nil:
		list = &Node{Kind: Tables, Line: line}
		parent.add(last, list)
	case list.Kind == Table && list.origin != inline:
		r.problem(line, path, fmt.Sprintf("is one table, opened with [%s] in line %d", path, list.Line), "write two brackets in both places if there are several")
		return
	case list.Kind != Tables:
		r.problem(line, path, fmt.Sprintf("already has a value, set in line %d", list.Line), "delete one of the two")
		return
	}
	list.Items = append(list.Items, r.table)
}

// set stores a value under a key, which may be dotted, of table t.
func (r *reader) set(t *Node, prefix string, names []string, line int, v *Node) {
	for i, name := range names[:len(names)-1] {
		next := t.Fields[name]
		if next == nil {
			next = newTable(line, dotted)
			t.add(name, next)
		}
		if next.Kind != Table || next.origin != dotted {
			r.problem(line, join(prefix, dots(names[:i+1])), fmt.Sprintf("was set in line %d already", next.Line), "put this key there")
			return
		}
		t = next
	}
	last := names[len(names)-1]
	if old := t.Fields[last]; old != nil {
		r.problem(line, join(prefix, dots(names)), fmt.Sprintf("was set in line %d already", old.Line), "delete one of the two")
		return
	}
	t.add(last, v)
}

// dots joins the parts of a key for a message.
func dots(names []string) string {
	shown := make([]string, len(names))
	for i, n := range names {
		shown[i] = Shorten(n)
	}
	return strings.Join(shown, ".")
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}
