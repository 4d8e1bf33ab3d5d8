package frame

import "math"

// How the encoder chooses a column's predictor. Nothing here concerns a
// decoder: any predictor gives the same values back, only in more bytes.
// Products are converted before they are added, so that no processor fuses
// the two and every board finds the same predictor.

const (
	minFit    = 32      // shorter columns are predicted without weights
	fitLimit  = 1 << 40 // larger values are not worth a fit
	coefLimit = 1 << 20 // weights beyond that are numerically hopeless
)

// fitter finds predictors; its storage is reused.
type fitter struct {
	y []float64 // the column differenced, its mean removed
}

// fit chooses the predictor that should need the fewest bits for x.
func (f *fitter) fit(x []int64) predictor {
	best, bestBits := plain, math.Inf(1)
	if len(x) < minPlain {
		return best
	}
	for diff := range maxDiff + 1 {
		p, bits := f.try(x, diff)
		if bits < bestBits {
			best, bestBits = p, bits
		}
	}
	return best
}

// try finds the predictor with diff differences and estimates its bits.
func (f *fitter) try(x []int64, diff int) (predictor, float64) {
	p := predictor{diff: diff}
	energy, ok := f.difference(x, &p)
	if !ok {
		return p, math.MaxFloat64 / float64(1+diff)
	}
	n := float64(len(f.y))
	head := headBits(x, &p)
	bits := head + gaussBits(n, energy)
	if len(f.y) < minFit {
		return p, bits
	}
	return p, min(bits, head+f.weigh(&p, energy))
}

// headBits estimates what the mean and the values before the first residual cost.
func headBits(x []int64, p *predictor) float64 {
	b := numberBits(p.mean)
	if p.diff > 0 {
		b += numberBits(x[0])
	}
	if p.diff > 1 {
		b += numberBits(x[1] - x[0])
	}
	return b
}

func numberBits(v int64) float64 { return 3 + 2*math.Log2(1+math.Abs(float64(v)))*0.6 }

// gaussBits estimates the bits of n residuals with the given sum of squares:
// the entropy of a rounded normal distribution, which tends to 0 with it.
func gaussBits(n, energy float64) float64 {
	return n * 0.5 * math.Log2(1+17.08*energy/n)
}

// difference fills f.y and sets p.mean. It reports the sum of squares of f.y,
// and whether the values are small enough to weigh.
func (f *fitter) difference(x []int64, p *predictor) (energy float64, ok bool) {
	f.y = f.y[:0]
	var sum float64
	for i := p.diff; i < len(x); i++ {
		v := x[i]
		switch p.diff {
		case 1:
			v -= x[i-1]
		case 2:
			v -= 2*x[i-1] - x[i-2]
		}
		if v > fitLimit || v < -fitLimit {
			return 0, false
		}
		f.y = append(f.y, float64(v))
		sum += float64(v)
	}
	mean := math.Floor(sum/float64(len(f.y)) + 0.5)
	p.mean = int64(mean)
	for i, v := range f.y {
		v -= mean
		f.y[i] = v
		energy += float64(v * v)
	}
	return energy, true
}

// weigh adds weights to p if they save bits, and returns the estimate.
func (f *fitter) weigh(p *predictor, energy float64) float64 {
	var r [maxTaps + 1]float64
	f.autocorrelate(&r)
	n := float64(len(f.y))
	bestBits := gaussBits(n, energy)
	var a, best [maxTaps]float64
	var taps, shift int
	err := r[0] * (1 + 1e-9)
	for k := range maxTaps {
		if err <= 0 {
			break
		}
		err = levinson(&a, &r, k, err)
		if err < 0 {
			break
		}
		places := weightPlaces(r[0], err)
		bits := gaussBits(n, err/r[0]*energy) + 8 + float64(k+1)*(float64(places)+1.5)
		if bits < bestBits {
			bestBits, best, taps, shift = bits, a, k+1, places
		}
	}
	p.taps, p.shift = taps, shift
	for j := range taps {
		c := math.Floor(float64(best[j]*float64(int64(1)<<shift)) + 0.5)
		p.coef[j] = int64(max(-coefLimit, min(coefLimit, c)))
	}
	return bestBits
}

// weightPlaces returns how many binary places weights need so that rounding
// them adds little to what prediction leaves over.
func weightPlaces(before, after float64) int {
	gain := math.Log2(before/max(after, before*1e-6)) / 2
	return min(15, 5+int(gain))
}

// autocorrelate computes the first lags of f.y.
func (f *fitter) autocorrelate(r *[maxTaps + 1]float64) {
	for lag := range r {
		var sum float64
		y, z := f.y[lag:], f.y
		for i, v := range y {
			sum += float64(v * z[i])
		}
		r[lag] = sum
	}
}

// levinson extends the weights a from k to k+1 taps (Levinson and Durbin's
// recursion) and returns the remaining energy.
func levinson(a *[maxTaps]float64, r *[maxTaps + 1]float64, k int, err float64) float64 {
	acc := r[k+1]
	for j := range k {
		acc -= float64(a[j] * r[k-j])
	}
	g := acc / err
	old := *a
	a[k] = g
	for j := range k {
		a[j] = old[j] - float64(g*old[k-1-j])
	}
	return err * (1 - float64(g*g))
}
