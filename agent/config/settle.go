package config

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/agent/process/expr"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/internal/problem"
	"github.com/telhub/telhub/internal/spell"
	"github.com/telhub/telhub/internal/toml"
)

// settleOutputs checks the outputs of all sensors against what their engines
// measure and against each other. It returns how many channels there are.
func (l *loader) settleOutputs(drafts []*draft) (channels int) {
	for _, d := range drafts {
		l.claim(d)
	}
	for _, d := range drafts {
		for _, o := range d.outputs {
			l.resolve(o, drafts)
		}
	}
	l.cycles(drafts)
	for _, d := range drafts {
		for _, o := range d.outputs {
			l.settle(o)
		}
	}
	for _, d := range drafts {
		channels += l.collect(d)
	}
	return channels
}

// claim finds out what each table of a sensor is about, and reports names
// that two outputs have.
func (l *loader) claim(d *draft) {
	if !d.known {
		for _, o := range d.outputs {
			o.broken = true // nobody can tell what it is
		}
		return
	}
	for _, o := range d.outputs {
		measured := d.measures(o.Name)
		switch {
		case measured && o.table.Fields["value"] != nil:
			l.failOutput(o, "value", fault{o.Name + " is what " + d.Engine.Name + " measures", "give the derived output a name of its own; offset, scale and the other steps change this one"})
		case measured && o.table.Fields["resolution"] != nil:
			l.failOutput(o, "resolution", fault{d.Engine.Name + " knows the resolution of " + o.Name, `delete it; filter = "round 1" rounds to one decimal, "step 0.25" to a quarter`})
		case !measured && o.table.Fields["value"] == nil:
			l.failOutput(o, "", fault{toml.Shorten(o.Name) + " is no output of " + d.Engine.Name, l.unknownOutputCure(d, o.Name)})
		case !measured && !isOutputName(o.Name):
			l.failOutput(o, "", fault{"the name of an output is lower-case letters, digits and _, at most 64, and begins with a letter", "choose such a name"})
		}
	}
	for _, o := range d.outputs {
		l.claimAggregates(d, o)
	}
}

// claimAggregates reports aggregates with the name of another output. Two
// aggregates never have the same: window and statistic end it.
func (l *loader) claimAggregates(d *draft, o *outputDraft) {
	for i := range o.Aggregates {
		name := o.Aggregates[i].Name
		if d.measures(name) {
			l.failOutput(o, "aggregate", fault{"gives " + name + ", which " + d.Engine.Name + " measures", "choose another window"})
		} else if other := d.byName[name]; other != nil && other.Derived() {
			l.failOutput(o, "aggregate", fault{fmt.Sprintf("gives %s, which line %d derives", name, other.table.Line), "give the derived output another name"})
		}
	}
}

