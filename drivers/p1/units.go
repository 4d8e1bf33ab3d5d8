package p1

import "math"

// unit says how a telegram's unit becomes SenML's: the value times
// factor·10^exp is in base.
type unit struct {
	base   string
	factor uint64
	exp    int
}

// unitOf finds a unit by its text in the telegram. Quantities without unit
// are numbers of something.
func unitOf(text []byte) (u unit, ok bool) {
	switch string(text) {
	case "":
		return unit{"", 1, 0}, true
	case "kWh":
		return unit{"J", 36, 5}, true
	case "Wh":
		return unit{"J", 36, 2}, true
	case "MWh":
		return unit{"J", 36, 8}, true
	case "GJ":
		return unit{"J", 1, 9}, true
	case "MJ":
		return unit{"J", 1, 6}, true
	case "kJ":
		return unit{"J", 1, 3}, true
	case "J":
		return unit{"J", 1, 0}, true
	case "kvarh":
		return unit{"vars", 36, 5}, true
	case "varh":
		return unit{"vars", 36, 2}, true
	case "kVAh":
		return unit{"VAs", 36, 5}, true
	case "VAh":
		return unit{"VAs", 36, 2}, true
	case "kW":
		return unit{"W", 1, 3}, true
	case "W":
		return unit{"W", 1, 0}, true
	case "MW":
		return unit{"W", 1, 6}, true
	case "kvar":
		return unit{"var", 1, 3}, true
	case "var":
		return unit{"var", 1, 0}, true
	case "kVA":
		return unit{"VA", 1, 3}, true
	case "VA":
		return unit{"VA", 1, 0}, true
	}
	return plainUnit(text)
}

// plainUnit finds the units that stand for neither energy nor power.
func plainUnit(text []byte) (u unit, ok bool) {
	switch string(text) {
	case "V":
		return unit{"V", 1, 0}, true
	case "mV":
		return unit{"V", 1, -3}, true
	case "kV":
		return unit{"V", 1, 3}, true
	case "A":
		return unit{"A", 1, 0}, true
	case "mA":
		return unit{"A", 1, -3}, true
	case "m3":
		return unit{"m3", 1, 0}, true
	case "dm3", "l", "L":
		return unit{"m3", 1, -3}, true
	case "Hz":
		return unit{"Hz", 1, 0}, true
	case "s":
		return unit{"s", 1, 0}, true
	}
	return unit{}, false
}

// fits reports whether an output in the given SenML unit takes values in base.
func (u unit) fits(output string) bool {
	return u.base == output || u.base == "" && output == "count"
}

// number is a decimal as it stands in a telegram.
type number struct {
	negative bool
	digits   uint64
	places   int // behind the point
}

// maxDigits is the most digits that a number may have: 10^15 is still exact.
const maxDigits = 15

// parseNumber reads [-]digits[.digits] and nothing else.
func parseNumber(b []byte) (n number, ok bool) {
	if len(b) > 0 && b[0] == '-' {
		n.negative, b = true, b[1:]
	}
	count, point := 0, false
	for _, c := range b {
		switch {
		case c == '.' && !point && count > 0:
			point = true
		case c < '0' || c > '9':
			return number{}, false
		default:
			n.digits = n.digits*10 + uint64(c-'0')
			count++
			if point {
				n.places++
			}
			if n.digits >= 1e15 || count > 2*maxDigits {
				return number{}, false
			}
		}
	}
	return n, count > 0 && (!point || n.places > 0)
}

// in gives the number in u's base. Up to 2^53 for digits·factor (250,000 GWh in
// steps of 0.001 kWh) the one division or multiplication of exact operands
// makes it the float64 next to the decimal value.
func (n number) in(u unit) float64 {
	v, e := float64(n.digits*u.factor), u.exp-n.places
	if e >= 0 {
		v *= math.Pow10(e)
	} else {
		v /= math.Pow10(-e)
	}
	if n.negative {
		v = -v
	}
	return v
}
