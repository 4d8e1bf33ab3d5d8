package process

import (
	"math"
	"math/bits"

	"github.com/telhub/telhub/agent/process/expr"
	"github.com/telhub/telhub/drivers"
)

// derived is a channel that is computed from others. It is evaluated once for
// each reading that brought at least one of its inputs a value, when that
// reading is complete and all inputs are known; and for the results of windows
// likewise. Its value carries the latest stamp of the values that brought it
// about.
type derived struct {
	program *expr.Program
	channel int
	inputs  []int
	values  []float64 // of inputs, reused
	stamp   int64     // of the evaluation awaited
	counter int       // in Engine.counters; -1: stateless
}

// touch says that derived channel d has a new input.
func (e *Engine) touch(d int, stamp int64) {
	word, bit := &e.dirty[d/64], uint64(1)<<(d%64)
	if *word&bit == 0 || stamp > e.derived[d].stamp {
		e.derived[d].stamp = stamp
	}
	*word |= bit
	e.pending = true
}

// settle evaluates, in topological order, the derived channels below index end
// that have a new input. What they touch themselves lies behind them.
func (e *Engine) settle(dst []drivers.Sample, end int) []drivers.Sample {
	if !e.pending {
		return dst
	}
	left := false
	for w := range e.dirty {
		for e.dirty[w] != 0 {
			d := w*64 + bits.TrailingZeros64(e.dirty[w])
			if d >= end {
				left = true
				break
			}
			e.dirty[w] &^= 1 << (d % 64)
			dst = e.evaluate(dst, d)
		}
	}
	e.pending = left
	return dst
}

func (e *Engine) evaluate(dst []drivers.Sample, i int) []drivers.Sample {
	d := &e.derived[i]
	for k, in := range d.inputs {
		if !e.channels[in].known {
			return dst
		}
		d.values[k] = e.channels[in].value
	}
	v, ok := d.program.Eval(d.values, d.stamp)
	if !ok {
		v = math.NaN()
	}
	if d.counter >= 0 {
		e.counters[d.counter].moved = true
	}
	dst, _ = e.take(dst, d.channel, v, d.stamp)
	return dst
}
