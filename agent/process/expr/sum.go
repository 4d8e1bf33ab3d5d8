package expr

import "math"

// sum adds with what rounding loses of each addition kept in lo, as in
// Neumaier's compensated summation, and carries that over into hi whenever it
// has become large enough: about 32 decimal digits. Hi is what is seen of it.
type sum struct{ hi, lo float64 }

// add adds x and reports whether the sum is still a finite number; if it would
// not be, it stays.
func (s *sum) add(x float64) bool {
	hi, lost := twoSum(s.hi, x)
	hi, lo := twoSum(hi, lost+s.lo)
	if !finite(hi) || !finite(lo) {
		return false
	}
	s.hi, s.lo = hi, lo
	return true
}

// roll brings the sum into [0, modulus). What is taken away is a multiple of
// modulus, exactly: the remainder is math.Mod's, which does not round.
func (s *sum) roll(modulus float64) {
	if s.hi >= 0 && s.hi < modulus {
		return
	}
	s.hi, s.lo = twoSum(math.Mod(s.hi, modulus), s.lo)
	if s.hi < 0 {
		s.add(modulus)
	}
}

// below returns the sum as a value below modulus: one that lies so close to it
// that it rounds to it is shown as the number before.
func (s *sum) below(modulus float64) float64 {
	if s.hi >= modulus {
		return math.Nextafter(modulus, 0)
	}
	return s.hi
}

// twoSum returns a+b rounded, and what rounding lost (Knuth, The Art of
// Computer Programming, volume 2, section 4.2.2, theorem B). It only adds, so
// that no compiler can fuse anything.
func twoSum(a, b float64) (rounded, lost float64) {
	rounded = a + b
	v := rounded - a
	return rounded, (a - (rounded - v)) + (b - v)
}

func finite(x float64) bool { return x-x == 0 }
