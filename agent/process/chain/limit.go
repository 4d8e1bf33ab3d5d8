package chain

import (
	"math"
	"unsafe"
)

// valid refuses what lies outside of its limits.
type valid struct {
	lo, hi float64
}

func (s *valid) apply(v float64, _ int64) (float64, Verdict) {
	if v < s.lo || v > s.hi {
		return 0, Invalid
	}
	return v, Pass
}

func (s *valid) reset()     {}
func (s *valid) bytes() int { return int(unsafe.Sizeof(*s)) }

const (
	agreeing    = 3       // refused values that prove a new level by agreeing
	gapPeriods  = 10      // silence after which the last value says nothing
	unknownGap  = 60e9    // ns; the same where the period is not known
	shortestGap = 1000000 // ns; closer stamps, and those that go back, count as so far apart
)

// rate refuses a value that differs from the last valid one by more than limit
// per second. After three refused in a row that agree with each other within
// the limit, the next that agrees with them is taken: the level has shifted.
type rate struct {
	limit float64 // per second
	gap   int64   // ns between values after which the first passes

	known   bool  // last and seen hold
	seen    int64 // stamp of the last value, refused or not
	last    stamped
	refused int // in a row that agree, up to agreeing
	pending stamped
}

type stamped struct {
	value float64
	stamp int64
}

func (s *rate) apply(v float64, stamp int64) (float64, Verdict) {
	now := stamped{v, stamp}
	fresh := !s.known || distance(s.seen, stamp) > uint64(s.gap)
	s.seen, s.known = stamp, true
	if fresh || s.near(s.last, now) {
		s.last, s.refused = now, 0
		return v, Pass
	}
	agrees := s.refused > 0 && s.near(s.pending, now)
	s.pending = now
	switch {
	case !agrees:
		s.refused = 1
	case s.refused < agreeing:
		s.refused++
	default:
		s.last, s.refused = now, 0
		return v, Pass
	}
	return 0, Invalid
}

// near reports whether b follows a within the limit; what the binary fractions
// of two decimals are off is not counted.
func (s *rate) near(a, b stamped) bool {
	dt := int64(shortestGap)
	if b.stamp > a.stamp {
		dt = int64(min(max(distance(a.stamp, b.stamp), shortestGap), math.MaxInt64))
	}
	allowed := s.limit * (float64(dt) / 1e9)
	noise := (math.Abs(a.value) + math.Abs(b.value)) * rounding
	return math.Abs(b.value-a.value) <= allowed+noise
}

func (s *rate) reset()     { s.known, s.refused = false, 0 }
func (s *rate) bytes() int { return int(unsafe.Sizeof(*s)) }

// distance is |b-a|, whatever the two.
func distance(a, b int64) uint64 {
	if a > b {
		a, b = b, a
	}
	return uint64(b) - uint64(a)
}

const (
	hampelWindow = 7      // values that are compared, the newest included
	hampelScale  = 1.4826 // median deviation to standard deviation of normal noise: 1/Φ⁻¹(3/4)
)

// outlier is a Hampel identifier over the newest values, the outliers among
// them included: a new level passes once it has the majority. Where most values
// are equal and their resolution is not known, any other is an outlier.
type outlier struct {
	k     float64
	floor float64 // least scale: the resolution of the values

	values [hampelWindow]float64 // ring of the newest
	n      int
	next   int
}

func (s *outlier) apply(v float64, _ int64) (float64, Verdict) {
	s.values[s.next] = v
	s.next = (s.next + 1) % hampelWindow
	s.n = min(s.n+1, hampelWindow)
	var sorted [hampelWindow]float64
	center := middle(insertionSort(sorted[:0], s.values[:s.n]))
	var off [hampelWindow]float64
	for i, x := range s.values[:s.n] {
		off[i] = math.Abs(x - center)
	}
	deviation := middle(insertionSort(sorted[:0], off[:s.n]))
	if math.Abs(v-center) > s.k*max(hampelScale*deviation, s.floor) {
		return 0, Hold
	}
	return v, Pass
}

func (s *outlier) reset()     { s.n, s.next = 0, 0 }
func (s *outlier) bytes() int { return int(unsafe.Sizeof(*s)) }

// insertionSort appends values to dst, sorted; for a few of them.
func insertionSort(dst, values []float64) []float64 {
	for _, v := range values {
		i := len(dst)
		for dst = append(dst, v); i > 0 && dst[i-1] > v; i-- {
			dst[i] = dst[i-1]
		}
		dst[i] = v
	}
	return dst
}
