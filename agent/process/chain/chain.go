package chain

import "unsafe"

// Chain is a channel's steps and their state.
type Chain struct {
	steps   []step
	crowded []*uint64 // of each window of time

	unit       string
	resolution float64
	bytes      int
}

// step is one step and its state. No method allocates.
type step interface {
	// apply takes a finite value. Its result is meaningless unless it passes,
	// and may be infinite or NaN, which Apply refuses.
	apply(v float64, stamp int64) (float64, Verdict)
	// reset forgets what a gap in the data makes void.
	reset()
	// bytes is the memory of the step and its state.
	bytes() int
}

// Compile checks the specs and allocates all that their steps will need.
// No specs give a chain that passes every finite value. Errors name the step,
// the value and the cure.
func Compile(specs []Spec, info Info) (*Chain, error) {
	b, err := newBuilder(info)
	if err != nil {
		return nil, err
	}
	for i := range specs {
		if err := b.add(&specs[i]); err != nil {
			return nil, err
		}
	}
	return b.chain(), nil
}

// Apply takes the next value and its stamp (ns of CLOCK_BOOTTIME) through the
// steps, as far as they pass it. The value returned is finite with Pass, and 0
// otherwise. A value that is not finite, or becomes so, is Invalid.
func (c *Chain) Apply(v float64, stamp int64) (float64, Verdict) {
	if v-v != 0 { // NaN or ±Inf
		return 0, Invalid
	}
	for _, s := range c.steps {
		var verdict Verdict
		if v, verdict = s.apply(v, stamp); verdict != Pass {
			return 0, verdict
		}
		if v-v != 0 {
			return 0, Invalid
		}
	}
	return v, Pass
}

// Reset is for a gap in the data: the sensor was lost, stale, or answered
// something invalid. Windows of values are emptied, EWMA, Rate and Outlier
// start anew. Windows of time keep what is not too old for the next stamp, and
// Throttle keeps its distance. Do not call it after an Invalid of Apply: the
// steps remember what they refused.
func (c *Chain) Reset() {
	for _, s := range c.steps {
		s.reset()
	}
}

// Unit is the SenML unit of the results.
func (c *Chain) Unit() string { return c.unit }

// Resolution is the step between neighbouring results, or 0 when it is not
// known: after means, polynomials and calibrations. It is a hint for codecs, as
// in drivers.Output.
func (c *Chain) Resolution() float64 { return c.resolution }

// Bytes is the memory that the chain occupies; it does not change.
func (c *Chain) Bytes() int { return c.bytes }

// Crowded counts the values that left a window of time early, because more
// came than it was sized for; the window was narrower then. The goroutine that
// applies the chain calls it.
func (c *Chain) Crowded() (n uint64) {
	for _, p := range c.crowded {
		n += *p
	}
	return n
}

// size is the memory of the chain without that of its steps.
func (c *Chain) size() int {
	var s step
	return int(unsafe.Sizeof(*c)) + cap(c.steps)*int(unsafe.Sizeof(s)) + cap(c.crowded)*int(unsafe.Sizeof(uintptr(0)))
}
