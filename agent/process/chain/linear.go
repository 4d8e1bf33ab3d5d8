package chain

import (
	"math"
	"unsafe"
)

// linear is v · mul / div + add: offset, scale and conversion. It is exact to
// the rounding of its operations; where the result lies on a decimal grid but
// for that rounding, it is removed.
type linear struct {
	mul, div, add float64
	grid          float64 // 10^places of the results
}

func (l *linear) apply(v float64, _ int64) (float64, Verdict) {
	product := float64(v*l.mul) / l.div
	y := product + l.add
	if l.grid == 0 {
		return y, Pass
	}
	x := float64(y * l.grid)
	r := math.Floor(x + 0.5)
	noise := float64((math.Abs(product) + math.Abs(l.add)) * l.grid * rounding)
	if math.Abs(x) < exactBelow && math.Abs(x-r) <= noise {
		return r / l.grid, Pass
	}
	return y, Pass
}

// finest is the grid of values whose steps are not known. Who writes 20.3 and
// an offset of -0.4 wants 19.9, not 19.900000000000002.
const finest = 1e9

func (l *linear) reset()     {}
func (l *linear) bytes() int { return int(unsafe.Sizeof(*l)) }

// resolution returns the step between results when v has steps of in, and sets
// the grid if that step is a decimal.
func (l *linear) resolution(in float64) float64 {
	factor := math.Abs(l.mul / l.div)
	l.grid = finest // unless a coarser one is known
	if in == 0 {
		return 0
	}
	a, aok := toDecimal(in)
	f, fok := toDecimal(factor)
	o, ook := toDecimal(l.add)
	if p, ok := a.times(f); ok && aok && fok && ook {
		if g, ok := p.common(o); ok {
			l.grid = math.Pow10(g.places)
			return g.float()
		}
	}
	if l.add != 0 {
		return 0 // the results are multiples of nothing
	}
	return in * factor
}

// calibration is piecewise linear through points, sorted by measured value;
// beyond the outer ones their segments go on.
type calibration struct {
	points []point
}

type point struct {
	measured, truth float64
	slope           float64 // towards the next point
}

// newCalibration takes two or more pairs with distinct measured values, sorted.
func newCalibration(points []point) *calibration {
	for i := range points[:len(points)-1] {
		p, q := &points[i], &points[i+1]
		p.slope = (q.truth - p.truth) / (q.measured - p.measured)
	}
	return &calibration{points: points}
}

// apply reckons from the nearer end of the segment, so that each point gives
// its truth exactly.
func (c *calibration) apply(v float64, _ int64) (float64, Verdict) {
	lo, hi := 0, len(c.points)-1
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; v < c.points[mid].measured {
			hi = mid
		} else {
			lo = mid
		}
	}
	p, q := &c.points[lo], &c.points[hi]
	if math.Abs(v-p.measured) <= math.Abs(q.measured-v) {
		return p.truth + float64((v-p.measured)*p.slope), Pass
	}
	return q.truth + float64((v-q.measured)*p.slope), Pass
}

func (c *calibration) reset() {}
func (c *calibration) bytes() int {
	return int(unsafe.Sizeof(*c)) + cap(c.points)*int(unsafe.Sizeof(point{}))
}

// polynomial holds its coefficients by falling power (Horner).
type polynomial struct {
	coefficients []float64
}

func (p *polynomial) apply(v float64, _ int64) (float64, Verdict) {
	var y float64
	for _, c := range p.coefficients {
		y = float64(y*v) + c
	}
	return y, Pass
}

func (p *polynomial) reset()     {}
func (p *polynomial) bytes() int { return int(unsafe.Sizeof(*p)) + 8*cap(p.coefficients) }
