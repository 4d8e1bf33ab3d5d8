package profile

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/telhub/telhub/drivers"
)

// channel is an output whose formulas were computed with a device's constants.
type channel struct {
	*output
	field   field // the output's, where this device's bytes lie
	tens    field // likewise
	idle    bool  // nobody wants it, so nothing is read for it
	line    line
	perUnit float64 // 1/round where that is a whole number, else 0
}

// Decoder makes values of what a device of a program sent. It holds no state
// of the device and allocates nothing after NewDecoder.
type Decoder struct {
	prog     *Program
	channels []channel
	outputs  []drivers.Output
}

// NewDecoder makes the decoder of a device with consts over the program's own
// constants; all that is wrong with them is in the error.
func (p *Program) NewDecoder(consts map[string]float64) (*Decoder, error) {
	channels, err := p.channels(consts)
	if err != nil {
		return nil, err
	}
	return &Decoder{prog: p, channels: channels, outputs: p.describe(channels)}, nil
}

// Outputs lists what the device measures.
func (d *Decoder) Outputs() []drivers.Output { return d.outputs }

// channels computes p's outputs with consts over its own constants.
func (p *Program) channels(consts map[string]float64) ([]channel, error) {
	all, err := p.merged(consts)
	errs := []error{err}
	list := make([]channel, len(p.outputs))
	for i := range p.outputs {
		o := &p.outputs[i]
		ch := channel{output: o, field: o.field, tens: o.tens, line: o.line}
		if !o.mapped {
			ch.line = scaled(o.scale.eval(all), o.offset.eval(all))
		}
		if !ch.line.ok() {
			errs = append(errs, fmt.Errorf("%s: with these options the scale of %s comes to %v; want finite numbers other than 0",
				p.name, o.name, ch.line.slope()))
		}
		if inv := math.Round(1 / o.round); o.round > 0 && near(1/inv, o.round) {
			ch.perUnit = inv
		}
		list[i] = ch
	}
	return list, errors.Join(errs...)
}

// describe makes the outputs that the rest of the agent sees.
func (p *Program) describe(list []channel) []drivers.Output {
	outs := make([]drivers.Output, len(list))
	for i := range list {
		ch := &list[i]
		outs[i] = drivers.Output{Name: ch.name, Unit: ch.unit, Resolution: ch.resolution(list)}
	}
	return outs
}

// resolution is the step between neighbouring values, 0 when there is none.
func (ch *channel) resolution(list []channel) float64 {
	switch {
	case ch.round > 0:
		return ch.round
	case ch.times >= 0, ch.tens.width > 0:
		return 0
	case ch.from >= 0:
		return list[ch.from].resolution(list) * ch.line.slope()
	}
	return ch.field.step() * ch.line.slope()
}

// Decode makes values of buf, which is laid out as the program says. Outputs
// that are not wanted stay empty.
func (d *Decoder) Decode(buf []byte, dst *drivers.Reading) {
	for _, i := range d.prog.order {
		ch := &d.channels[i]
		if ch.idle {
			continue
		}
		if v, ok := ch.value(buf, dst); ok {
			dst.Set(i, v)
		} else {
			dst.SetBad(i)
		}
	}
}

// value computes the channel from buf and from what dst already holds.
func (ch *channel) value(buf []byte, dst *drivers.Reading) (float64, bool) {
	x, ok := ch.raw(buf, dst)
	if !ok {
		return 0, false
	}
	v := ch.line.at(x)
	if ch.times >= 0 {
		if !dst.Has(ch.times) {
			return 0, false
		}
		v *= dst.Values[ch.times]
	}
	if ch.clamp.set {
		v = min(max(v, ch.clamp.lo), ch.clamp.hi)
	}
	if ch.valid.set && !(v >= ch.valid.lo && v <= ch.valid.hi) {
		return 0, false
	}
	return ch.rounded(v), true
}

func (ch *channel) raw(buf []byte, dst *drivers.Reading) (float64, bool) {
	if ch.from >= 0 {
		return dst.Values[ch.from], dst.Has(ch.from)
	}
	bits := ch.field.bits(buf)
	if slices.Contains(ch.invalid, bits) || !ch.holds(buf) {
		return 0, false
	}
	x := ch.field.number(bits)
	if ch.exponent.width > 0 {
		x = math.Ldexp(x, int(ch.exponent.bits(buf)))
	}
	if ch.tens.width > 0 {
		return scaledByTens(x, ch.tens.number(ch.tens.bits(buf)))
	}
	return x, true
}

// holds reports whether the output's conditions do.
func (ch *channel) holds(buf []byte) bool {
	for i := range ch.when {
		if _, ok := ch.when[i].holds(buf); !ok {
			return false
		}
	}
	return true
}

func (ch *channel) rounded(v float64) float64 {
	switch {
	case ch.perUnit > 0:
		return math.Round(v*ch.perUnit) / ch.perUnit
	case ch.round > 0:
		return math.Round(v/ch.round) * ch.round
	}
	return v
}

func sortedKeys(m map[string]float64) []string { return slices.Sorted(maps.Keys(m)) }
