package expr

import (
	"fmt"
	"math"
	"strings"
)

// Function describes a function of the language, for its reference.
type Function struct {
	Name      string
	Signature string // round(x[, decimals]): what stands in square brackets may be left out
	Doc       string // what it gives, with units
}

// Functions lists all functions in the order in which a reference tells of
// them.
func Functions() []Function {
	list := make([]Function, len(builtins))
	for i := range builtins {
		list[i] = builtins[i].Function
	}
	return list
}

// many is the number of arguments of a function that takes any number.
const many = maxLen

// builtin is a function and how it is computed: by call, or by a state of each
// call site.
type builtin struct {
	Function
	least, most int // arguments
	call        func(args []float64) float64
	state       stateKind
}

// builtins is the catalogue. It is never written to.
var builtins = [...]builtin{
	{Function: Function{"abs", "abs(x)", "the value without its sign"}, least: 1, most: 1, call: abs},
	{Function: Function{"min", "min(a, b, ...)", "the smallest of two or more values"}, least: 2, most: many, call: least},
	{Function: Function{"max", "max(a, b, ...)", "the greatest of two or more values"}, least: 2, most: many, call: greatest},
	{Function: Function{"clamp", "clamp(x, low, high)", "x, but not below low nor above high"}, least: 3, most: 3, call: clamp},
	{Function: Function{"if", "if(condition, a, b)", "a when the condition holds (is not 0), else b; both are always evaluated"}, least: 3, most: 3, call: choose},
	{Function: Function{"round", "round(x[, decimals])", "x rounded to a whole number or to decimals (-15 to 15), half away from zero"}, least: 1, most: 2, call: round},
	{Function: Function{"floor", "floor(x)", "the greatest whole number that is not above x"}, least: 1, most: 1, call: floor},
	{Function: Function{"ceil", "ceil(x)", "the smallest whole number that is not below x"}, least: 1, most: 1, call: ceil},
	{Function: Function{"sqrt", "sqrt(x)", "the square root; no value for x below 0"}, least: 1, most: 1, call: sqrt},
	{Function: Function{"pow", "pow(x, y)", "x to the power of y, like x ^ y"}, least: 2, most: 2, call: pow},
	{Function: Function{"exp", "exp(x)", "e to the power of x"}, least: 1, most: 1, call: exp},
	{Function: Function{"ln", "ln(x)", "the natural logarithm; no value for x not above 0"}, least: 1, most: 1, call: ln},
	{Function: Function{"log10", "log10(x)", "the decimal logarithm; no value for x not above 0"}, least: 1, most: 1, call: log10},
	{Function: Function{"sin", "sin(x)", "the sine of an angle in radians"}, least: 1, most: 1, call: sin},
	{Function: Function{"cos", "cos(x)", "the cosine of an angle in radians"}, least: 1, most: 1, call: cos},
	{Function: Function{"tan", "tan(x)", "the tangent of an angle in radians"}, least: 1, most: 1, call: tan},
	{Function: Function{"atan2", "atan2(y, x)", "the angle of the point (x, y) in radians, from -pi to pi"}, least: 2, most: 2, call: atan2},
	{Function: Function{"hypot", "hypot(x, y)", "sqrt(x^2 + y^2) without overflow"}, least: 2, most: 2, call: hypot},

	{Function: Function{"dewpoint", "dewpoint(T, RH)", "dew point over water in °C, from air temperature in °C (-45 to 60) and relative humidity in % (Magnus formula, WMO-No. 8)"}, least: 2, most: 2, call: dewpoint},
	{Function: Function{"abs_humidity", "abs_humidity(T, RH)", "absolute humidity in g/m3, from °C and %"}, least: 2, most: 2, call: absHumidity},
	{Function: Function{"vpd", "vpd(T, RH)", "vapour pressure deficit in Pa, from °C and %"}, least: 2, most: 2, call: vpd},
	{Function: Function{"heat_index", "heat_index(T, RH)", "heat index of the US National Weather Service in °C, from °C and %; it means something from about 20 °C on"}, least: 2, most: 2, call: heatIndex},
	{Function: Function{"sea_level", "sea_level(p, altitude[, T])", "pressure in Pa reduced to sea level, from station pressure in Pa, altitude in m, and air temperature in °C; without T for the standard atmosphere"}, least: 2, most: 3, call: seaLevel},

	{Function: Function{"integral", "integral(x[, modulus])", "the integral of x over time in x-seconds, trapezoidal: W become J. It survives restarts and does not bridge gaps. With modulus it rolls over to 0 there, as a meter does"}, least: 1, most: 2, state: integral},
	{Function: Function{"total", "total(x[, modulus])", "a counter that only grows, from a device's counter that restarts at 0 or wraps at modulus (65536 for 16 bits). It begins with x, and goes on over restarts"}, least: 1, most: 2, state: total},
	{Function: Function{"rate", "rate(x)", "the change of x per second since its last value; no value for the first one"}, least: 1, most: 1, state: rate},
}

