package agent

import (
	"fmt"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/agent/process"
	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/agent/process/expr"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// processing is what the configuration does with channels, by their index in
// the schema.
type processing struct {
	channels []process.Channel
	inputs   map[int][]string // derived channel → names of its inputs
	names    map[string]int   // channel name → index
	drive    map[int][]string // channel → indicators of its alarm
	classes  []frame.Class
	any      bool // something is done with some channel
	alarms   bool // some channel has an alarm
}

// channels gives a sensor's outputs their places in the schema: those that the
// driver measures, those that are derived, and the aggregates of both.
func (p *plan) channels(s *config.Sensor, outputs []drivers.Output) (sensorInfo, error) {
	info := sensorInfo{conf: s, channels: make([]int, len(outputs))}
	group := p.group()
	sensor := int(group)
	for i, out := range outputs {
		conf := s.Output(out.Name)
		info.channels[i] = -1
		if conf == nil && !s.Keeps(out.Name) {
			continue
		}
		var err error
		if info.channels[i], err = p.channel(&info, conf, out, group, sensor); err != nil {
			return info, err
		}
	}
	for i := range s.Outputs {
		conf := &s.Outputs[i]
		if !conf.Derived() {
			continue
		}
		if _, err := p.channel(&info, conf, drivers.Output{Name: conf.Name}, group, sensor); err != nil {
			return info, err
		}
	}
	p.aggregates(&info, sensor)
	return info, nil
}

// channel adds one channel; conf is nil when nothing is done with it.
func (p *plan) channel(info *sensorInfo, conf *config.Output, out drivers.Output, group uint16, sensor int) (int, error) {
	pc := process.Channel{Name: info.conf.Name + "/" + out.Name, Sensor: sensor}
	x := &p.process
	at := len(p.schema.Channels)
	if conf != nil {
		out.Unit, out.Resolution = conf.Unit, conf.Resolution
		if err := compile(&pc, conf); err != nil {
			return 0, fmt.Errorf("sensor %s: %s: %w", info.conf.Name, conf.Name, err)
		}
		if conf.Derived() {
			x.derive(at, conf.Inputs)
		}
		if conf.Alarm != nil {
			x.drive[at], x.alarms = conf.Alarm.Drive, true
		}
		x.any = true
	}
	every := info.conf.Period
	if conf != nil && conf.Every > 0 {
		every = conf.Every
	}
	p.add(info, pc, out, group, every)
	return at, nil
}

// add appends a channel to the schema and to what is processed.
func (p *plan) add(info *sensorInfo, pc process.Channel, out drivers.Output, group uint16, every time.Duration) {
	x := &p.process
	at := len(p.schema.Channels)
	class := frame.Normal
	if info.conf.High() {
		class = frame.High
	}
	x.names[pc.Name] = at
	x.channels, x.classes = append(x.channels, pc), append(x.classes, class)
	p.schema.Channels = append(p.schema.Channels, frame.Channel{Name: pc.Name, Unit: out.Unit, Resolution: out.Resolution, Group: group})
	if !pc.Send.Never {
		info.shown = append(info.shown, shown{out, at, pc.Chain != nil, every})
	}
}

// compile makes what the configuration has checked.
func compile(pc *process.Channel, conf *config.Output) (err error) {
	if conf.Derived() {
		if pc.Value, err = expr.Compile(conf.Value); err != nil {
			return err
		}
		pc.Value.SetPeriod(conf.Period)
	}
	if len(conf.Steps) > 0 {
		if pc.Chain, err = chain.Compile(conf.Steps, conf.Info); err != nil {
			return err
		}
	}
	pc.Send, pc.Alarm = conf.Send, conf.Alarm
	return nil
}

// aggregates adds the channels that carry a sensor's aggregates. Those of one
// output and window share their stamps.
func (p *plan) aggregates(info *sensorInfo, sensor int) {
	for i := range info.conf.Outputs {
		conf := &info.conf.Outputs[i]
		from := p.process.names[info.conf.Name+"/"+conf.Name]
		var group uint16
		for k := range conf.Aggregates {
			a := &conf.Aggregates[k]
			if k == 0 || a.Window != conf.Aggregates[k-1].Window {
				group = p.group()
			}
			owner := &p.process.channels[from]
			owner.Aggregates = append(owner.Aggregates, process.Aggregate{Of: a.Of, Window: a.Window, Channel: len(p.schema.Channels)})
			pc := process.Channel{Name: info.conf.Name + "/" + a.Name, Sensor: sensor}
			p.add(info, pc, drivers.Output{Name: a.Name, Unit: a.Unit, Resolution: a.Resolution}, group, a.Window)
		}
	}
}

func (x *processing) derive(channel int, inputs []string) {
	if x.inputs == nil {
		x.inputs = make(map[int][]string)
	}
	x.inputs[channel] = inputs
}

// resolve finds the inputs of derived channels, which may belong to sensors
// that come later in the file.
func (x *processing) resolve() error {
	for channel, names := range x.inputs {
		for _, name := range names {
			in, ok := x.names[name]
			if !ok {
				return fmt.Errorf("%s: there is no channel %s", x.channels[channel].Name, name)
			}
			x.channels[channel].Inputs = append(x.channels[channel].Inputs, in)
		}
	}
	return nil
}

// newEngine makes what processes samples, if anything is to be done with them.
func (p *plan) newEngine() (err error) {
	p.latest = pipeline.NewLatest(len(p.schema.Channels), int64(historyStep))
	if err := p.process.resolve(); err != nil || !p.process.any {
		return err
	}
	p.engine, err = process.New(process.Plan{
		Channels: p.process.channels, Observe: p.latest.Observe,
		OnAlarm: func(channel int, from, to drivers.Alarm) { p.onAlarm(channel, from, to) },
	})
	return err
}

// counters returns the states of integrals and totals; none without any.
func (p *plan) counters() []process.Counter {
	if p.engine == nil {
		return nil
	}
	return p.engine.AppendCounters(nil)
}

// historyStep is how far apart the points of a channel's sparkline are.
const historyStep = 5 * time.Second
