package toml

import (
	"fmt"

	"github.com/pelletier/go-toml/v2/unstable"
)

// value turns a parsed value into a node. line is where its key stands, for
// values that the parser gives no place of their own.
func (r *reader) value(v *unstable.Node, line, depth int) *Node {
	if depth > maxDepth {
		return &Node{Kind: List, Line: line, Fault: Fault{fmt.Sprintf("is nested deeper than %d", maxDepth), ""}}
	}
	n := &Node{Line: r.lineOf(v, line), Raw: r.rawOf(v)}
	switch v.Kind {
	case unstable.String:
		n.Kind, n.Text = Text, string(v.Data)
	case unstable.Bool:
		n.Kind, n.Bool = Bool, v.Data[0] == 't'
	case unstable.Integer:
		n.Kind = Int
		n.Fault = ParseInt(&n.Int, n.Raw)
	case unstable.Float:
		n.Kind = Float
		n.Fault = ParseFloat(&n.Float, n.Raw)
	case unstable.Array:
		n.Kind = List
		for it := v.Children(); it.Next(); {
			n.Items = append(n.Items, r.value(it.Node(), n.Line, depth+1))
		}
	case unstable.InlineTable:
		n.Kind, n.origin, n.Fields = Table, inline, make(map[string]*Node)
		for it := v.Children(); it.Next(); {
			names, at := r.keyOf(it.Node())
			r.set(n, "", names, at, r.value(it.Node().Value(), at, depth+1))
		}
	default:
		n.Kind = Date
	}
	return n
}

// lineOf finds a value's line: scalars and inline tables know their place.
func (r *reader) lineOf(v *unstable.Node, line int) int {
	switch v.Kind {
	case unstable.Array:
		return line
	case unstable.String, unstable.Integer, unstable.Float, unstable.InlineTable:
		return r.lineAt(int(v.Raw.Offset))
	}
	return r.lineAt(r.offset(v.Data))
}

// rawOf gives a scalar as it was written.
func (r *reader) rawOf(v *unstable.Node) string {
	switch v.Kind {
	case unstable.Array, unstable.InlineTable:
		return ""
	case unstable.String:
		return string(r.parser.Raw(v.Raw))
	}
	return string(v.Data)
}
