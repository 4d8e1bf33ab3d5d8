package toml

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

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

// ParseInt reads a TOML integer: decimal, 0x, 0o or 0b, with underscores
// between digits.
func ParseInt(dst *int64, s string) Fault {
	digits := strings.TrimLeft(s, "+-")
	if len(digits) > 1 && digits[0] == '0' && (digits[1] == '_' || digits[1] >= '0' && digits[1] <= '9') {
		return Fault{"numbers do not begin with 0", "write 0x76 for hexadecimal, 0o17 for octal, or drop the 0"}
	}
	// Base 0 takes just TOML's prefixes and underscores, and a few more
	// spellings (0X76, 0b after a sign) that do no harm.
	v, err := strconv.ParseInt(s, 0, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return Fault{"is too large a number", ""}
	case err != nil:
		return Fault{"is not a number", "put text in double quotes"}
	}
	*dst = v
	return Fault{}
}

// ParseFloat reads a TOML float. inf and nan are numbers to TOML, but no
// setting of ours has a use for them.
func ParseFloat(dst *float64, s string) Fault {
	v, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return Fault{"is too large a number", ""}
	case err != nil:
		return Fault{"is not a number", "put text in double quotes"}
	case math.IsInf(v, 0) || math.IsNaN(v):
		return Fault{"must be a finite number", ""}
	}
	*dst = v
	return Fault{}
}
