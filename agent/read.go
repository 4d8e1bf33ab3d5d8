package agent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/agent/process/expr"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/catalog"
)

// ErrNoSensor: the configuration has no sensor of that name.
var ErrNoSensor = errors.New("no such sensor")

// The statuses of a ReadValue.
const (
	ReadOK      = "ok"
	ReadBad     = "bad"     // the device answered with something invalid, or the steps refuse the value
	ReadUnknown = "unknown" // more than one reading of this sensor is needed: others' values, or earlier ones
)

// ReadValue is what a single reading says of one output.
type ReadValue struct {
	Output string
	Status string

	Value      float64 // as its steps leave it, with ReadOK
	Unit       string
	Resolution float64

	Raw           float64 // as it was before the steps, where Stepped
	RawUnit       string
	RawResolution float64
	Stepped       bool // the configuration has steps for the output, and there is a raw value
}

// Read opens a sensor's bus, takes one reading and closes it again. A device
// that speaks by itself is listened to for at most wait. Each output's steps
// are carried out as for the very first value, and what is derived from this
// sensor alone is computed; the agent's own filters and counters are not asked.
func Read(ctx context.Context, cfg *config.Config, name string, wait time.Duration, open Openers) ([]ReadValue, error) {
	outputs, r, err := readOnce(ctx, cfg, name, wait, open)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(cfg.Sensors, func(s config.Sensor) bool { return s.Name == name })
	return single(&cfg.Sensors[i], outputs, r)
}

// single says what one reading comes to.
func single(s *config.Sensor, outputs []drivers.Output, r *drivers.Reading) (values []ReadValue, err error) {
	known := make(map[string]float64) // by channel: what derived outputs are computed from; NaN is bad
	for i, out := range outputs {
		if !r.Has(i) && !r.IsBad(i) {
			continue
		}
		v := ReadValue{Output: out.Name, Unit: out.Unit, Resolution: out.Resolution, Status: ReadOK, Value: r.Values[i]}
		if r.IsBad(i) {
			v.Status = ReadBad
		}
		if conf := s.Output(out.Name); conf != nil {
			if err := v.through(conf); err != nil {
				return nil, fmt.Errorf("sensor %s: %s: %w", s.Name, out.Name, err)
			}
		}
		known[s.Name+"/"+out.Name] = v.value()
		values = append(values, v)
	}
	return derive(s, values, known)
}

// value is what others are derived from: NaN where it is bad.
func (v *ReadValue) value() float64 {
	if v.Status != ReadOK {
		return math.NaN()
	}
	return v.Value
}

// through takes the value through the output's steps.
func (v *ReadValue) through(conf *config.Output) error {
	v.Unit, v.Resolution = conf.Unit, conf.Resolution
	v.Raw, v.RawUnit, v.RawResolution = v.Value, conf.Info.Unit, conf.Info.Resolution
	v.Stepped = len(conf.Steps) > 0 && v.Status == ReadOK
	steps, err := chain.Compile(conf.Steps, conf.Info)
	if err != nil || v.Status != ReadOK {
		return err
	}
	verdict := chain.Pass
	if v.Value, verdict = steps.Apply(v.Value, clock.Boottime()); verdict != chain.Pass {
		v.Status = ReadBad
	}
	return nil
}

// derive appends the derived outputs, in the order of the configuration. They
// can be derived from each other, so the pass over them is repeated until it
// finds nothing more.
func derive(s *config.Sensor, values []ReadValue, known map[string]float64) ([]ReadValue, error) {
	first := len(values)
	for i := range s.Outputs {
		if conf := &s.Outputs[i]; conf.Derived() {
			values = append(values, ReadValue{Output: conf.Name, Unit: conf.Unit, Resolution: conf.Resolution, Status: ReadUnknown})
		}
	}
	for again := true; again; {
		again = false
		for i := first; i < len(values); i++ {
			v, conf := &values[i], s.Output(values[i].Output)
			if v.Status != ReadUnknown {
				continue
			}
			if err := v.compute(conf, known); err != nil {
				return nil, fmt.Errorf("sensor %s: %s: %w", s.Name, v.Output, err)
			}
			if v.Status != ReadUnknown {
				known[s.Name+"/"+v.Output], again = v.value(), true
			}
		}
	}
	return values, nil
}

// compute evaluates a derived output as far as one reading allows. What a sum
// or a rate says needs more than that: with the same values a second later a
// rate has a value, and what is invalid still has none.
func (v *ReadValue) compute(conf *config.Output, known map[string]float64) error {
	p, err := expr.Compile(conf.Value)
	if err != nil || p.Stateful() {
		return err
	}
	in := make([]float64, len(conf.Inputs))
	for i, name := range conf.Inputs {
		x, ok := known[name]
		if !ok {
			return nil
		}
		in[i] = x
	}
	if slices.ContainsFunc(in, math.IsNaN) {
		v.Status = ReadBad
		return nil
	}
	var ok bool
	if v.Value, ok = p.Eval(in, 0); ok {
		v.Status = ReadOK
		return v.through(conf)
	}
	if _, later := p.Eval(in, int64(time.Second)); !later {
		v.Status = ReadBad
	}
	return nil
}

