package config_test

import (
	"testing"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/process"
	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/agent/process/expr"
	"github.com/telhub/telhub/drivers/catalog"
)

// planOf makes the plan of all channels as the agent does.
func planOf(t *testing.T, c *config.Config) process.Plan {
	t.Helper()
	var p process.Plan
	index := make(map[string]int)
	add := func(sensor int, name string) int {
		i := len(p.Channels)
		if other, taken := index[name]; taken {
			t.Errorf("channel %s is there twice, as %d and %d", name, other, i)
		}
		index[name] = i
		p.Channels = append(p.Channels, process.Channel{Name: name, Sensor: sensor})
		return i
	}
	for i := range c.Sensors {
		s := &c.Sensors[i]
		facts, err := catalog.Check(s.Spec())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range facts.Outputs {
			if s.Keeps(f.Name) || s.Output(f.Name) != nil {
				add(i, s.Name+"/"+f.Name)
			}
		}
		for k := range s.Outputs {
			o := &s.Outputs[k]
			if o.Derived() {
				add(i, s.Name+"/"+o.Name)
			}
			for _, a := range o.Aggregates {
				add(i, s.Name+"/"+a.Name)
			}
		}
	}
	for i := range c.Sensors {
		s := &c.Sensors[i]
		for k := range s.Outputs {
			fill(t, &p, index, s, &s.Outputs[k])
		}
	}
	return p
}

// fill hands what is configured for an output over to its channel.
func fill(t *testing.T, p *process.Plan, index map[string]int, s *config.Sensor, o *config.Output) {
	t.Helper()
	at, ok := index[s.Name+"/"+o.Name]
	if !ok {
		t.Fatalf("%s/%s is no channel", s.Name, o.Name)
	}
	ch := &p.Channels[at]
	ch.Send, ch.Alarm = o.Send, o.Alarm
	var err error
	if ch.Chain, err = chain.Compile(o.Steps, o.Info); err != nil {
		t.Errorf("%s: %v", ch.Name, err)
	} else if ch.Chain.Unit() != o.Unit || ch.Chain.Resolution() != o.Resolution {
		t.Errorf("%s: unit %q and resolution %v, want %q and %v", ch.Name, o.Unit, o.Resolution, ch.Chain.Unit(), ch.Chain.Resolution())
	}
	if o.Derived() {
		if ch.Value, err = expr.Compile(o.Value); err != nil {
			t.Errorf("%s: %v", ch.Name, err)
		}
	}
	for _, name := range o.Inputs {
		in, ok := index[name]
		if !ok {
			t.Errorf("%s: its input %s is no channel", ch.Name, name)
		}
		ch.Inputs = append(ch.Inputs, in)
	}
	for _, a := range o.Aggregates {
		ch.Aggregates = append(ch.Aggregates, process.Aggregate{Of: a.Of, Window: a.Window, Channel: index[s.Name+"/"+a.Name]})
	}
}

// engineOf is a check that what Parse accepts works.
func engineOf(t *testing.T, c *config.Config) {
	t.Helper()
	if _, err := process.New(planOf(t, c)); err != nil {
		t.Error(err)
	}
	for i := range c.Sensors {
		for k := range c.Sensors[i].Outputs {
			if a := c.Sensors[i].Outputs[k].Alarm; a != nil {
				if err := a.Check(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}
