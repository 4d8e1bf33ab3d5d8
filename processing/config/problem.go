package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/telhub/telhub/internal/toml"
)

// maxProblems bounds a report: whoever gives us the wrong file altogether
// needs its first hundred mistakes, not all of them.
const maxProblems = 100

// Problem is one mistake in a configuration, with what to do about it.
type Problem struct {
	Source string // the file's name, or the environment variable's
	Line   int    // line in the file, from 1; 0 when Source is a variable or the file as a whole
	Path   string // field, as in "worker.count" or "handler.invoice.url"; empty for syntax
	Value  string // what was found, as written, shortened; empty when something is missing
	Msg    string // what is wrong
	Cure   string // what to do; empty when Msg says it
}

// Error gives the problem on one line:
// "ttp.toml:7: worker.count = 0: must be at least 1; …".
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
// the file's lines, the environment's variables last. It is the error of Load.
type Problems []Problem

// Error gives one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// orNil sorts and shortens the list; it returns nil when there is none, so
// that an empty list never becomes a non-nil error.
func (ps Problems) orNil() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line) // those without a line come last
		}
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line))
	})
	if more := len(ps) - maxProblems; more > 0 {
		last := ps[maxProblems-1]
		ps = append(ps[:maxProblems:maxProblems], Problem{
			Source: last.Source, Line: last.Line,
			Msg: fmt.Sprintf("%d more problems follow", more), Cure: "mend these first",
		})
	}
	return ps
}

// fault is what a check of one value says: what is wrong and what to do.
// The zero fault means that nothing is.
type fault toml.Fault

func (f fault) ok() bool { return f.Msg == "" }
