package profile

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// formula is a product of numbers and constants, some of them divisors.
type formula []factor

type factor struct {
	value  float64
	name   string // of a constant; then value is unused
	divide bool
}

// eval computes the formula with consts.
func (f formula) eval(consts map[string]float64) float64 {
	v := 1.0
	for _, x := range f {
		w := x.value
		if x.name != "" {
			w = consts[x.name]
		}
		if x.divide {
			v /= w
		} else {
			v *= w
		}
	}
	return v
}

// parseFormula reads "0.00001 / shunt": numbers and names of consts with * or /
// between them, worked from left to right.
func parseFormula(s string, consts map[string]float64) (formula, error) {
	words := strings.Fields(strings.NewReplacer("*", " * ", "/", " / ").Replace(s))
	if len(words)%2 == 0 || len(words) > 15 {
		return nil, fmt.Errorf(`want numbers and constants with * or / between them, such as "0.00001 / shunt"`)
	}
	var f formula
	for i := 0; i < len(words); i += 2 {
		x := factor{divide: i > 0 && words[i-1] == "/"}
		if i > 0 && words[i-1] != "*" && words[i-1] != "/" {
			return nil, fmt.Errorf("want * or / instead of %q", words[i-1])
		}
		v, err := strconv.ParseFloat(words[i], 64)
		_, isConst := consts[words[i]]
		switch {
		case isConst:
			x.name = words[i]
		case err == nil && !math.IsNaN(v) && !math.IsInf(v, 0):
			x.value = v
		default:
			return nil, fmt.Errorf("%q is neither a number nor a constant%s", words[i], didYouMean(words[i], slices.Sorted(maps.Keys(consts))))
		}
		f = append(f, x)
	}
	return f, nil
}

// formula gives the formula under key, which is a number or text.
func (t table) formula(key string, byDefault float64, consts map[string]float64) formula {
	v, ok := t.m[key]
	if !ok {
		return formula{{value: byDefault}}
	}
	if n, ok := number(v); ok {
		return formula{{value: n}}
	}
	s, ok := v.(string)
	if !ok {
		t.problem(key, `want a number, or text such as "0.00001 / shunt"`)
		return formula{{value: 1}}
	}
	f, err := parseFormula(s, consts)
	if err != nil {
		t.problem(key, "%v", err)
		return formula{{value: 1}}
	}
	return f
}

// line computes (x × num + add) / den. Kept as a fraction because then a scale
// like 0.004 gives the double nearest to the decimal, which later is sent
// as "11.98" and packed as an integer, and not as 11.980000000000002.
type line struct{ num, add, den float64 }

func (l line) at(x float64) float64 { return (x*l.num + l.add) / l.den }

// slope is the value of one step.
func (l line) slope() float64 { return math.Abs(l.num / l.den) }

// ok reports whether the line is one: finite, and neither level nor upright.
func (l line) ok() bool {
	for _, v := range []float64{l.num / l.den, l.add / l.den} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return l.num != 0
}

// scaled is the line x × scale + offset, as a decimal fraction where scale
// and offset are short decimals.
func scaled(scale, offset float64) line {
	for den := 1.0; den <= 1e12; den *= 10 {
		num, add := math.Round(scale*den), math.Round(offset*den)
		if math.Abs(num) > 1e9 || math.Abs(add) > 1e15 {
			break
		}
		if near(num/den, scale) && near(add/den, offset) {
			return line{num, add, den}
		}
	}
	return line{scale, offset, 1}
}

// near allows for the last bit or two that a formula's arithmetic loses.
func near(a, b float64) bool { return math.Abs(a-b) <= 4e-16*math.Abs(b) }

// through is the line through two points.
func through(x1, y1, x2, y2 float64) line {
	dx, dy := x2-x1, y2-y1
	return line{dy, y1*dx - x1*dy, dx}
}
