package config

import (
	"errors"
	"strconv"
	"time"

	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/agent/process/expr"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/internal/toml"
)

// outputDraft is an output's table being read: what is known of it and where
// it stands.
type outputDraft struct {
	Output
	owner  *draft
	path   string        // "sensor[greenhouse].temperature"
	table  *toml.Node    // nil: the file has none, others are derived from it
	prog   *expr.Program // of Value
	unit   string        // as written
	origin []string      // for each step the key that it came from
	broken bool          // something is wrong: do not complain about consequences

	inputs  []source // for each of Inputs
	sensors []*draft // whose readings bring it values
	used    bool     // others are derived from it
	mark    mark     // of the search for cycles

	settled bool // Every, Unit and Resolution are known
}

// failOutput reports a problem of an output at the key that it concerns, or at the
// table's header when the key is not there.
func (l *loader) failOutput(o *outputDraft, key string, f fault) {
	o.broken = true
	if n, found := o.table.Find(key); found && key != "" {
		l.add(l.at(n), join(o.path, key), f)
		return
	}
	l.add(l.line(o.table), join(o.path, key), f)
}

// readOutput reads the table of one output.
func (l *loader) readOutput(d *draft, name string, t *toml.Node) {
	o := &outputDraft{owner: d, table: t, path: d.label + "." + toml.Shorten(name), Output: Output{Name: name}}
	if l.misplacedTable(o) {
		return
	}
	d.outputs = append(d.outputs, o)
	if d.byName == nil {
		d.byName = make(map[string]*outputDraft)
	}
	d.byName[name] = o
	for _, key := range t.Keys {
		n, k := t.Fields[key], findKey(outputKeys, key)
		switch {
		case k == nil:
			o.broken = true
			l.add(l.line(n), join(o.path, toml.Shorten(key)), fault{"unknown key", outputKeyCure(key)})
		case key == "send":
			l.readSend(o, n)
		case key == "alarm":
			l.readAlarm(o, n)
		case key == "aggregate":
			l.readAggregates(o, n)
		default:
			l.readStep(o, k, n)
		}
	}
}

// misplacedTable reports a table that cannot be an output's: a key of outputs
// among those of the sensor, or one that names the sensor, as in
// [sensor.greenhouse.temperature].
func (l *loader) misplacedTable(o *outputDraft) (found bool) {
	if o.table.Fields["value"] != nil || o.owner.mayMeasure(o.Name) {
		return false
	}
	if findKey(outputKeys, o.Name) != nil {
		o.owner.broken = true
		l.add(l.line(o.table), o.path, fault{"unknown key", o.owner.outputKeyCure(o.Name)})
		return true
	}
	for _, key := range o.table.Keys {
		n := o.table.Fields[key]
		if n.Kind != toml.Table || findKey(outputKeys, key) != nil {
			continue
		}
		found, o.owner.broken = true, true
		l.add(l.line(n), join(o.path, toml.Shorten(key)), fault{
			"unknown section",
			"an output's table leaves the sensor's name out: write [sensor." + toml.Shorten(key) + "], below the [[sensor]] that it belongs to",
		})
	}
	return found
}

// misplacedOutput maps keys that stand elsewhere, or are called otherwise by
// other programs.
var misplacedOutput = map[string]string{
	"multiply": "write scale", "gain": "write scale", "factor": "write scale", "multiplier": "write scale",
	"expression": "write value", "formula": "write value", "lambda": "write value", "template": "write value",
	"calibration": "write calibrate", "unit_of_measurement": "write unit",
	"deadband": "write send = { change = 0.1 }", "delta": "write send = { change = 0.1 }", "heartbeat": `write send = { every = "5m" }`,
	"precision": `write filter = "round 1" for one decimal`, "accuracy_decimals": `write filter = "round 1" for one decimal`,
	"decimals":   `write filter = "round 1" for one decimal`,
	"hysteresis": "write alarm = { high = 35, clear = 33 }: it is raised at high and cleared at clear",
	"threshold":  "write alarm = { high = 35 }, or low",

	"alarm.hysteresis": "write clear, the value at which it is cleared", "alarm.deadband": "write clear, the value at which it is cleared",
	"alarm.above": "write high", "alarm.max": "write high", "alarm.hi": "write high",
	"alarm.below": "write low", "alarm.min": "write low", "alarm.lo": "write low",
	"alarm.delay": "write for", "alarm.duration": "write for", "alarm.severity": "write level", "alarm.priority": "write level",
	"alarm.timeout": "write stale", "alarm.output": "write drive", "alarm.gpio": "define an [indicator.NAME], and name it in drive",

	"send.delta": "write change", "send.deadband": "write change", "send.interval": "write every", "send.heartbeat": "write every", "send.max": "write every",
	"aggregate.period": "write window", "aggregate.every": "write window", "aggregate.function": "write of", "aggregate.stats": "write of",

	"min": "write valid = [min, max] for limits, filter for the smallest of a window, or aggregate for a channel of its own",
	"max": "write valid = [min, max] for limits, filter for the largest of a window, or aggregate for a channel of its own",
}

func outputKeyCure(key string) string {
	if cure := misplacedOutput[key]; cure != "" {
		return cure
	}
	for i := range outputKeys { // a key of an inner table outside of it
		if section, name := splitPath(outputKeys[i].Path); name == key && section != "" {
			return "it belongs into " + section + " = { … }"
		}
	}
	if _, err := chain.ParseFilter(key + " 5"); err == nil {
		return `write filter = "` + key + ` 5"`
	}
	if _, err := chain.ParseFilter(key + " 5s"); err == nil {
		return `write filter = "` + key + ` 5s"`
	}
	return didYouMean(key, plainNames(outputKeys))
}

