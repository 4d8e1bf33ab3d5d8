package metrics

import (
	"math"
	"sync/atomic"
)

// Counter counts events since the start. All methods may be called from any
// goroutine and allocate nothing.
type Counter struct{ n atomic.Uint64 }

// Inc adds one.
func (c *Counter) Inc() { c.n.Add(1) }

// Add adds n.
func (c *Counter) Add(n uint64) { c.n.Add(n) }

// Value is the count so far.
func (c *Counter) Value() uint64 { return c.n.Load() }

// Gauge is a value that rises and falls. All methods may be called from any
// goroutine and allocate nothing.
type Gauge struct{ bits atomic.Uint64 }

// Set replaces the value.
func (g *Gauge) Set(v float64) { g.bits.Store(math.Float64bits(v)) }

// SetBool sets 1 or 0.
func (g *Gauge) SetBool(v bool) {
	if v {
		g.Set(1)
	} else {
		g.Set(0)
	}
}

// Add changes the value by d, which may be negative.
func (g *Gauge) Add(d float64) { addFloat(&g.bits, d) }

// Value is the present value.
func (g *Gauge) Value() float64 { return math.Float64frombits(g.bits.Load()) }

// Histogram counts observations in buckets that were fixed at registration.
// All methods may be called from any goroutine and allocate nothing.
type Histogram struct {
	bounds []float64       // upper bounds, inclusive, rising; never changed
	counts []atomic.Uint64 // one for each bound and one above the last; not cumulative
	sum    atomic.Uint64   // float64 bits
}

// Observe counts one value. A NaN is ignored: it would spoil the sum for ever.
func (h *Histogram) Observe(v float64) {
	if v != v {
		return
	}
	i := 0
	for i < len(h.bounds) && v > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	addFloat(&h.sum, v)
}

// Count is the number of observations so far.
func (h *Histogram) Count() (n uint64) {
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	return n
}

// Sum is the total of all observations so far.
func (h *Histogram) Sum() float64 { return math.Float64frombits(h.sum.Load()) }

func addFloat(bits *atomic.Uint64, d float64) {
	for {
		old := bits.Load()
		if bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+d)) {
			return
		}
	}
}

// DurationBuckets are bounds in seconds, 50 µs to 60 s, that fit both the
// processing of a sample and its delivery. The caller owns the slice.
func DurationBuckets() []float64 {
	return []float64{50e-6, 200e-6, 1e-3, 5e-3, 20e-3, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60}
}
