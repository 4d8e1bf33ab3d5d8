package chain

import (
	"math"
	"strconv"
)

// People write decimal fractions, and what a sensor's registers hold are
// multiples of one. Binary fractions hold them only nearly, so that 35 · 0.01
// gives 0.35000000000000003, which reads badly and which a codec cannot
// keep in few bits. The steps therefore compute with the decimals behind the
// numbers where these are known.

const (
	maxPlaces   = 15               // decimal places that are tracked
	maxMantissa = 1e12             // longer ones are no decimals that people write
	exactBelow  = float64(1 << 50) // integers below it, and their halves, are exact with room to spare
	rounding    = 1.0 / (1 << 50)  // relative error that a few operations may add up
)

// decimal is mantissa / 10^places in lowest terms.
type decimal struct {
	mantissa int64
	places   int
}

// toDecimal finds the shortest decimal that reads back as x, if it has at most
// twelve digits and fifteen places.
func toDecimal(x float64) (d decimal, ok bool) {
	if x == 0 || x-x != 0 || math.Abs(x) >= maxMantissa {
		return d, x == 0
	}
	var buf [32]byte
	digits := strconv.AppendFloat(buf[:0], x, 'f', -1, 64)
	point := false
	whole := digits[:0]
	for _, c := range digits {
		if c == '.' {
			point = true
			continue
		}
		if point {
			d.places++
		}
		whole = append(whole, c)
	}
	m, err := strconv.ParseInt(string(whole), 10, 64)
	if err != nil || m >= maxMantissa || m <= -maxMantissa || d.places > maxPlaces {
		return decimal{}, false
	}
	d.mantissa = m
	return d, true
}

// times multiplies; ok is false when the product has too many digits.
func (d decimal) times(e decimal) (p decimal, ok bool) {
	if math.Abs(float64(d.mantissa)*float64(e.mantissa)) >= exactBelow {
		return p, false
	}
	p = decimal{d.mantissa * e.mantissa, d.places + e.places}
	for p.places > 0 && p.mantissa%10 == 0 {
		p.mantissa /= 10
		p.places--
	}
	return p, p.places <= maxPlaces
}

// common returns the greatest decimal of which both are multiples.
func (d decimal) common(e decimal) (g decimal, ok bool) {
	g.places = max(d.places, e.places)
	a, aok := d.scaled(g.places)
	b, bok := e.scaled(g.places)
	for b != 0 {
		a, b = b, a%b
	}
	g.mantissa = max(a, -a)
	return g, aok && bok
}

// scaled returns the mantissa at more places.
func (d decimal) scaled(places int) (int64, bool) {
	m := float64(d.mantissa) * math.Pow10(places-d.places)
	return int64(m), math.Abs(m) < exactBelow
}

// float returns the number nearest to the decimal.
func (d decimal) float() float64 { return float64(d.mantissa) / math.Pow10(d.places) }
