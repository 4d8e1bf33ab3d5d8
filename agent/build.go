package agent

import (
	"fmt"
	"io"
	"time"

	"periph.io/x/conn/v3/i2c"

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
	p := &plan{process: processing{names: make(map[string]int), drive: make(map[int][]string)}}
	var streams []sensorInfo
	for i := range cfg.Buses {
		b := &cfg.Buses[i]
		var err error
		if b.Kind == catalog.I2C {
			err = p.addBus(cfg, b, open, reg)
		} else {
			err = p.addStream(cfg, b, &streams)
		}
		if err != nil {
			return nil, err
		}
	}
	p.sensors = append(p.sensors, streams...)
	if err := frame.CheckSchema(&p.schema); err != nil {
		return nil, err
	}
	return p, p.newEngine()
}

// addBus plans an I2C bus and its sensors.
func (p *plan) addBus(cfg *config.Config, b *config.Bus, open Openers, reg *metrics.Registry) error {
	a := &adapter{path: b.Path, open: func() (I2C, error) { return open.i2c(b.Path, b.Timeout) }}
	bp := pipeline.BusPlan{Name: b.Name, Reopen: a.Reopen}
	bp.Jitter = reg.Histogram("telemetry_bus_jitter_seconds", "By how much measurements began beside their instants.",
		metrics.DurationBuckets(), metrics.Label{Name: "bus", Value: b.Name})
	for i := range cfg.Sensors {
		s := &cfg.Sensors[i]
		if s.Bus != b.Name {
			continue
		}
		polled, info, err := p.polled(s, a, reg)
		if err != nil {
			return err
		}
		bp.Sensors = append(bp.Sensors, polled)
		p.sensors = append(p.sensors, info)
	}
	if len(bp.Sensors) > 0 {
		p.buses = append(p.buses, bp)
		p.openers = append(p.openers, a)
	}
	return nil
}

func (p *plan) polled(s *config.Sensor, bus i2c.Bus, reg *metrics.Registry) (pipeline.Polled, sensorInfo, error) {
	dev, err := catalog.OpenSensor(bus, s.Spec())
	if err != nil {
		return pipeline.Polled{}, sensorInfo{}, fmt.Errorf("sensor %s: %w", s.Name, err)
	}
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
func (p *plan) addStream(cfg *config.Config, b *config.Bus, infos *[]sensorInfo) error {
	for i := range cfg.Sensors {
		s := &cfg.Sensors[i]
		if s.Bus != b.Name {
			continue
		}
		l, err := newLine(b)
		if err != nil {
			return err
		}
		stream, err := catalog.OpenStream(s.Spec())
		if err != nil {
			return fmt.Errorf("sensor %s: %w", s.Name, err)
		}
		info, err := p.channels(s, stream.Outputs())
		if err != nil {
			return err
		}
		sp := pipeline.StreamPlan{Name: s.Name, Use: s.Use, Port: l, Stream: stream, Channels: info.channels, High: s.High()}
		if s.Every > 0 {
			sp.Stale = 3 * s.Every
		}
		p.streams = append(p.streams, sp)
		*infos = append(*infos, info)
		p.openers = append(p.openers, l)
	}
	return nil
}

// group gives out a group of the schema: channels that share their stamps.
func (p *plan) group() uint16 {
	p.groups++
	return p.groups - 1
}

// engineKind names what a sensor's bus is, for people.
func engineKind(s *config.Sensor) string {
	if s.Engine.Kind == catalog.I2C {
		return fmt.Sprintf("address 0x%02x of bus %s", s.Addr, s.Bus)
	}
	return "port " + s.Bus
}
