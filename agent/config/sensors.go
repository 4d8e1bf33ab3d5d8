package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/internal/problem"
	"github.com/telhub/telhub/internal/spell"
	"github.com/telhub/telhub/internal/toml"
	"github.com/telhub/telhub/uplink/frame"
)

// draft is a sensor being read: what is known of it and where it stands.
type draft struct {
	Sensor
	label  string // "sensor[greenhouse]", or "sensor[2]" without a name
	table  *toml.Node
	broken bool // something is wrong: do not complain about consequences

	facts   []drivers.Output // what the engine measures
	known   bool             // facts are
	outputs []*outputDraft   // the tables of its outputs
	byName  map[string]*outputDraft
	hidden  []string // outputs that only leaves out, without a table, that others are derived from
}

// polled reports whether the agent asks the sensor, which does not speak by
// itself.
func (d *draft) polled() bool {
	if d.Engine.Kind == catalog.Local && !d.known {
		facts, _ := catalog.Check(d.Spec()) // what is wrong with the options is reported elsewhere
		return !facts.Speaks
	}
	return d.Engine.Kind != catalog.Serial && !d.Speaks
}

// sensors reads every [[sensor]], then checks each against its engine and all
// against each other.
func (l *loader) sensors(t *toml.Node) {
	l.finishBuses()
	if t == nil {
		return
	}
	if t.Kind != toml.Tables {
		l.add(l.line(t), "sensor", fault{"is " + t.Kind.String(), "write [[sensor]], with two brackets, once for each sensor"})
		return
	}
	drafts := make([]*draft, len(t.Items))
	for i, table := range t.Items {
		drafts[i] = l.readSensor(i, table)
	}
	l.conflicts(drafts)
	l.groups(drafts)
	for _, d := range drafts {
		l.finishSensor(d)
	}
	channels := l.settleOutputs(drafts)
	for _, d := range drafts {
		l.cfg.Sensors = append(l.cfg.Sensors, d.Sensor)
	}
	if channels > frame.MaxChannels {
		l.add(l.line(t), "sensor", fault{
			fmt.Sprintf("all sensors together have %d outputs, derived ones and aggregates included", channels),
			fmt.Sprintf("the most is %d", frame.MaxChannels),
		})
	}
}

// fail reports a problem of a sensor at the key that it concerns, or at the
// sensor's header when the key is not there.
func (l *loader) fail(d *draft, key string, f fault) {
	d.broken = true
	if n := d.table.Fields[key]; n != nil {
		at := l.at(n)
		if k := findKey(optionKeys(&d.Engine), key); k != nil && k.secret {
			at.shown = ""
		}
		l.add(at, d.label+"."+key, f)
		return
	}
	path := d.label
	if key != "" {
		path += "." + key
	}
	l.add(l.line(d.table), path, f)
}

// readSensor reads one [[sensor]].
func (l *loader) readSensor(i int, t *toml.Node) *draft {
	d := &draft{table: t, label: "sensor[" + strconv.Itoa(i+1) + "]"}
	if n := t.Fields["name"]; n != nil && n.Kind == toml.Text && n.Text != "" {
		d.label = "sensor[" + toml.Shorten(n.Text) + "]"
	}
	for j := range sensorKeys {
		k := &sensorKeys[j]
		if k.Default != "" {
			setDefault(k, target{sensor: &d.Sensor})
		}
		n := t.Fields[k.Path]
		if n != nil && n.Kind == toml.Table && mayBeOutput(k.Path) {
			continue // options tells
		}
		if n != nil && !l.put(k, join(d.label, k.Path), l.at(n), n, target{sensor: &d.Sensor}) {
			d.broken = true
		}
	}
	if t.Fields["name"] == nil {
		l.fail(d, "name", fault{"is missing", `add name = "greenhouse", or whatever it measures`})
	}
	l.findEngine(d)
	l.options(d)
	l.sensorCredentials(d)
	return d
}

// findEngine resolves the sensor's use.
func (l *loader) findEngine(d *draft) {
	use := d.table.Fields["use"]
	switch {
	case use == nil:
		l.fail(d, "use", fault{"is missing", `name the engine or profile that reads it, as in use = "bme280"`})
		return
	case use.Kind != toml.Text || l.broken["profile."+d.Use]: // reported already
		d.broken = true
		return
	}
	engine, ok := l.engines[d.Use] // a shipped profile is compiled only once
	if !ok {
		engine, ok = catalog.Lookup(d.Use, l.cfg.Profiles)
	}
	if !ok {
		names := catalog.Names(l.cfg.Profiles)
		cure := didYouMean(d.Use, names)
		if cure == "" {
			cure = "telhub profiles lists the profiles that there are; describe the chip in [profile." + toml.Shorten(d.Use) + "]"
		}
		l.fail(d, "use", fault{"is neither an engine nor a profile", cure})
		return
	}
	d.Engine = engine
	l.engines[d.Use] = engine
}

// foreign says why a key of sensors has no meaning for one of the other kind.
func foreign(key string, e *catalog.Engine) string {
	switch {
	case e.Kind == catalog.Local && (key == "bus" || key == "port" || key == "mode" || key == "addr"):
		return e.Name + " asks the kernel, it is on no bus"
	case key == "addr" && e.Units:
		return e.Name + " has a number on its bus instead of an address: unit_id"
	case key == "addr" && e.Kind != catalog.I2C:
		return e.Name + " reads a serial port, which has no addresses"
	case (key == "port" || key == "mode") && e.Kind == catalog.I2C:
		return e.Name + " is read over an I2C bus"
	case key == "unit_id" && !e.Units:
		return e.Name + " speaks no Modbus"
	}
	return ""
}