// unknownOutputCure says what a table may have meant that concerns nothing.
func (l *loader) unknownOutputCure(d *draft, name string) string {
	if len(l.problems) > problem.Max { // further ones are only counted
		return ""
	}
	if of := aggregateOf(d, expr.Ref{Name: name}, []*draft{d}); of != "" {
		return `it is an aggregate of ` + of + `; for steps or an alarm of its own derive an output: value = "` + of + `", filter = "mean 1m"`
	}
	candidates := slices.Concat(names(d.facts), pathsOf(sensorKeys), pathsOf(optionKeys(&d.Engine)))
	if near := spell.Nearest(name, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	cure := `add value = "…" to derive a new output`
	if len(d.facts) > 0 && len(d.facts) <= 24 {
		cure = "known are " + strings.Join(names(d.facts), ", ") + "; " + cure
	}
	return cure
}

// isOutputName reports whether a derived output may have the name: one that
// an engine's output could have.
func isOutputName(s string) bool {
	if s == "" || len(s) > maxName || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// measures reports whether the sensor's engine has an output of this name.
func (d *draft) measures(name string) bool { return d.fact(name) != nil }

// fact finds an output that the engine measures.
func (d *draft) fact(name string) *drivers.Output {
	for i := range d.facts {
		if d.facts[i].Name == name {
			return &d.facts[i]
		}
	}
	return nil
}

// every is the expected distance of what is measured: that of a sensor that
// sends by itself is known only if the file tells it, by every or by what the
// engine is told of its speed.
func (d *draft) every() time.Duration {
	if d.polled() || d.table.Fields["every"] != nil {
		return d.Every
	}
	if d.Engine.Kind == catalog.Local {
		return d.Period
	}
	return 0
}

// settle checks the steps of an output, once those of its inputs are, and
// then what follows them.
func (l *loader) settle(o *outputDraft) {
	if o.settled {
		return
	}
	o.settled = true
	for _, in := range o.inputs {
		if in.draft != nil {
			l.settle(in.draft)
		}
	}
	o.enter()
	o.Unit, o.Resolution, o.Every = o.Info.Unit, o.Info.Resolution, o.Period
	if o.broken {
		return
	}
	if !l.compileSteps(o) {
		return
	}
	l.idleWindows(o)
	l.settleAggregates(o)
	l.settleSend(o)
	l.settleSilence(o)
	l.settleReach(o)
	l.leftOut(o)
}

// enter says what is known of the values before the first step. A unit is
// converted into only where there is another one before.
func (o *outputDraft) enter() {
	if f := o.owner.fact(o.Name); f != nil {
		o.sensors, o.Period = []*draft{o.owner}, o.owner.every()
		o.Info = chain.Info{Every: o.Period, Unit: f.Unit, Resolution: f.Resolution}
	} else {
		o.inputsPeriod()
		o.Info = chain.Info{Every: distance(o.sensors), Resolution: o.Resolution}
	}
	if o.unit == "" || o.Info.Unit != "" {
		return
	}
	o.Info.Unit = o.unit
	if i := slices.Index(o.origin, "unit"); i >= 0 {
		o.Steps = slices.Delete(o.Steps, i, i+1)
		o.origin = slices.Delete(o.origin, i, i+1)
	}
}

// inputsPeriod finds the sensors that a derived output depends on, and the
// shortest period of its inputs, 0 if one of them is not known.
func (o *outputDraft) inputsPeriod() {
	known := true
	for i, in := range o.inputs {
		sensors, every := []*draft{in.owner}, in.owner.every()
		if in.draft != nil {
			sensors, every = in.draft.sensors, in.draft.Every
		}
		for _, d := range sensors {
			if !slices.Contains(o.sensors, d) {
				o.sensors = append(o.sensors, d)
			}
		}
		known = known && every > 0
		if i == 0 || every < o.Period {
			o.Period = every
		}
	}
	if !known {
		o.Period = 0
	}
}

// distance is how far apart the readings of several sensors are on average, 0
// if that is not known of one of them.
func distance(sensors []*draft) time.Duration {
	if len(sensors) == 1 {
		return sensors[0].every()
	}
	rate := 0.0
	for _, d := range sensors {
		if d.every() == 0 {
			return 0
		}
		rate += 1 / float64(d.every())
	}
	if rate == 0 {
		return 0
	}
	return max(1, time.Duration(math.Round(1/rate)))
}

// maxSteps bounds what one value takes.
const maxSteps = 32

// compileSteps lets the chain judge the steps, and takes from it what leaves
// them. The fault stands at the first step without which it compiles.
func (l *loader) compileSteps(o *outputDraft) bool {
	if len(o.Steps) == 0 {
		return true
	}
	if len(o.Steps) > maxSteps {
		l.failOutput(o, o.origin[maxSteps], fault{fmt.Sprintf("makes more than %d steps", maxSteps), "each costs time at every value: leave some out"})
		return false
	}
	c, err := chain.Compile(o.Steps, o.Info)
	if err == nil {
		o.Unit, o.Resolution = c.Unit(), c.Resolution()
		return true
	}
	for n := range o.Steps {
		if _, err := chain.Compile(o.Steps[:n+1], o.Info); err != nil {
			f := fault{Msg: err.Error()}
			if o.origin[n] == "unit" {
				f.Msg = strings.TrimPrefix(f.Msg, o.Steps[n].String()+": ")
				f.Cure = `for another quantity derive an output: value = "…", and its unit`
			}
			l.failOutput(o, o.origin[n], f)
			return false
		}
	}
	l.failOutput(o, "", fault{err.Error(), ""})
	return false
}

// collect hands a sensor's outputs over, and those that only leaves out
// although others are derived from them. It returns how many channels the
// sensor has.
func (l *loader) collect(d *draft) (channels int) {
	for i := range d.facts {
		if d.Keeps(d.facts[i].Name) {
			channels++
		}
	}
	for _, o := range d.outputs {
		d.Outputs = append(d.Outputs, o.Output)
		if o.Derived() || !d.Keeps(o.Name) {
			channels++
		}
		channels += len(o.Aggregates)
	}
	for i := range d.facts {
		f := &d.facts[i]
		if slices.Contains(d.hidden, f.Name) {
			o := Output{Name: f.Name, Unit: f.Unit, Resolution: f.Resolution, Period: d.every(), Every: d.every()}
			o.Info = chain.Info{Every: o.Every, Unit: o.Unit, Resolution: o.Resolution}
			o.Send.Never = true
			d.Outputs = append(d.Outputs, o)
			channels++
		}
	}
	return channels
}
