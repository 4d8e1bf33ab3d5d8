package agent

import (
	"fmt"
	"io"

	"periph.io/x/conn/v3/i2c"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/metrics"
	"github.com/telhub/telhub/agent/pipeline"
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
	outputs  []drivers.Output
	channels []int // output → index in the schema, -1: not sent
}

// build makes drivers and plans. It touches no device: a sensor's Init, called
// by its bus's owner, is the first transaction.
func build(cfg *config.Config, open Openers, reg *metrics.Registry) (*plan, error) {
	p := &plan{}
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
	return p, nil
}

// addBus plans an I2C bus and its sensors.
func (p *plan) addBus(cfg *config.Config, b *config.Bus, open Openers, reg *metrics.Registry) error {
	a := &adapter{path: b.Path, open: func() (I2C, error) { return open.i2c(b.Path, b.Timeout) }}
	bp := pipeline.BusPlan{Name: b.Name, Reopen: a.Reopen}
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
	info := p.channels(s, dev.Outputs())
	label := metrics.Label{Name: "sensor", Value: s.Name}
	return pipeline.Polled{
		Name: s.Name, Use: s.Use, Sensor: dev, Every: s.Every, Channels: info.channels,
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
		info := p.channels(s, stream.Outputs())
		sp := pipeline.StreamPlan{Name: s.Name, Use: s.Use, Port: l, Stream: stream, Channels: info.channels}
		if s.Every > 0 {
			sp.Stale = 3 * s.Every
		}
		p.streams = append(p.streams, sp)
		*infos = append(*infos, info)
		p.openers = append(p.openers, l)
	}
	return nil
}

// channels gives a sensor's outputs their places in the schema.
func (p *plan) channels(s *config.Sensor, outputs []drivers.Output) sensorInfo {
	info := sensorInfo{conf: s, outputs: outputs, channels: make([]int, len(outputs))}
	group := uint16(len(p.schemaGroups()))
	for i, out := range outputs {
		info.channels[i] = -1
		if !wanted(s.Only, out.Name) {
			continue
		}
		info.channels[i] = len(p.schema.Channels)
		p.schema.Channels = append(p.schema.Channels, frame.Channel{
			Name: s.Name + "/" + out.Name, Unit: out.Unit, Resolution: out.Resolution, Group: group,
		})
	}
	return info
}

// schemaGroups returns the groups in use, one a sensor.
func (p *plan) schemaGroups() map[uint16]bool {
	groups := make(map[uint16]bool)
	for _, c := range p.schema.Channels {
		groups[c.Group] = true
	}
	return groups
}

func wanted(only []string, name string) bool {
	if len(only) == 0 {
		return true
	}
	for _, o := range only {
		if o == name {
			return true
		}
	}
	return false
}

// engineKind names what a sensor's bus is, for people.
func engineKind(s *config.Sensor) string {
	if s.Engine.Kind == catalog.I2C {
		return fmt.Sprintf("address 0x%02x of bus %s", s.Addr, s.Bus)
	}
	return "port " + s.Bus
}
