package agent

import (
	"fmt"
	"io"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/metrics"
	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/agent/process"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/uplink/frame"
)

// plan is what a configuration's buses and sensors come to.
type plan struct {
	schema  frame.Schema
	sensors []sensorInfo // in the order of pipeline.AppendSensors: buses' first, streams last
	buses   []pipeline.BusPlan
	streams []pipeline.StreamPlan
	openers []opener
	process processing
	groups  uint16 // of the schema, given out so far
	latest  *pipeline.Latest
	engine  *process.Engine // nil when nothing is done with any channel

	cut func(config.Power) (Lamp, error) // takes the line of a supply

	onAlarm func(channel int, from, to drivers.Alarm) // set before the engine runs
}

// opener is a bus that the agent opens when it starts, that its owner opens
// anew when it has to, and that the agent closes.
type opener interface {
	Reopen() error
	io.Closer
}

// sensorInfo is what the agent shows of a sensor besides its numbers.
type sensorInfo struct {
	conf     *config.Sensor
	channels []int // the driver's output → index in the schema, -1: nobody wants it
	shown    []shown
}

// shown is a channel of a sensor that is sent: measured, derived or aggregated.
type shown struct {
	drivers.Output               // as it is sent
	channel        int           // index in the schema
	processed      bool          // by steps: its raw value is another
	every          time.Duration // at most how far apart values are; 0 = not known
}