func lookup(name string) *builtin {
	for i := range builtins {
		if builtins[i].Name == name {
			return &builtins[i]
		}
	}
	return nil
}

// check looks at the number of arguments, and at those that must be constant.
func (f *builtin) check(n *node) *Error {
	if len(n.args) < f.least || len(n.args) > f.most {
		return &Error{n.pos, fmt.Sprintf("%s takes %s, not %d", f.Name, f.count(), len(n.args)), "write " + f.Signature + f.hint(len(n.args))}
	}
	if len(n.args) < 2 {
		return nil
	}
	arg := n.args[1]
	switch v := arg.value(); {
	case f.state != stateless && (!arg.constant() || !(v > 0) || math.IsInf(v, 0)):
		return &Error{arg.pos, fmt.Sprintf("the modulus of %s is not a constant above 0", f.Name), fmt.Sprintf("write a number, as in %s(x, 65536)", f.Name)}
	case f.Name == "round" && (!arg.constant() || v != math.Trunc(v) || math.Abs(v) > 15):
		return &Error{arg.pos, "the decimals of round are not a constant whole number from -15 to 15", "write a number, as in round(x, 1)"}
	}
	return nil
}

// count says how many values f takes.
func (f *builtin) count() string {
	switch {
	case f.most == many:
		return fmt.Sprintf("%d or more values", f.least)
	case f.most != f.least:
		return fmt.Sprintf("%d or %d values", f.least, f.most)
	case f.most == 1:
		return "1 value"
	}
	return fmt.Sprintf("%d values", f.least)
}

func (f *builtin) hint(args int) string {
	if args == 1 && f.most == many {
		return "; the " + f.Name + " over time is a filter of the channel"
	}
	if args == 0 && strings.HasPrefix(f.Signature, f.Name+"(T") {
		return ", with the outputs for temperature and humidity"
	}
	return ""
}

// The functions of one value.

func abs(a []float64) float64   { return math.Abs(a[0]) }
func floor(a []float64) float64 { return math.Floor(a[0]) }
func ceil(a []float64) float64  { return math.Ceil(a[0]) }
func sqrt(a []float64) float64  { return math.Sqrt(a[0]) }
func exp(a []float64) float64   { return math.Exp(a[0]) }
func ln(a []float64) float64    { return math.Log(a[0]) }
func log10(a []float64) float64 { return math.Log10(a[0]) }
func sin(a []float64) float64   { return math.Sin(a[0]) }
func cos(a []float64) float64   { return math.Cos(a[0]) }
func tan(a []float64) float64   { return math.Tan(a[0]) }

// The functions of more.

func atan2(a []float64) float64 { return math.Atan2(a[0], a[1]) }

// hypot gives no number for none: math.Hypot(Inf, NaN) would be Inf.
func hypot(a []float64) float64 {
	if isNaN(a[0]) || isNaN(a[1]) {
		return math.NaN()
	}
	return math.Hypot(a[0], a[1])
}

func pow(a []float64) float64 { return power(a[0], a[1]) }

// power gives no number for none: math.Pow(NaN, 0) and math.Pow(1, NaN) would
// be 1.
func power(x, y float64) float64 {
	if isNaN(x) || isNaN(y) {
		return math.NaN()
	}
	return math.Pow(x, y)
}

// least is NaN if one of the values is; so is greatest.
func least(a []float64) float64 {
	v := a[0]
	for _, x := range a[1:] {
		if x < v || isNaN(x) {
			v = x
		}
		if isNaN(v) {
			return v
		}
	}
	return v
}

func greatest(a []float64) float64 {
	v := a[0]
	for _, x := range a[1:] {
		if x > v || isNaN(x) {
			v = x
		}
		if isNaN(v) {
			return v
		}
	}
	return v
}

// clamp has no value for limits that leave none.
func clamp(a []float64) float64 {
	x, low, high := a[0], a[1], a[2]
	switch {
	case !(low <= high):
		return math.NaN()
	case x < low:
		return low
	case x > high:
		return high
	}
	return x
}

func choose(a []float64) float64 {
	switch {
	case isNaN(a[0]):
		return a[0]
	case a[0] != 0:
		return a[1]
	}
	return a[2]
}

// round rounds what x·10^decimals is as a float64; a value too great for that
// has no such decimals and stays.
func round(a []float64) float64 {
	if len(a) == 1 || a[1] == 0 {
		return math.Round(a[0])
	}
	if a[1] < 0 {
		step := math.Pow10(int(-a[1]))
		return math.Round(a[0]/step) * step
	}
	factor := math.Pow10(int(a[1]))
	if scaled := a[0] * factor; math.Abs(scaled) < 1<<53 {
		return math.Round(scaled) / factor
	}
	return a[0]
}

func isNaN(x float64) bool { return x != x }
