package agent

import (
	"fmt"
	"io"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/metrics"
	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/drivers/link"
	"github.com/telhub/telhub/drivers/serial"
)

// wire is the transport of devices that are asked: a serial port or a TCP
// connection that need not be there when the agent starts. The bus's owner
// goroutine uses it.
type wire interface {
	link.Port
	opener
}

var (
	_ wire = (*line)(nil)
	_ wire = (*link.TCP)(nil)
)

// newWire makes a bus's transport. It opens nothing.
func newWire(b *config.Bus) (wire, error) {
	if b.TCP != "" {
		return link.NewTCP(b.TCP), nil
	}
	return newLine(b)
}

// newLink makes the master of a bus, and its transport. trace is nil but for
// single readings.
func newLink(b *config.Bus, trace *Trace) (*link.Link, wire, error) {
	w, err := newWire(b)
	if err != nil {
		return nil, nil, err
	}
	if trace != nil {
		w = &tracedWire{w, trace}
	}
	l, err := link.New(w, link.Options{Name: "bus " + b.Name, Timeout: b.Timeout, Gap: gap(b), Echo: b.Echo})
	return l, w, err
}

// Silences between RTU frames (MODBUS over Serial Line V1.02, section 2.5.1.1):
// 3.5 characters of 11 bits, and never less than the first. The second is for
// lines behind a TCP server, whose speed is not known: 3.5 characters at 9600
// baud.
const (
	leastGap  = 1750 * time.Microsecond
	remoteGap = 4 * time.Millisecond
)

// gap is the silence before a request: the bus's own, or the one that the
// standard wants. What arrives in it, a frame that came twice, is thrown away.
func gap(b *config.Bus) time.Duration {
	switch {
	case b.Gap > 0 || b.TCP != "" && b.Framing != "rtu":
		return b.Gap
	case b.TCP != "":
		return remoteGap
	}
	m, err := serial.ParseMode(b.Mode)
	if err != nil {
		return leastGap
	}
	return max(leastGap, 77*time.Second/time.Duration(2*m.Baud))
}

// addLink plans a bus whose devices are asked, and its sensors.
func (p *plan) addLink(cfg *config.Config, b *config.Bus, reg *metrics.Registry) error {
	l, w, err := newLink(b, nil)
	if err != nil {
		return err
	}
	bp := pipeline.BusPlan{}
	if b.Port != "" {
		bp.Look = look(b.Port)
	}
	return p.addBus(cfg, b, w, bp, reg, func(s *config.Sensor) (drivers.Sensor, error) {
		return catalog.OpenAsked(l, linkSpec(b, s))
	})
}

// linkSpec is the sensor as the catalog opens it on b.
func linkSpec(b *config.Bus, s *config.Sensor) catalog.Spec {
	spec := s.Spec()
	if b.TCP != "" && b.Framing != "rtu" {
		spec.Frames = catalog.TCP
	}
	return spec
}

// nothing is the transport of what the kernel reads itself.
type nothing struct{}

func (nothing) Reopen() error { return nil }
func (nothing) Close() error  { return nil }

// held is what a sensor on no bus keeps for itself alone, as a GPIO line, which
// the next agent after a reload could not have: it is given back at the end.
type held struct{ io.Closer }

func (held) Reopen() error { return nil }

// localOpener is that of a sensor which the kernel reads.
func localOpener(s drivers.Sensor) opener {
	if c, ok := s.(io.Closer); ok {
		return held{c}
	}
	return nothing{}
}

// addLocals plans the sensors that are on no bus of ours. Each has a goroutine
// of its own: reading a file of sysfs may take a second, as 1-Wire does.
func (p *plan) addLocals(cfg *config.Config, open Openers, reg *metrics.Registry, infos *[]sensorInfo) error {
	for i := range cfg.Sensors {
		s := &cfg.Sensors[i]
		if s.Engine.Kind != catalog.Local {
			continue
		}
		d, err := catalog.OpenLocal(open.localSpec(s))
		if err != nil {
			return fmt.Errorf("sensor %s: %w", s.Name, err)
		}
		if d.Stream != nil {
			if err := p.speaker(s, d.Stream, d.Port, infos); err != nil {
				return err
			}
			p.openers = append(p.openers, d.Port)
			continue
		}
		polled, info, err := p.polled(s, d.Sensor, reg)
		if err != nil {
			return err
		}
		p.openers = append(p.openers, localOpener(d.Sensor))
		p.buses = append(p.buses, pipeline.BusPlan{Name: s.Name, Sensors: []pipeline.Polled{polled}, Jitter: jitter(reg, s.Name)})
		p.sensors = append(p.sensors, info)
	}
	return nil
}

// localSpec is a sensor on no bus as the catalog opens it.
func (o *Openers) localSpec(s *config.Sensor) catalog.Spec {
	spec := s.Spec()
	spec.Root = o.Root
	return spec
}

// rs485 is the direction control that a bus wants.
func rs485(b *config.Bus) serial.RS485 {
	r := serial.RS485{Before: b.RS485Before, After: b.RS485After}
	switch b.RS485 {
	case "rts-high":
		r.Send = serial.On
	case "rts-low":
		r.Send = serial.Off
	}
	return r
}

// ReadBefore implements link.Port.
func (l *line) ReadBefore(p []byte, deadline time.Time) (int, error) {
	if l.port == nil {
		return 0, l.err
	}
	return l.port.ReadBefore(p, deadline)
}

// Write implements link.Port.
func (l *line) Write(p []byte) (int, error) {
	if l.port == nil {
		return 0, l.err
	}
	return l.port.Write(p)
}

// Discard implements link.Port.
func (l *line) Discard() error {
	if l.port == nil {
		return l.err
	}
	return l.port.Discard()
}