// readOnce takes a reading of the sensor called name.
func readOnce(ctx context.Context, cfg *config.Config, name string, wait time.Duration, open Openers) ([]drivers.Output, *drivers.Reading, error) {
	for i := range cfg.Sensors {
		s := &cfg.Sensors[i]
		if s.Name != name {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		if b := cfg.BusOf(s); b != nil && b.Power.Chip != "" {
			supply := &supply{conf: b.Power, open: openCut}
			_ = supply.Reopen() // an agent that runs has the line: then its devices are supplied
			defer supply.Close()
		}
		dev, close, err := openDevice(cfg.BusOf(s), s, open)
		if err != nil {
			return nil, nil, err
		}
		defer close()
		var outputs []drivers.Output
		var r *drivers.Reading
		if dev.Stream != nil {
			outputs, r, err = listen(ctx, &dev, s, cfg.BusOf(s), wait, open.trace)
		} else {
			outputs, r, err = poll(ctx, dev.Sensor)
		}
		if err != nil {
			err = fmt.Errorf("sensor %s: %w", name, err)
		}
		return outputs, r, err
	}
	return nil, nil, ErrNoSensor
}

// openDevice opens a sensor and the bus below it; close closes both.
func openDevice(b *config.Bus, s *config.Sensor, open Openers) (dev catalog.Device, close func() error, err error) {
	var o opener
	switch s.Engine.Kind {
	case catalog.I2C:
		a := newAdapter(b, open)
		o = a
		if open.trace != nil {
			dev.Sensor, err = catalog.OpenSensor(&tracedI2C{a, open.trace}, s.Spec())
		} else {
			dev.Sensor, err = catalog.OpenSensor(a, s.Spec())
		}
	case catalog.Link:
		l, w, lerr := newLink(b, open.trace)
		if lerr != nil {
			return dev, nil, lerr
		}
		o = w
		dev.Sensor, err = catalog.OpenAsked(l, linkSpec(b, s))
	case catalog.Serial:
		port, perr := newLine(b)
		if perr != nil {
			return dev, nil, perr
		}
		o, dev.Port = port, port
		dev.Stream, err = catalog.OpenStream(s.Spec())
	default:
		if dev, err = catalog.OpenLocal(open.localSpec(s)); dev.Port != nil {
			o = dev.Port
		} else {
			o = nothing{}
		}
	}
	if err != nil {
		return dev, nil, err
	}
	if open.trace != nil {
		open.trace.device(&dev, s.Spec())
	}
	if err := o.Reopen(); err != nil {
		if b != nil && b.Name != b.Port {
			err = fmt.Errorf("bus %s: %w", b.Name, err)
		}
		return dev, nil, fmt.Errorf("sensor %s: %w", s.Name, err)
	}
	return dev, o.Close, nil
}

// poll takes one reading of a sensor that is asked.
func poll(ctx context.Context, dev drivers.Sensor) ([]drivers.Output, *drivers.Reading, error) {
	if err := dev.Init(); err != nil {
		return nil, nil, err
	}
	r := &drivers.Reading{}
	for {
		again, err := dev.Read(r)
		switch {
		case errors.Is(err, drivers.ErrNotReady):
			r.Reset()
			again = max(again, 10*time.Millisecond)
		case err != nil:
			return nil, nil, err
		case again == 0:
			return dev.Outputs(), r, nil
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("no value in time: %w", ctx.Err())
		}
	}
}

// listen waits for one reading of a device that speaks by itself. b is nil for
// one on no bus.
func listen(ctx context.Context, dev *catalog.Device, s *config.Sensor, b *config.Bus, wait time.Duration, trace *Trace) ([]drivers.Output, *drivers.Reading, error) {
	r := &drivers.Reading{}
	buf, bytes := make([]byte, 4096), 0
	for ctx.Err() == nil {
		n, err := dev.Port.Read(buf)
		if errors.Is(err, drivers.ErrTimeout) {
			if dev.Stream.Idle(readTimeout, r) {
				return dev.Stream.Outputs(), r, nil
			}
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		bytes += n
		for p := buf[:n]; len(p) > 0; {
			k, done := dev.Stream.Feed(p, clock.Boottime(), r)
			if trace != nil {
				trace.hears(p[:k])
			}
			if done && !r.Empty() {
				return dev.Stream.Outputs(), r, nil
			}
			p = p[k:]
		}
	}
	return nil, nil, silence(dev, s, b, bytes, wait)
}

// silence says why listening gave no reading.
func silence(dev *catalog.Device, s *config.Sensor, b *config.Bus, bytes int, wait time.Duration) error {
	if b == nil {
		return fmt.Errorf("%s told nothing within %v", s.Use, wait)
	}
	if bytes == 0 {
		return fmt.Errorf("nothing came from %s within %v: check cable and power, and whether the device speaks by itself", b.Port, wait)
	}
	good, corrupt := dev.Stream.Counts()
	return fmt.Errorf("%d bytes came from %s within %v, but no reading: %d units were well-formed and %d corrupt; check mode = %q and the wiring",
		bytes, b.Port, wait, good, corrupt, b.Mode)
}
