package config

import (
	"slices"
	"strings"

	"github.com/telhub/telhub/agent/process/expr"
	"github.com/telhub/telhub/internal/problem"
	"github.com/telhub/telhub/internal/toml"
)

// source is a channel that a derived output is computed from.
type source struct {
	owner *draft
	name  string       // of the output
	draft *outputDraft // nil: a measured one without a table
}

// mark says how far the search for cycles has come with an output.
type mark uint8

const (
	fresh mark = iota // not yet seen
	open              // on the way from where the search began
	done              // all that can be reached from it has been searched
)

// resolve finds the channels that a derived output's expression names.
func (l *loader) resolve(o *outputDraft, drafts []*draft) {
	if o.prog == nil || !o.owner.known {
		return
	}
	for i, ref := range o.prog.Refs() {
		s, unknown := l.find(o.owner, ref)
		switch {
		case unknown:
			l.failReference(o, i, ref, drafts)
			if strings.HasPrefix(o.Value[ref.Pos:], ref.Name+"/") {
				return // braces are missing: what follows is the rest of the name
			}
		case s.owner == nil: // on a sensor that is wrong itself
			o.broken = true
		default:
			o.inputs = append(o.inputs, s)
			o.Inputs = append(o.Inputs, s.owner.Name+"/"+s.name)
			s.use()
		}
	}
}

// use notes that something is derived from a source, so that only does not
// take it away altogether.
func (s *source) use() {
	switch {
	case s.draft != nil:
		s.draft.used = true
	case !s.owner.Keeps(s.name) && !slices.Contains(s.owner.hidden, s.name):
		s.owner.hidden = append(s.owner.hidden, s.name)
	}
}

// find looks a reference up. Without an owner the source stands on a sensor
// whose outputs are not known.
func (l *loader) find(own *draft, ref expr.Ref) (s source, unknown bool) {
	owner, name := own, ref.Name
	if ref.Qualified {
		sensor, output, _ := strings.Cut(ref.Name, "/")
		owner, name = l.byName[sensor], output
	}
	if owner == nil {
		return source{}, true
	}
	d := owner.byName[name]
	switch {
	case !owner.known:
		return source{}, false
	case owner.measures(name):
	case d == nil || d.table.Fields["value"] == nil:
		return source{}, true
	}
	return source{owner: owner, name: name, draft: d}, false
}

// failReference reports a name in an expression that nothing has.
func (l *loader) failReference(o *outputDraft, i int, ref expr.Ref, drafts []*draft) {
	if len(l.problems) > problem.Max { // further ones are only counted
		l.failOutput(o, "value", fault{"unknown output", ""})
		return
	}
	if of := aggregateOf(o.owner, ref, drafts); of != "" {
		l.failOutput(o, "value", inExpression(&expr.Error{
			Pos: ref.Pos, Msg: ref.Name + " is an aggregate, and expressions take outputs",
			Cure: "write " + of + `; for a mean, derive an output of it with filter = "mean 1m", and use that`,
		}))
		return
	}
	l.failOutput(o, "value", inExpression(o.prog.Unknown(i, o.referable(drafts))))
}

// maxReferable bounds the names that a misspelled one is compared with.
const maxReferable = 2000

// referable lists what the output's expression can name: outputs of its own
// sensor, and channels of all of them.
func (o *outputDraft) referable(drafts []*draft) []string {
	var known []string
	for _, name := range o.owner.referable() {
		if name != o.Name {
			known = append(known, name, o.owner.Name+"/"+name)
		}
	}
	for _, d := range drafts {
		if d == o.owner || len(known) > maxReferable {
			continue
		}
		for _, name := range d.referable() {
			known = append(known, d.Name+"/"+name)
		}
	}
	return known[:min(len(known), maxReferable)]
}

// referable lists what expressions can name of the sensor.
func (d *draft) referable() []string {
	list := names(d.facts)
	for _, o := range d.outputs {
		if o.table.Fields["value"] != nil && !d.measures(o.Name) {
			list = append(list, o.Name)
		}
	}
	return list
}

// aggregateOf returns what the aggregate that a reference names is of, as an
// expression writes it; "" when it names none.
func aggregateOf(own *draft, ref expr.Ref, drafts []*draft) string {
	for _, d := range drafts {
		for _, o := range d.outputs {
			for i := range o.Aggregates {
				name := o.Aggregates[i].Name
				switch {
				case d == own && name == ref.Name:
					return o.Name
				case d.Name+"/"+name == ref.Name:
					return "{" + d.Name + "/" + o.Name + "}"
				}
			}
		}
	}
	return ""
}

// cycles reports derived outputs that are computed from themselves, each
// cycle once.
func (l *loader) cycles(drafts []*draft) {
	for _, d := range drafts {
		for _, o := range d.outputs {
			l.search(o, nil)
		}
	}
}

// search follows the inputs of o; trail leads to it.
func (l *loader) search(o *outputDraft, trail []*outputDraft) {
	switch o.mark {
	case open:
		l.cycle(trail[slices.Index(trail, o):])
		return
	case done:
		return
	}
	o.mark, trail = open, append(trail, o)
	for _, in := range o.inputs {
		if in.draft != nil {
			l.search(in.draft, trail)
		}
	}
	o.mark = done
}

// cycle reports one cycle at its first output.
func (l *loader) cycle(members []*outputDraft) {
	const shown = 8 // of a long cycle
	var path []string
	for i, o := range append(slices.Clone(members), members[0]) {
		if i < shown || i == len(members) {
			path = append(path, toml.Shorten(o.owner.Name+"/"+o.Name))
		} else if i == shown {
			path = append(path, "…")
		}
	}
	for _, o := range members {
		o.broken = true
	}
	l.failOutput(members[0], "value", fault{
		"is computed from itself: " + strings.Join(path, ", from "),
		"take one of them out of another's expression",
	})
}
