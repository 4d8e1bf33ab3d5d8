package expr

import "math"

// stateKind says which state a function has.
type stateKind uint8

const (
	stateless stateKind = iota
	integral
	total
	rate
)

// site is the state of one call of a function.
type site struct {
	kind    stateKind
	modulus float64 // 0 = none
	sum     sum     // of integral and total
	last    float64 // argument at the stamp at; total: the device's counter as last seen
	at      int64   // CLOCK_BOOTTIME in ns
	live    bool    // last and at are there
	rate    float64 // as last computed
}

// step takes the next argument and returns the function's value. It reports a
// hole when an integral had to leave out the time since the last value.
func (s *site) step(x float64, stamp, maxGap int64) (v float64, hole bool) {
	switch s.kind {
	case integral:
		return s.integrate(x, stamp, maxGap)
	case total:
		return s.count(x), false
	default:
		return s.derive(x, stamp, maxGap), false
	}
}

// integrate adds the trapezium between the last value and this one. A value
// older than the last one (another sensor's, that came late) adds nothing: the
// next one covers the same time.
func (s *site) integrate(x float64, stamp, maxGap int64) (v float64, hole bool) {
	if !finite(x) {
		hole, s.live = s.live, false
		return math.NaN(), hole
	}
	if s.live {
		dt := stamp - s.at
		switch {
		case dt < 0 && dt >= -maxGap:
			return s.level(), false
		case dt < 0 || dt > maxGap:
			hole = true
		default:
			hole = !s.sum.add((s.last/2 + x/2) * seconds(dt))
		}
	}
	s.last, s.at, s.live = x, stamp, true
	return s.level(), hole
}

// level brings the integral below its modulus and returns it.
func (s *site) level() float64 {
	if s.modulus == 0 {
		return s.sum.hi
	}
	s.sum.roll(s.modulus)
	return s.sum.below(s.modulus)
}

// count follows a device's counter. A decrease is a rollover if that makes the
// step shorter than half of the modulus, else the device has restarted from 0.
// What no such counter shows is no value, and changes nothing.
func (s *site) count(x float64) float64 {
	if !finite(x) || x < 0 || s.modulus > 0 && x >= s.modulus {
		return math.NaN()
	}
	before, ok := s.sum, true
	switch step := x - s.last; {
	case !s.live: // the first value: the total begins with it
	case step >= 0:
		ok = s.sum.add(-s.last)
	case s.modulus > 0 && step+s.modulus < s.modulus/2:
		ok = s.sum.add(-s.last) && s.sum.add(s.modulus)
	}
	ok = ok && s.sum.add(x)
	if !ok {
		s.sum = before
		return math.NaN()
	}
	s.last, s.live = x, true
	return s.sum.hi
}

// derive returns the change per second since the last value. For a value that
// is not newer the rate stays as it was.
func (s *site) derive(x float64, stamp, maxGap int64) float64 {
	if !finite(x) {
		s.live = false
		return math.NaN()
	}
	dt := stamp - s.at
	switch {
	case !s.live || dt < -maxGap:
		s.rate = math.NaN()
	case dt < 0:
		return s.rate
	case dt > 0:
		s.rate = (x - s.last) / seconds(dt)
	}
	s.last, s.at, s.live = x, stamp, true
	return s.rate
}

// interrupt says that values are missing from here on. It reports whether that
// makes a hole in an integral.
func (s *site) interrupt() (hole bool) {
	if s.kind == total { // the device counts on
		return false
	}
	hole = s.kind == integral && s.live
	s.live = false
	return hole
}

// stateLen is how many numbers describe a site to a later run.
func (s *site) stateLen() int { return [...]int{integral: 2, total: 4, rate: 0}[s.kind] }

func (s *site) appendState(dst []float64) []float64 {
	switch s.kind {
	case integral:
		return append(dst, s.sum.hi, s.sum.lo)
	case total:
		return append(dst, s.sum.hi, s.sum.lo, s.last, truth(s.live))
	}
	return dst
}

// fits reports whether state, of the right length, can be a site's.
func (s *site) fits(state []float64) bool {
	for _, v := range state {
		if !finite(v) {
			return false
		}
	}
	if len(state) >= 2 && math.Abs(state[1]) > math.Abs(state[0]) { // what rounding lost is less than half a last digit
		return false
	}
	if s.kind != total {
		return true
	}
	last, live := state[2], state[3]
	return state[0] >= 0 && last >= 0 && (s.modulus == 0 || last < s.modulus) && (live == 0 || live == 1)
}

func (s *site) restore(state []float64) {
	switch s.kind {
	case integral:
		s.sum, s.live = sum{state[0], state[1]}, false
	case total:
		s.sum, s.last, s.live = sum{state[0], state[1]}, state[2], state[3] == 1
	case rate:
		s.live = false
	}
}

// seconds makes seconds of nanoseconds with one rounding.
func seconds(ns int64) float64 { return float64(ns) / 1e9 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
