package chain

import (
	"math"
	"strconv"
	"unsafe"
)

// multiple rounds to the nearest multiple of num/den, half away from zero. A
// value that is half way but for what binary fractions are off counts as half
// way.
type multiple struct {
	num, den float64
}

func newMultiple(size float64) *multiple {
	if d, ok := toDecimal(size); ok {
		return &multiple{float64(d.mantissa), math.Pow10(d.places)}
	}
	return &multiple{size, 1}
}

func (s *multiple) apply(v float64, _ int64) (float64, Verdict) {
	x := float64(math.Abs(v)*s.den) / s.num
	if x >= exactBelow {
		return v, Pass // finer than the steps between floats
	}
	n := math.Floor(x)
	if x-n-0.5 >= -x*rounding {
		n++
	}
	return signed(float64(n*s.num)/s.den, v), Pass
}

func (s *multiple) reset()     {}
func (s *multiple) bytes() int { return int(unsafe.Sizeof(*s)) }

// signed gives y the sign of v; there is no negative zero.
func signed(y, v float64) float64 {
	if v < 0 && y != 0 {
		return -y
	}
	return y
}

// round rounds to decimal places, half away from zero, as ROUND of spreadsheets
// does: what is rounded is the shortest decimal that stands for the value, so
// 2.675 gives 2.68 although the float64 nearest to it lies below. Negative
// places round to tens, hundreds, ….
type round struct {
	places int
	power  float64 // 10^|places|
	text   [32]byte
}

func newRound(places int) *round {
	return &round{places: places, power: math.Pow10(max(places, -places))}
}

func (s *round) apply(v float64, _ int64) (float64, Verdict) {
	a := math.Abs(v)
	x := a / s.power
	if s.places > 0 {
		x = float64(a * s.power)
	}
	if !(x < exactBelow) {
		return signed(s.byDigits(a), v), Pass
	}
	n := math.Floor(x)
	half := x - n - 0.5
	if math.Abs(half) <= x*rounding {
		return signed(s.byDigits(a), v), Pass
	}
	if half > 0 {
		n++
	}
	if s.places > 0 {
		return signed(n/s.power, v), Pass
	}
	return signed(float64(n*s.power), v), Pass
}

// byDigits rounds the shortest decimal of a ≥ 0; for those values whose product
// with a power of ten cannot be trusted.
func (s *round) byDigits(a float64) float64 {
	var digits [17]byte // a float64's shortest decimal has no more
	n, exponent := shortest(s.text[:0], digits[:0], a)
	keep := exponent + 1 + s.places
	switch {
	case keep >= n:
		return a
	case keep < 0:
		return 0
	}
	var m uint64
	for _, d := range digits[:keep] {
		m = 10*m + uint64(d-'0')
	}
	if digits[keep] >= '5' {
		m++
	}
	text := strconv.AppendUint(s.text[:0], m, 10)
	text = append(text, 'e')
	text = strconv.AppendInt(text, int64(-s.places), 10)
	y, err := strconv.ParseFloat(string(text), 64)
	if err != nil { // beyond the largest float64
		return a
	}
	return y
}

// shortest writes the digits d.ddd… of a's shortest decimal into digits and
// returns their number and the power of ten of the first.
func shortest(text, digits []byte, a float64) (n, exponent int) {
	text = strconv.AppendFloat(text, a, 'e', -1, 64)
	i := 0
	for ; text[i] != 'e'; i++ {
		if text[i] != '.' {
			digits = append(digits, text[i])
		}
	}
	for _, c := range text[i+2:] {
		exponent = 10*exponent + int(c-'0')
	}
	if text[i+1] == '-' {
		exponent = -exponent
	}
	return len(digits), exponent
}

func (s *round) reset()     {}
func (s *round) bytes() int { return int(unsafe.Sizeof(*s)) }
