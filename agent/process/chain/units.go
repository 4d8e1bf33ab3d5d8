package chain

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/telhub/telhub/internal/spell"
)

// unit is a unit and how it becomes the base of its quantity:
// v · num/den + shift/shiftDen. Whole numbers keep conversions exact.
type unit struct {
	name, base      string
	num, den        float64
	shift, shiftDen float64
}

// linked lists the units that convert into others: the secondary units of RFC
// 8798 section 3 (and later entries of that registry), and those primary ones
// of RFC 8428 section 12.1 that measure the same quantity. degF is ours.
func linked() []unit {
	return []unit{
		{"Cel", "Cel", 1, 1, 0, 1}, {"K", "Cel", 1, 1, -27315, 100}, {"degF", "Cel", 5, 9, -160, 9},
		{"s", "s", 1, 1, 0, 1}, {"ms", "s", 1, 1000, 0, 1}, {"min", "s", 60, 1, 0, 1}, {"h", "s", 3600, 1, 0, 1},
		{"Hz", "Hz", 1, 1, 0, 1}, {"MHz", "Hz", 1e6, 1, 0, 1},
		{"1/s", "1/s", 1, 1, 0, 1}, {"1/min", "1/s", 1, 60, 0, 1},
		{"W", "W", 1, 1, 0, 1}, {"kW", "W", 1000, 1, 0, 1},
		{"VA", "VA", 1, 1, 0, 1}, {"kVA", "VA", 1000, 1, 0, 1},
		{"var", "var", 1, 1, 0, 1}, {"kvar", "var", 1000, 1, 0, 1},
		{"C", "C", 1, 1, 0, 1}, {"Ah", "C", 3600, 1, 0, 1},
		{"J", "J", 1, 1, 0, 1}, {"Wh", "J", 3600, 1, 0, 1}, {"kWh", "J", 3.6e6, 1, 0, 1},
		{"vars", "vars", 1, 1, 0, 1}, {"varh", "vars", 3600, 1, 0, 1}, {"kvarh", "vars", 3.6e6, 1, 0, 1},
		{"VAs", "VAs", 1, 1, 0, 1}, {"VAh", "VAs", 3600, 1, 0, 1}, {"kVAh", "VAs", 3.6e6, 1, 0, 1},
		{"J/m", "J/m", 1, 1, 0, 1}, {"Wh/km", "J/m", 36, 10, 0, 1},
		{"bit", "bit", 1, 1, 0, 1}, {"B", "bit", 8, 1, 0, 1}, {"KiB", "bit", 8192, 1, 0, 1}, {"GB", "bit", 8e9, 1, 0, 1},
		{"bit/s", "bit/s", 1, 1, 0, 1}, {"Mbit/s", "bit/s", 1e6, 1, 0, 1}, {"B/s", "bit/s", 8, 1, 0, 1}, {"MB/s", "bit/s", 8e6, 1, 0, 1},
		{"V", "V", 1, 1, 0, 1}, {"mV", "V", 1, 1000, 0, 1},
		{"A", "A", 1, 1, 0, 1}, {"mA", "A", 1, 1000, 0, 1},
		{"dBW", "dBW", 1, 1, 0, 1}, {"dBm", "dBW", 1, 1, -30, 1},
		{"kg/m3", "kg/m3", 1, 1, 0, 1}, {"g/l", "kg/m3", 1, 1, 0, 1}, {"mg/l", "kg/m3", 1, 1000, 0, 1},
		{"ug/l", "kg/m3", 1, 1e6, 0, 1}, {"ug/m3", "kg/m3", 1, 1e9, 0, 1},
		{"m/s", "m/s", 1, 1, 0, 1}, {"km/h", "m/s", 10, 36, 0, 1}, {"m/h", "m/s", 1, 3600, 0, 1}, {"mm/h", "m/s", 1, 3.6e6, 0, 1},
		{"/", "/", 1, 1, 0, 1}, {"%", "/", 1, 100, 0, 1}, {"/100", "/", 1, 100, 0, 1}, {"/1000", "/", 1, 1000, 0, 1},
		{"ppm", "/", 1, 1e6, 0, 1}, {"ppb", "/", 1, 1e9, 0, 1}, {"ppt", "/", 1, 1e12, 0, 1},
		{"Pa", "Pa", 1, 1, 0, 1}, {"hPa", "Pa", 100, 1, 0, 1},
		{"m", "m", 1, 1, 0, 1}, {"mm", "m", 1, 1000, 0, 1}, {"cm", "m", 1, 100, 0, 1}, {"km", "m", 1000, 1, 0, 1},
		{"kg", "kg", 1, 1, 0, 1}, {"g", "kg", 1, 1000, 0, 1},
		{"m3", "m3", 1, 1, 0, 1}, {"l", "m3", 1, 1000, 0, 1},
		{"m3/s", "m3/s", 1, 1, 0, 1}, {"l/s", "m3/s", 1, 1000, 0, 1},
		{"rad", "rad", 1, 1, 0, 1}, {"deg", "rad", math.Pi, 180, 0, 1},
	}
}

