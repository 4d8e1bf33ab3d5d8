package chain

import (
	"math"
	"unsafe"
)

// median keeps the window's values sorted beside their order of arrival: a
// value costs two binary searches and two moves of memory: 0.2 µs in a window of
// a hundred, 1 µs of four thousand, 20 µs of the largest (x86-64).
type median struct {
	ring
	sorted []float64
}

func newMedian(s span, capacity int) *median {
	return &median{ring: newRing(s, capacity), sorted: make([]float64, 0, capacity)}
}

func (m *median) apply(v float64, stamp int64) (float64, Verdict) {
	key := m.advance(stamp)
	for x, ok := m.leaves(); ok; x, ok = m.leaves() {
		i := search(m.sorted, x)
		m.sorted = append(m.sorted[:i], m.sorted[i+1:]...)
	}
	m.enter(key, v)
	i := search(m.sorted, v)
	m.sorted = m.sorted[:len(m.sorted)+1]
	copy(m.sorted[i+1:], m.sorted[i:])
	m.sorted[i] = v
	return middle(m.sorted), Pass
}

func (m *median) reset() {
	if m.clear() {
		m.sorted = m.sorted[:0]
	}
}

func (m *median) bytes() int { return int(unsafe.Sizeof(*m)) + m.heap() + 8*cap(m.sorted) }

// search returns the index of the first value that is not less than v.
func search(sorted []float64, v float64) int {
	lo, hi := 0, len(sorted)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); sorted[mid] < v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// middle is the median of sorted values, of which there is at least one.
func middle(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	a, b := sorted[n/2-1], sorted[n/2]
	if y := (a + b) / 2; !math.IsInf(y, 0) {
		return y
	}
	return a/2 + b/2
}