// build makes drivers and plans. It touches no device: a sensor's Init, called
// by its bus's owner, is the first transaction.
func build(cfg *config.Config, open Openers, reg *metrics.Registry) (*plan, error) {
	p := &plan{process: processing{names: make(map[string]int), drive: make(map[int][]string)}, cut: openCut}
	if open.Cut != nil {
		p.cut = open.Cut
	}
	var streams []sensorInfo
	for i := range cfg.Buses {
		b := &cfg.Buses[i]
		var err error
		switch b.Kind {
		case catalog.I2C:
			err = p.addAdapter(cfg, b, open, reg)
		case catalog.Link:
			err = p.addLink(cfg, b, reg)
		default:
			err = p.addStream(cfg, b, open, &streams)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := p.addLocals(cfg, open, reg, &streams); err != nil {
		return nil, err
	}
	p.sensors = append(p.sensors, streams...)
	if err := frame.CheckSchema(&p.schema); err != nil {
		return nil, err
	}
	return p, p.newEngine()
}

// addAdapter plans an I2C bus and its sensors.
func (p *plan) addAdapter(cfg *config.Config, b *config.Bus, open Openers, reg *metrics.Registry) error {
	a := newAdapter(b, open)
	bp := pipeline.BusPlan{Look: look(b.Path)}
	if b.Rebind && open.I2C == nil {
		bp.Steps = append(bp.Steps, pipeline.Step{Name: "rebind", Act: a.rebind})
	}
	return p.addBus(cfg, b, a, bp, reg, func(s *config.Sensor) (drivers.Sensor, error) {
		return catalog.OpenSensor(a, s.Spec())
	})
}

// addBus plans the sensors that share a bus; open makes one of them. bp has
// what is special to its kind.
func (p *plan) addBus(cfg *config.Config, b *config.Bus, o opener, bp pipeline.BusPlan, reg *metrics.Registry, open func(*config.Sensor) (drivers.Sensor, error)) error {
	bp.Name, bp.Reopen, bp.Jitter = b.Name, o.Reopen, jitter(reg, b.Name)
	for i := range cfg.Sensors {
		s := &cfg.Sensors[i]
		if s.Bus != b.Name {
			continue
		}
		dev, err := open(s)
		if err != nil {
			return fmt.Errorf("sensor %s: %w", s.Name, err)
		}
		polled, info, err := p.polled(s, dev, reg)
		if err != nil {
			return err
		}
		bp.Sensors = append(bp.Sensors, polled)
		p.sensors = append(p.sensors, info)
	}
	if len(bp.Sensors) == 0 {
		return nil
	}
	bp.Steps = p.addSupply(bp.Steps, b)
	p.buses = append(p.buses, bp)
	p.openers = append(p.openers, o)
	return nil
}

// addSupply plans what switches the supply of a bus's devices, if anything
// does. It is opened before the bus: the devices are to be there.
func (p *plan) addSupply(steps []pipeline.Step, b *config.Bus) []pipeline.Step {
	if b.Power.Chip == "" {
		return steps
	}
	s := &supply{bus: b.Name, conf: b.Power, open: p.cut}
	p.openers = append(p.openers, s)
	return append(steps, pipeline.Step{Name: "power", Act: s.cycle, Devices: true})
}

func jitter(reg *metrics.Registry, bus string) pipeline.Observer {
	return reg.Histogram("telemetry_bus_jitter_seconds", "By how much measurements began beside their instants.",
		metrics.DurationBuckets(), metrics.Label{Name: "bus", Value: bus})
}

func (p *plan) polled(s *config.Sensor, dev drivers.Sensor, reg *metrics.Registry) (pipeline.Polled, sensorInfo, error) {
	info, err := p.channels(s, dev.Outputs())
	if err != nil {
		return pipeline.Polled{}, sensorInfo{}, err
	}
	label := metrics.Label{Name: "sensor", Value: s.Name}
	return pipeline.Polled{
		Name: s.Name, Use: s.Use, Sensor: dev, Every: s.Every, Channels: info.channels,
		High: s.High(), Group: s.Group, Oversample: s.Oversample,
		ReadDuration: reg.Histogram("telemetry_sensor_read_duration_seconds",
			"How long a measurement took, conversion included.", metrics.DurationBuckets(), label),
		Lateness: reg.Histogram("telemetry_sensor_lateness_seconds",
			"How much after its instant a measurement began.", metrics.DurationBuckets(), label),
	}, info, nil
}

// addStream plans the device on a serial port.
func (p *plan) addStream(cfg *config.Config, b *config.Bus, open Openers, infos *[]sensorInfo) error {
	for i := range cfg.Sensors {
		s := &cfg.Sensors[i]
		if s.Bus != b.Name {
			continue
		}
		l, err := newLine(b)
		if err != nil {
			return err
		}
		spec := s.Spec()
		spec.Dry = open.dry
		stream, err := catalog.OpenStream(spec)
		if err != nil {
			return fmt.Errorf("sensor %s: %w", s.Name, err)
		}
		if err := p.speaker(s, stream, l, infos); err != nil {
			return err
		}
		sp := &p.streams[len(p.streams)-1]
		sp.Look, sp.Steps = look(l.path), p.addSupply(nil, b)
		p.openers = append(p.openers, l)
	}
	return nil
}

// speaker plans a device that speaks by itself.
func (p *plan) speaker(s *config.Sensor, stream drivers.Stream, port pipeline.Port, infos *[]sensorInfo) error {
	info, err := p.channels(s, stream.Outputs())
	if err != nil {
		return err
	}
	sp := pipeline.StreamPlan{Name: s.Name, Use: s.Use, Port: port, Stream: stream, Channels: info.channels, High: s.High()}
	if s.Every > 0 {
		sp.Stale = 3 * s.Every
	}
	p.streams = append(p.streams, sp)
	*infos = append(*infos, info)
	return nil
}

// group gives out a group of the schema: channels that share their stamps.
func (p *plan) group() uint16 {
	p.groups++
	return p.groups - 1
}

// engineKind names what a sensor's bus is, for people.
func engineKind(s *config.Sensor) string {
	switch {
	case s.Engine.Kind == catalog.I2C:
		return fmt.Sprintf("address 0x%02x of bus %s", s.Addr, s.Bus)
	case s.Engine.Kind == catalog.Local:
		return "whether the kernel has it: " + s.Use
	case s.Engine.Units:
		return fmt.Sprintf("unit_id %d of bus %s", s.Unit, s.Bus)
	}
	return "port " + s.Bus
}
