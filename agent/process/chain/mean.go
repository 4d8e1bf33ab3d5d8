package chain

import (
	"math"
	"unsafe"
)

// mean is the arithmetic mean of a window. The sum is kept in two numbers, the
// second holding what the first rounds away, and is taken anew each time that
// the window has been replaced: nothing accumulates over the years.
type mean struct {
	ring
	sum, rest float64
	replaced  int // values that left since the sum was taken anew
}

func (m *mean) apply(v float64, stamp int64) (float64, Verdict) {
	key := m.advance(stamp)
	for x, ok := m.leaves(); ok; x, ok = m.leaves() {
		m.add(-x)
		m.replaced++
	}
	m.enter(key, v)
	m.add(v)
	if m.replaced >= len(m.values) || m.n == 1 {
		m.again(1)
	}
	y := m.quotient()
	if y-y != 0 { // the sum is too large for a float64, the mean is not
		m.again(1.0 / maxWindow)
		y = m.quotient() * maxWindow
		m.again(1)
	}
	return y, Pass
}

// add is Knuth's exact sum of two numbers (TAOCP vol. 2, 4.2.2, theorem B).
func (m *mean) add(v float64) {
	s := m.sum + v
	t := s - m.sum
	m.rest += (m.sum - (s - t)) + (v - t)
	m.sum = s
}

// again sums the window's values, times a power of two.
func (m *mean) again(factor float64) {
	m.sum, m.rest, m.replaced = 0, 0, 0
	a, b := m.both()
	for _, v := range a {
		m.add(v * factor)
	}
	for _, v := range b {
		m.add(v * factor)
	}
}

// quotient divides the sum with its rest: correctly rounded but for rare cases,
// so that the mean of equal values is that value.
func (m *mean) quotient() float64 {
	n := float64(m.n)
	q := (m.sum + m.rest) / n
	return q + (math.FMA(-q, n, m.sum)+m.rest)/n
}

func (m *mean) reset() {
	if m.clear() {
		m.sum, m.rest, m.replaced = 0, 0, 0
	}
}

func (m *mean) bytes() int { return int(unsafe.Sizeof(*m)) + m.heap() }
