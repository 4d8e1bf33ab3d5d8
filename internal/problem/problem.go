package problem

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Max bounds a report: whoever gives us the wrong file altogether
// needs its first hundred mistakes, not all of them.
const Max = 100

// Problem is one mistake in a configuration, with what to do about it.
type Problem struct {
	Source string // the file's name, or the environment variable's
	Line   int    // line in the file, from 1; 0 when Source is a variable or the file as a whole
	Path   string // field, as in "queue.capacity" or "sensor[greenhouse].addr"; empty for syntax
	Value  string // what was found, as written, shortened; empty when something is missing
	Msg    string // what is wrong
	Cure   string // what to do; empty when Msg says it
}

// Error gives the problem on one line:
// "telhub.toml:7: queue.capacity = 0: must be at least 64; …".
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Source)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path)
		if p.Value != "" {
			b.WriteString(" = " + p.Value)
		}
		b.WriteString(": ")
	}
	b.WriteString(p.Msg)
	if p.Cure != "" {
		b.WriteString("; " + p.Cure)
	}
	return b.String()
}

// Problems is everything that is wrong with a configuration, in the order of
// the file's lines, the environment's variables last.
type Problems []Problem

// Error gives one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// OrNil sorts and shortens the list; it returns nil when there is none, so
// that an empty list never becomes a non-nil error.
func (ps Problems) OrNil() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line) // those without a line come last
		}
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line))
	})
	if more := len(ps) - Max; more > 0 {
		last := ps[Max-1]
		ps = append(ps[:Max:Max], Problem{
			Source: last.Source, Line: last.Line,
			Msg: fmt.Sprintf("%d more problems follow", more), Cure: "mend these first",
		})
	}
	return ps
}