// alone lists the primary units that convert into no other.
func alone() []string {
	return strings.Fields(`cd mol sr N F Ohm S Wb T H lm lx Bq Gy Sv kat m2 m/s2 W/m2 cd/m2 lat lon
		pH dB Bspl count %RH %EL EL beat/min beats S/m NTU`)
}

// Units lists the units that are known: those of SenML and "degF".
func Units() (names []string) {
	for _, u := range linked() {
		names = append(names, u.name)
	}
	return append(names, alone()...)
}

// Conversion returns how a value in one unit becomes one in another:
// v · scale + offset.
func Conversion(from, to string) (scale, offset float64, err error) {
	l, err := conversion(from, to)
	return l.mul / l.div, l.add, err
}

func conversion(from, to string) (linear, error) {
	none := linear{mul: 1, div: 1}
	switch {
	case from == "":
		return none, fmt.Errorf("the values have no unit to convert from; set their unit")
	case !slices.Contains(Units(), from):
		return none, fmt.Errorf("unknown unit %q%s", from, meant(from))
	case to == "":
		return none, fmt.Errorf("unit missing; %s", becomes(from))
	case !slices.Contains(Units(), to):
		return none, fmt.Errorf("unknown unit %q%s; %s", to, meant(to), becomes(from))
	case from == to:
		return none, nil
	}
	f, fok := findUnit(from)
	t, tok := findUnit(to)
	if !fok || !tok || f.base != t.base {
		return none, fmt.Errorf("%s does not convert to %s; %s", from, to, becomes(from))
	}
	l := linear{mul: f.num * t.den, div: f.den * t.num}
	l.mul, l.div = lowest(l.mul, l.div)
	l.add = (f.shift*t.shiftDen - t.shift*f.shiftDen) * t.den / (f.shiftDen * t.shiftDen * t.num)
	return l, nil
}

// lowest divides two whole numbers by their greatest common divisor.
func lowest(a, b float64) (float64, float64) {
	g, r := a, b
	for r != 0 {
		g, r = r, math.Mod(g, r)
	}
	if a != math.Floor(a) || b != math.Floor(b) {
		return a, b
	}
	return a / g, b / g
}

func findUnit(name string) (unit, bool) {
	for _, u := range linked() {
		if u.name == name {
			return u, true
		}
	}
	return unit{}, false
}

// becomes says what a known unit converts to.
func becomes(from string) string {
	f, _ := findUnit(from)
	var names []string
	for _, u := range linked() {
		if u.base == f.base && u.name != from {
			names = append(names, u.name)
		}
	}
	if len(names) == 0 {
		return from + " converts to no other unit"
	}
	return from + " converts to " + strings.Join(names, ", ")
}

// meant suggests a unit for what is none.
func meant(name string) string {
	usual := map[string]string{
		"°C": "Cel", "degC": "Cel", "celsius": "Cel", "°F": "degF", "fahrenheit": "degF", "kelvin": "K", "°": "deg",
		"mbar": "hPa", "rh": "%RH", "lux": "lx", "volt": "V", "ampere": "A", "watt": "W", "ohm": "Ohm", "Ω": "Ohm",
		"sec": "s", "µg/m3": "ug/m3", "µg/m³": "ug/m3", "ug/m³": "ug/m3", "m³": "m3", "m²": "m2", "kmh": "km/h", "kph": "km/h",
	}
	near := usual[name]
	for _, u := range Units() {
		if near == "" && strings.EqualFold(u, name) {
			near = u
		}
	}
	if near == "" && len(name) > 2 {
		near = spell.Nearest(name, Units())
	}
	if near == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", near)
}