// plainNames lists the keys that stand in the table itself.
func plainNames(keys []Key) []string {
	var names []string
	for i := range keys {
		if section, name := splitPath(keys[i].Path); section == "" {
			names = append(names, name)
		}
	}
	return names
}

// readStep takes a key that is one step or several, or says what a derived
// output is.
func (l *loader) readStep(o *outputDraft, k *Key, n *toml.Node) {
	v, f := k.parse(n)
	if f.ok() && k.Path == "filter" {
		l.filters(o, v.([]string))
		return
	}
	if f.ok() {
		f = o.take(k.Path, v)
	}
	if f.ok() && k.Path == "value" {
		f = o.compile()
	}
	if !f.ok() {
		l.unsure = l.unsure || k.Path == "value"
		l.failOutput(o, k.Path, f)
	}
}

// take puts the value of a key where it belongs.
func (o *outputDraft) take(key string, v any) (f fault) {
	switch key {
	case "offset":
		o.step(key, chain.Spec{Op: chain.Offset, Args: []float64{v.(float64)}})
	case "scale":
		if v.(float64) == 0 {
			return fault{"makes every value 0", "write the factor"}
		}
		o.step(key, chain.Spec{Op: chain.Scale, Args: []float64{v.(float64)}})
	case "calibrate":
		o.step(key, v.(chain.Spec))
	case "unit":
		o.unit = v.(string)
		o.step(key, chain.Spec{Op: chain.Convert, Unit: o.unit})
	case "valid":
		if p := v.([]float64); p[0] >= p[1] {
			return fault{"has its limits the wrong way round, or no value between them", "write the smallest first, then the largest"}
		}
		o.step(key, chain.Spec{Op: chain.Valid, Args: v.([]float64)})
	case "max_rate":
		if v.(float64) <= 0 {
			return fault{"must be more than 0", "write the fastest change a second that can be true"}
		}
		o.step(key, chain.Spec{Op: chain.Rate, Args: []float64{v.(float64)}})
	case "value":
		o.Value = v.(string)
	case "resolution":
		o.Resolution = v.(float64)
	}
	return fault{}
}

func (o *outputDraft) step(key string, s chain.Spec) {
	o.Steps, o.origin = append(o.Steps, s), append(o.origin, key)
}

func (l *loader) filters(o *outputDraft, list []string) {
	for _, text := range list {
		s, err := chain.ParseFilter(text)
		if err != nil {
			l.failOutput(o, "filter", fault{err.Error(), ""})
			continue
		}
		o.step("filter", s)
	}
}

// inner reads a table within an output's table, keys of which are described
// as section.key. take gets each value that is right by itself.
func (l *loader) inner(o *outputDraft, section, path string, t *toml.Node, take func(key string, v any)) {
	for _, name := range t.Keys {
		n, k := t.Fields[name], findKey(outputKeys, section+"."+name)
		at := join(path, toml.Shorten(name))
		if k == nil {
			var names []string
			for i := range outputKeys {
				if in, key := splitPath(outputKeys[i].Path); in == section {
					names = append(names, key)
				}
			}
			o.broken = true
			cure := misplacedOutput[section+"."+name]
			if cure == "" {
				cure = didYouMean(name, names)
			}
			l.add(l.line(n), join(o.path, at), fault{"unknown key", cure})
			continue
		}
		v, f := k.parse(n)
		if !f.ok() {
			o.broken = true
			l.add(l.at(n), join(o.path, at), f)
			continue
		}
		take(name, v)
	}
}

// notATable reports a value where a table belongs.
func (l *loader) notATable(o *outputDraft, key string, n *toml.Node) {
	k := findKey(outputKeys, key)
	l.failOutput(o, key, fault{"is " + n.Kind.String(), "write a table, as in " + key + " = " + k.Example})
}

// readSend reads send = false or send = { change, every }.
func (l *loader) readSend(o *outputDraft, n *toml.Node) {
	if n.Kind == toml.Bool && !n.Bool {
		o.Send.Never = true
		return
	}
	if n.Kind == toml.Bool {
		l.failOutput(o, "send", fault{"is the default", "delete the line, or write false, or a table such as { change = 0.1 }"})
		return
	}
	if n.Kind != toml.Table {
		l.notATable(o, "send", n)
		return
	}
	l.inner(o, "send", "send", n, func(key string, v any) {
		switch key {
		case "change":
			o.Send.Change = v.(float64)
		case "every":
			o.Send.Every = v.(time.Duration)
		}
	})
	if s := o.Send; !o.broken && s.Change == 0 && s.Every == 0 {
		f := fault{"says nothing", `write how much must change, how often a value is sent at least, or both: send = { change = 0.1, every = "5m" }`}
		if n.Fields["change"] != nil {
			f = fault{"has a change of 0, which needs every", `write the largest change that does not matter, or add every = "5m"`}
		}
		l.failOutput(o, "send", f)
	}
}

// compile reads the expression of a derived output.
func (o *outputDraft) compile() fault {
	p, err := expr.Compile(o.Value)
	if err != nil {
		return inExpression(err)
	}
	o.prog = p
	if len(p.Refs()) == 0 {
		return fault{"uses no output, so it is never computed", `name one, as in value = "temperature * 1.8 + 32"`}
	}
	return fault{}
}

// inExpression gives an expression's error as ours.
func inExpression(err error) fault {
	var e *expr.Error
	if errors.As(err, &e) {
		return fault{"column " + strconv.Itoa(e.Pos+1) + ": " + e.Msg, e.Cure}
	}
	return fault{err.Error(), ""}
}

// names lists the outputs of an engine.
func names(outputs []drivers.Output) []string {
	list := make([]string, len(outputs))
	for i := range outputs {
		list[i] = outputs[i].Name
	}
	return list
}
