package frame

import "math"

// How values become integers and come back bit by bit (docs/wire.md,
// "Scales"). A scale is chosen for a column because every value survives it,
// or nearly every one: the others travel beside the column as they are.

// scaleKind says what an integer of a column stands for.
type scaleKind uint8

const (
	decimal  scaleKind = iota // i·unit / 10^places
	fraction                  // i / parts
	step                      // i · lsb
	single                    // the i-th float32, counted from zero
	double                    // the i-th float64, counted from zero
	scaleKinds
)

const (
	maxPlaces  = 9         // decimal places that the encoder tries
	wirePlaces = 15        // decimal places that the format allows
	intLimit   = 1 << 51   // integers below it are exact in every step
	maxParts   = 1 << 32   // finest fraction that a resolution may name
	mayMiss    = 8         // one value in so many may lie beside the scale
	signMask64 = 1<<63 - 1 // all but the sign
	signMask32 = 1<<31 - 1
)

var pow10 = [wirePlaces + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// scale maps values to integers; unused fields are zero.
type scale struct {
	kind   scaleKind
	places int     // decimal
	unit   int64   // decimal
	parts  int64   // fraction
	lsb    float64 // step
}

// value returns what integer i stands for.
func (s *scale) value(i int64) float64 {
	switch s.kind {
	case decimal:
		return float64(i*s.unit) / pow10[s.places]
	case fraction:
		return float64(i) / float64(s.parts)
	case step:
		return float64(i) * s.lsb
	case single:
		return float64(math.Float32frombits(uint32(fold32(int32(i)))))
	}
	return math.Float64frombits(uint64(fold64(i)))
}

// integer returns the integer that stands for v, and whether there is one.
func (s *scale) integer(v float64) (int64, bool) {
	var i int64
	switch s.kind {
	case decimal:
		i = nearest(float64(v * pow10[s.places]))
		if s.unit != 1 && i != beyond {
			i /= s.unit
		}
	case fraction:
		i = nearest(float64(v * float64(s.parts)))
	case step:
		i = nearest(float64(v / s.lsb))
	case single:
		i = int64(fold32(int32(math.Float32bits(float32(v)))))
	default:
		return fold64(int64(math.Float64bits(v))), true
	}
	return i, i != beyond && math.Float64bits(s.value(i)) == math.Float64bits(v)
}

// beyond is nearest's answer for what no column should hold.
const beyond = math.MinInt64

// nearest rounds x, or returns beyond when its magnitude is too large.
func nearest(x float64) int64 {
	switch {
	case x >= 0 && x < intLimit:
		return int64(x + 0.5)
	case x < 0 && x > -intLimit:
		return int64(x - 0.5)
	}
	return beyond
}

// fold64 turns the bits of a float into an integer that grows with the float,
// and such an integer back into the bits.
func fold64(b int64) int64 { return b ^ b>>63&signMask64 }

func fold32(b int32) int32 { return b ^ b>>31&signMask32 }

// hints returns the scales that a sensor's resolution suggests besides the
// decimal ones: a whole number of parts, and plain multiples.
func hints(resolution float64) (s [2]scale, n int) {
	if !(resolution > 0) || math.IsInf(resolution, 1) {
		return s, 0
	}
	parts := math.Floor(1/resolution + 0.5)
	if parts >= 1 && parts <= maxParts && math.Abs(parts*resolution-1) < 1e-9 {
		s[n] = scale{kind: fraction, parts: int64(parts)}
		n++
	}
	s[n] = scale{kind: step, lsb: resolution}
	return s, n + 1
}

// chooseScale finds the scale for a column: decimal if its values are, else
// the one with the fewest misses among those that fit nearly all, else double.
func chooseScale(values []float64, resolution float64) scale {
	allowed := len(values) / mayMiss
	best, missed := chooseDecimal(values, allowed)
	try, n := hints(resolution)
	for k := 0; k < n && missed > 0; k++ {
		if m := misses(&try[k], values, min(allowed, missed)); m < missed {
			best, missed = try[k], m
		}
	}
	f32 := scale{kind: single}
	if missed > 0 {
		if m := misses(&f32, values, min(allowed, missed)); m < missed {
			best, missed = f32, m
		}
	}
	if missed > allowed {
		return scale{kind: double}
	}
	if best.kind == decimal {
		best.unit = commonUnit(&best, values)
	}
	return best
}

// misses counts the values that s cannot hold, up to limit+1.
func misses(s *scale, values []float64, limit int) (n int) {
	for _, v := range values {
		if _, ok := s.integer(v); !ok {
			if n++; n > limit {
				break
			}
		}
	}
	return n
}

// chooseDecimal finds the fewest decimal places that all values share, but
// for those that have more than maxPlaces. It gives up after limit misses. A
// value that fits fewer places fits more, unless it is very large: such a one
// travels beside the column.
func chooseDecimal(values []float64, limit int) (s scale, missed int) {
	s = scale{kind: decimal, unit: 1}
	for _, v := range values {
		t := s
		_, ok := t.integer(v)
		for !ok && t.places < maxPlaces {
			t.places++
			_, ok = t.integer(v)
		}
		if ok {
			s = t
		} else if missed++; missed > limit {
			return s, missed
		}
	}
	return s, missed
}

// commonUnit returns the greatest common divisor of the column's integers, so
// that a sensor that steps by 0.0625 is counted in steps of 0.0625.
func commonUnit(s *scale, values []float64) int64 {
	var g int64
	for _, v := range values {
		i, ok := s.integer(v)
		for ok && i != 0 {
			g, i = i, g%i
		}
		if g == 1 || g == -1 {
			return 1
		}
	}
	if g < 0 {
		return -g
	}
	return max(g, 1)
}