// options reads what is left of the table: the engine's own keys.
func (l *loader) options(d *draft) {
	var own []Key
	if d.Engine.Name != "" {
		own = optionKeys(&d.Engine)
		d.Options = defaults(own)
	}
	for _, name := range d.table.Keys {
		n := d.table.Fields[name]
		if n.Kind == toml.Table && l.optionTable(d, own, name, n) {
			continue
		}
		if k := findKey(own, name); k != nil && k.Type == Channels {
			d.Options[name] = l.channels(d, k, n)
			continue
		} else if k != nil {
			v, f := k.parse(n)
			if !f.ok() {
				l.fail(d, name, f)
				continue
			}
			if k.secret {
				v = Secret(v.(string))
			}
			d.Options[name] = v
			continue
		}
		if findKey(sensorKeys, name) == nil {
			l.unknownOption(d, own, name, n)
		} else if why := foreign(name, &d.Engine); d.Engine.Name != "" && why != "" {
			l.fail(d, name, fault{why, "delete the line"})
		}
	}
}

// optionTable takes a table that concerns an output, which goes before a key
// of the same name that takes no table. It reports whether it is done with it.
func (l *loader) optionTable(d *draft, own []Key, name string, t *toml.Node) bool {
	option, common := findKey(own, name), findKey(sensorKeys, name)
	switch {
	case option != nil && option.Type == Channels:
		return false
	case common != nil && !mayBeOutput(name):
		return true // reported already
	case d.Engine.Name == "" && common == nil:
		return true // nobody can tell
	case d.Engine.Name != "" && (option == nil && common == nil || d.mayMeasure(name)):
		l.readOutput(d, name, t)
		return true
	case common != nil:
		l.fail(d, name, common.wrongType(t))
		return true
	}
	return false
}

// mayBeOutput tells the keys of sensors whose names outputs have, too, as
// nmea's mode.
func mayBeOutput(key string) bool { return key == "mode" || key == "group" || key == "priority" }

// unknownOption reports a key that the sensor's engine does not know. Without
// an engine nobody can tell, and its absence is reported anyway.
func (l *loader) unknownOption(d *draft, own []Key, name string, n *toml.Node) {
	if d.Engine.Name == "" {
		return
	}
	path := d.label + "." + toml.Shorten(name)
	candidates := append(pathsOf(sensorKeys), pathsOf(own)...)
	cure := ""
	if len(l.problems) > problem.Max {
		// Further ones are only counted.
	} else if n.Kind == toml.Tables {
		cure = "for an output write [sensor." + toml.Shorten(name) + "], with single brackets"
	} else if d.mayMeasure(name) {
		cure = "write a table for the output, as in " + name + " = { offset = -0.4 }"
	} else if near := spell.Nearest(name, candidates); near != "" {
		cure = "did you mean " + near + "?"
	} else if findKey(outputKeys, name) != nil {
		cure = d.outputKeyCure(name)
	} else if len(own) > 0 {
		cure = d.Engine.Name + " has the options " + strings.Join(pathsOf(own), ", ")
	} else {
		cure = d.Engine.Name + " has no options of its own"
	}
	d.broken = true
	l.add(l.line(n), path, fault{"unknown key", cure})
}

// outputKeyCure says where a key of outputs belongs that stands among those of
// the sensor.
func (d *draft) outputKeyCure(key string) string {
	example := "NAME"
	if outputs := d.likelyOutputs(); len(outputs) > 0 {
		example = outputs[0]
	}
	return "it is a key of outputs: write it below [sensor." + example + "], or as " + example + "." + key + " = …"
}

// mayMeasure reports whether the engine, with the options read so far, has an
// output of this name.
func (d *draft) mayMeasure(name string) bool { return slices.Contains(d.likelyOutputs(), name) }

// likelyOutputs names what the engine measures with the options read so far.
func (d *draft) likelyOutputs() []string {
	spec := d.Spec()
	if spec.Addr == 0 && len(d.Engine.Addrs) > 0 {
		spec.Addr = d.Engine.Addrs[0]
	}
	facts, _ := catalog.Check(spec) // what is wrong with the options is reported elsewhere
	return names(facts.Outputs)
}

// optionTypes translates the catalog's types.
var optionTypes = [...]Type{
	catalog.Text: Text, catalog.Choice: Choice, catalog.Int: Int, catalog.Float: Float, catalog.Bool: Bool,
	catalog.Duration: Duration, catalog.Texts: Texts, catalog.Channels: Channels, catalog.File: Text, catalog.Secret: Text,
}

// optionKeys gives an engine's options as keys.
func optionKeys(e *catalog.Engine) []Key {
	keys := make([]Key, len(e.Options))
	for i, o := range e.Options {
		keys[i] = Key{
			Path: o.Name, Type: optionTypes[o.Type], Default: o.Default, Unit: o.Unit,
			Min: o.Min, Max: o.Max, Allowed: o.Allowed, Doc: o.Doc, Example: o.Example,
			check: checkPlain, secret: o.Type == catalog.Secret,
		}
		if o.Type == catalog.File {
			keys[i].check = checkPath
		}
	}
	return keys
}

// defaults gives the options that have one.
func defaults(keys []Key) catalog.Options {
	o := make(catalog.Options)
	for i := range keys {
		k := &keys[i]
		if k.Default == "" {
			continue
		}
		v, f := k.parse(&toml.Node{Kind: toml.Untyped, Text: k.Default})
		if !f.ok() {
			panic("config: default of option " + k.Path + ": " + f.Msg)
		}
		o[k.Path] = v
	}
	return o
}
