package frame

import "math"

// How the encoder chooses a column's predictor. Nothing here concerns a
// decoder: any predictor gives the same values back, only in more bytes.
// Products are converted before they are added, so that no processor fuses
// the two and every board finds the same predictor.

const (
	minFit    = 32      // shorter columns are predicted without weights
	fitLimit  = 1 << 40 // larger values are not worth a fit
	coefLimit = 1 << 20 // larger weights are numerically hopeless
	rounding  = 1. / 12 // variance that rounding to integers adds
)

// fitter finds predictors; its storage is reused.
type fitter struct {
	y []float64 // the column differenced, its mean removed

	cov   [maxTaps + 1][maxTaps + 1]float64 // products of y with itself, shifted
	chol  [maxTaps][maxTaps]float64
	cross [maxTaps]float64
}

// fit chooses the predictor that should need the fewest bits for x. A column
// that is not differenced is freed of a line, which may be level (diff 0).
// Second differences are for short columns: weights do the same and more.
func (f *fitter) fit(x []int64) predictor {
	if len(x) < minPlain {
		return plain
	}
	best, bestBits := f.try(x, line)
	if p, bits := f.try(x, 1); bits < bestBits {
		best, bestBits = p, bits
	}
	if len(x) < minFit {
		if p, bits := f.try(x, 2); bits < bestBits {
			best, bestBits = p, bits
		}
	}
	if math.IsInf(bestBits, 1) {
		return plain
	}
	return best
}

// try finds the predictor with the given differences and estimates its bits.
func (f *fitter) try(x []int64, diff int) (predictor, float64) {
	p := predictor{diff: diff}
	ok := false
	if diff == line {
		ok = f.straighten(x, &p)
	} else {
		ok = f.difference(x, &p)
	}
	if !ok {
		return p, math.Inf(1)
	}
	energy := product(f.y, f.y)
	bits := gaussBits(len(f.y), energy)
	if len(f.y) >= minFit {
		bits = min(bits, f.weigh(&p, energy))
	}
	return p, bits + headBits(x, &p)
}

// headBits estimates what the mean, the slope and the values before the first
// residual cost.
func headBits(x []int64, p *predictor) float64 {
	b := numberBits(p.mean) + numberBits(p.slope)
	if p.diff == 1 || p.diff == 2 {
		b += numberBits(x[0])
	}
	if p.diff == 2 {
		b += numberBits(x[1] - x[0])
	}
	return b
}

func numberBits(v int64) float64 { return 3 + 1.2*math.Log2(1+math.Abs(float64(v))) }

// gaussBits estimates the bits of n residuals with the given sum of squares:
// the entropy of a rounded normal distribution, which tends to 0 with it.
func gaussBits(n int, energy float64) float64 {
	return float64(n) * 0.5 * math.Log2(1+2*math.Pi*math.E*energy/float64(n))
}

// difference fills f.y with the differences of x less their mean, which it
// sets. It reports whether they are small enough to weigh.
func (f *fitter) difference(x []int64, p *predictor) bool {
	f.y = f.y[:0]
	var sum float64
	before := int64(0) // the difference before this one, for second differences
	if p.diff == 2 {
		before = x[1] - x[0]
	}
	for i := p.diff; i < len(x); i++ {
		v := x[i] - x[i-1]
		if p.diff == 2 {
			v, before = v-before, v
		}
		if v > fitLimit || v < -fitLimit {
			return false
		}
		f.y = append(f.y, float64(v))
		sum += float64(v)
	}
	mean := math.Floor(sum/float64(len(f.y)) + 0.5)
	p.mean = int64(mean)
	for i := range f.y {
		f.y[i] -= mean
	}
	return true
}

// straighten fills f.y with x less its line of least squares, which it sets.
// It reports whether the values are small enough for that.
func (f *fitter) straighten(x []int64, p *predictor) bool {
	middle := float64(len(x)-1) / 2
	var sum, moment float64
	for i, v := range x {
		if v > fitLimit || v < -fitLimit {
			return false
		}
		sum += float64(v)
		moment += float64((float64(i) - middle) * float64(v))
	}
	n := float64(len(x))
	slope := moment * 12 / float64(n*(float64(n*n)-1))
	p.slope = int64(math.Floor(slope*(1<<slopeBit) + 0.5))
	p.mean = int64(math.Floor(sum/n - float64(slope*middle) + 0.5))
	if p.slope == 0 {
		p.diff = 0
	}
	f.y = f.y[:len(x)]
	for i, v := range x {
		f.y[i] = float64(v - p.mean - (int64(i) * p.slope >> slopeBit))
	}
	return true
}

