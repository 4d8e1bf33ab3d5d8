package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/catalog"
)

// Trace tells what a reading was made of, for people.
type Trace struct {
	Transfers []Transfer          // everything that went over the bus, in order
	Basis     []string            // what the device says of the reading as a whole
	Outputs   map[string][]string // by output: each step of the arithmetic

	explain explainer
	spec    catalog.Spec
	heard   []byte // of a device that speaks by itself: all until the reading
}

// Transfer is one transaction of an I2C bus, or what was sent or came on a line.
type Transfer struct {
	Addr  uint16 // I2C; 0 on lines
	Write []byte // nil: nothing was written
	Read  []byte // nil: nothing was read
	Err   error
}

// mostTransfers and mostHeard bound what a device that chatters can leave.
const (
	mostTransfers = 1000
	mostHeard     = 4096
)

// explainer is a device that tells how its last reading came about.
type explainer interface {
	Basis() []string
	Explain(output int, r *drivers.Reading) []string
}

// ReadTraced is Read, and tells how the values came about. The trace is there
// after an error, too: with what went over the bus until then.
func ReadTraced(ctx context.Context, cfg *config.Config, name string, wait time.Duration, open Openers) ([]ReadValue, *Trace, error) {
	t := &Trace{Outputs: make(map[string][]string)}
	open.trace = t
	outputs, r, err := readOnce(ctx, cfg, name, wait, open)
	if err != nil {
		return nil, t, err
	}
	i := slices.IndexFunc(cfg.Sensors, func(s config.Sensor) bool { return s.Name == name })
	s := &cfg.Sensors[i]
	values, err := single(s, outputs, r)
	if err != nil {
		return nil, t, err
	}
	t.explainAll(s, outputs, r, values)
	return values, t, nil
}

func (t *Trace) add(x Transfer) {
	if len(t.Transfers) < mostTransfers {
		t.Transfers = append(t.Transfers, x)
	}
}

// device takes note of what may explain itself.
func (t *Trace) device(dev *catalog.Device, spec catalog.Spec) {
	t.spec = spec
	if dev.Stream != nil {
		t.explain, _ = dev.Stream.(explainer)
		return
	}
	t.explain, _ = dev.Sensor.(explainer)
}

// explainAll tells of each output how the device came to it and what the
// configuration made of it.
func (t *Trace) explainAll(s *config.Sensor, outputs []drivers.Output, r *drivers.Reading, values []ReadValue) {
	if t.explain != nil {
		t.Basis = t.explain.Basis()
	}
	if unit := t.unit(r); len(unit) > 0 {
		t.Transfers = []Transfer{{Read: unit}}
	}
	for i, out := range outputs {
		switch {
		case !r.Has(i) && !r.IsBad(i):
			continue
		case t.explain != nil:
			t.Outputs[out.Name] = t.explain.Explain(i, r)
		case r.Has(i):
			t.say(out.Name, "= %v %s", r.Values[i], out.Unit)
		default:
			t.say(out.Name, "bad")
		}
		if conf := s.Output(out.Name); conf != nil && r.Has(i) {
			t.steps(out.Name, conf, r.Values[i])
		}
	}
	for i := range values {
		if conf := s.Output(values[i].Output); conf != nil && conf.Derived() {
			t.say(conf.Name, "value = %q", conf.Value)
		}
	}
}

func (t *Trace) say(output, format string, args ...any) {
	t.Outputs[output] = append(t.Outputs[output], fmt.Sprintf(format, args...))
}

// steps tells what each step makes of v. Steps have a state, so each is shown
// by a chain of its own that ends with it.
func (t *Trace) steps(output string, conf *config.Output, v float64) {
	now := clock.Boottime()
	for i := range conf.Steps {
		c, err := chain.Compile(conf.Steps[:i+1], conf.Info)
		if err != nil {
			return // single has told
		}
		got, verdict := c.Apply(v, now)
		text := stepText(&conf.Steps[i])
		switch verdict {
		case chain.Pass:
			t.say(output, "%s → %v %s", text, got, c.Unit())
			continue
		case chain.Hold:
			t.say(output, "%s: held back", text)
		default:
			t.say(output, "%s: bad", text)
		}
		return
	}
}

// stepText names a step as the configuration does.
func stepText(s *chain.Spec) string {
	names := [...]string{"offset", "scale", "calibrate", "polynomial", "unit", "valid", "rate", "median", "mean", "min", "max",
		"ewma", "outlier", "throttle", "round", "step"}
	text := names[s.Op]
	if s.Unit != "" {
		text += " " + s.Unit
	}
	if len(s.Args) > 0 {
		text += fmt.Sprintf(" %v", s.Args)
	}
	if s.Count > 0 {
		text += fmt.Sprintf(" of %d", s.Count)
	}
	if s.Window > 0 {
		text += " over " + s.Window.String()
	}
	return text
}

// unit is the end of what was heard that alone makes the reading: the line,
// the telegram, the sentences.
func (t *Trace) unit(r *drivers.Reading) []byte {
	for n := 1; n <= len(t.heard); n++ {
		tail := t.heard[len(t.heard)-n:]
		if t.makes(tail, r) {
			return tail
		}
	}
	return t.heard
}

// makes reports whether p alone gives the reading.
func (t *Trace) makes(p []byte, want *drivers.Reading) bool {
	stream, err := catalog.OpenStream(t.spec)
	if err != nil {
		return false
	}
	var r drivers.Reading
	for len(p) > 0 {
		n, ok := stream.Feed(p, 1, &r)
		if p = p[n:]; ok && len(p) > 0 {
			r.Reset()
		} else if ok {
			return same(&r, want)
		}
	}
	return stream.Idle(time.Minute, &r) && same(&r, want)
}

func same(a, b *drivers.Reading) bool {
	for i := range a.Values {
		if a.Has(i) != b.Has(i) || a.IsBad(i) != b.IsBad(i) || a.Has(i) && a.Values[i] != b.Values[i] {
			return false
		}
	}
	return true
}

// tracedI2C tells of each transaction.
type tracedI2C struct {
	*adapter
	trace *Trace
}

func (b *tracedI2C) Tx(addr uint16, w, r []byte) error {
	err := b.adapter.Tx(addr, w, r)
	x := Transfer{Addr: addr, Write: slices.Clone(w), Err: err}
	if err == nil {
		x.Read = slices.Clone(r)
	}
	b.trace.add(x)
	return err
}

// tracedWire tells what is sent and what comes.
type tracedWire struct {
	wire
	trace *Trace
}

func (w *tracedWire) Write(p []byte) (int, error) {
	n, err := w.wire.Write(p)
	w.trace.add(Transfer{Write: slices.Clone(p[:n]), Err: err})
	return n, err
}

func (w *tracedWire) ReadBefore(p []byte, deadline time.Time) (int, error) {
	n, err := w.wire.ReadBefore(p, deadline)
	switch {
	case n > 0:
		w.trace.add(Transfer{Read: slices.Clone(p[:n])})
	case err != nil && !errors.Is(err, drivers.ErrTimeout):
		w.trace.add(Transfer{Err: err})
	}
	return n, err
}

// hears keeps what a stream has consumed.
func (t *Trace) hears(p []byte) {
	if t.heard = append(t.heard, p...); len(t.heard) > mostHeard {
		t.heard = t.heard[len(t.heard)-mostHeard:]
	}
}