// weigh gives p the weights that save the most bits, and returns the estimate
// with them. Weights solve the normal equations of least squares (the
// covariance method: J. Makhoul, Proc. IEEE 63, 1975, section II); one
// Cholesky factor serves all numbers of taps.
func (f *fitter) weigh(p *predictor, energy float64) float64 {
	f.covariance()
	n := len(f.y)
	best := gaussBits(n, energy)
	left := f.cov[0][0]
	for k := range maxTaps {
		if !f.factor(k) {
			break
		}
		left -= float64(f.cross[k] * f.cross[k])
		if left <= 0 {
			break
		}
		places := weightPlaces(f.cov[0][0], left)
		bits := gaussBits(n, left) + 8 + float64(k+1)*(float64(places)+1.5)
		if bits < best {
			best, p.taps, p.shift = bits, k+1, places
		}
	}
	if p.taps > 0 {
		f.solve(p)
	}
	return best
}

// weightPlaces returns how many binary places weights need so that rounding
// them adds little to what prediction leaves over.
func weightPlaces(before, after float64) int {
	gain := math.Log2(before/after) / 2
	return min(15, 4+int(max(0, gain)))
}

// covariance fills f.cov: element j,k is the sum of y[i-j]·y[i-k].
func (f *fitter) covariance() {
	y, n := f.y, len(f.y)
	now := y[maxTaps:]
	f.cov[0][0] = product(now, now)
	for k := 1; k <= maxTaps; k += 4 {
		f.products((*[4]float64)(f.cov[0][k:]), k)
	}
	for j := range maxTaps {
		for k := j; k < maxTaps; k++ {
			in := float64(y[maxTaps-1-j] * y[maxTaps-1-k])
			out := float64(y[n-1-j] * y[n-1-k])
			f.cov[j+1][k+1] = f.cov[j][k] + in - out
		}
	}
}

// product returns the inner product of two runs of the same length.
func product(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += float64(v * b[i])
	}
	return sum
}

// products computes four shifts at once, so that their additions overlap: a
// quarter of the time of four calls of product.
func (f *fitter) products(dst *[4]float64, k int) {
	now := f.y[maxTaps:]
	n := len(now)
	late := f.y[maxTaps-k-3:][:n+3]
	var s0, s1, s2, s3 float64
	for i, v := range now {
		l := late[i : i+4 : i+4]
		s3 += float64(v * l[0])
		s2 += float64(v * l[1])
		s1 += float64(v * l[2])
		s0 += float64(v * l[3])
	}
	*dst = [4]float64{s0, s1, s2, s3}
}

// factor extends the Cholesky factor by row k and eliminates the right side's
// element k. It reports whether the equations are still worth solving.
func (f *fitter) factor(k int) bool {
	for j := range k + 1 {
		sum := f.cov[j+1][k+1]
		if j == k {
			sum += rounding * float64(len(f.y))
		}
		for i := range j {
			sum -= float64(f.chol[k][i] * f.chol[j][i])
		}
		if j < k {
			f.chol[k][j] = sum / f.chol[j][j]
			continue
		}
		if sum <= 0 {
			return false
		}
		f.chol[k][k] = math.Sqrt(sum)
	}
	sum := f.cov[0][k+1]
	for i := range k {
		sum -= float64(f.chol[k][i] * f.cross[i])
	}
	f.cross[k] = sum / f.chol[k][k]
	return true
}

// solve computes p's weights from the factor.
func (f *fitter) solve(p *predictor) {
	var a [maxTaps]float64
	for k := p.taps - 1; k >= 0; k-- {
		sum := f.cross[k]
		for i := k + 1; i < p.taps; i++ {
			sum -= float64(f.chol[i][k] * a[i])
		}
		a[k] = sum / f.chol[k][k]
		c := math.Floor(float64(a[k]*float64(int64(1)<<p.shift)) + 0.5)
		p.coef[k] = int64(max(-coefLimit, min(coefLimit, c)))
	}
}
