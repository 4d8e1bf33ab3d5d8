package expr

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// eval computes a constant expression.
func eval(t *testing.T, format string, args ...any) float64 {
	t.Helper()
	src := fmt.Sprintf(format, args...)
	v, ok := compile(t, src).Eval(nil, 0)
	if !ok {
		t.Fatalf("%s has no value", src)
	}
	return v
}

// TestPublished holds values that others print: they anchor the formulas.
func TestPublished(t *testing.T) {
	for _, c := range []struct {
		expr      string
		want, tol float64
		source    string
	}{
		{"dewpoint(25, 10)", -8.77, 0.005, "Sensirion application note Dew-point Calculation, example 1"},
		{"dewpoint(50, 90)", 47.90, 0.005, "the same, example 2"},
		{"dewpoint(20, 100)", 20, 1e-12, "saturated air"},
		{"dewpoint(-10, 100)", -10, 1e-12, "saturated air"},

		// Tetens's formula, as FAO uses it, and the Magnus formula differ by up to 0.3 %.
		{"vpd(1, 0) / 1000", 0.657, 0.003, "FAO Irrigation and Drainage Paper 56, table 2.3"},
		{"vpd(10, 0) / 1000", 1.228, 0.004, "the same"},
		{"vpd(20, 0) / 1000", 2.338, 0.008, "the same"},
		{"vpd(25, 0) / 1000", 3.168, 0.011, "the same"},
		{"vpd(30, 0) / 1000", 4.243, 0.014, "the same"},
		{"vpd(25, 100)", 0, 1e-9, "saturated air lacks nothing"},

		{"sea_level(101325, 0)", 101325, 1e-9, "ISO 2533, 0 m"},
		{"sea_level(95460.8, 500)", 101325, 1, "ISO 2533, table 5, 500 m"},
		{"sea_level(89874.6, 1000)", 101325, 1, "the same, 1000 m"},
		{"sea_level(79495.2, 2000)", 101325, 1, "the same, 2000 m"},
		{"sea_level(70108.5, 3000)", 101325, 1, "the same, 3000 m"},
		// At 500 m the standard atmosphere has 11.75 °C.
		{"sea_level(95460.8, 500, 11.75)", 101325, 2, "the two reductions agree in the standard atmosphere"},
		{"sea_level(89874.6, 1000, 8.5)", 101325, 10, "the same, 1000 m"},
	} {
		if got := eval(t, "%s", c.expr); math.Abs(got-c.want) > c.tol {
			t.Errorf("%s = %v, want %v ± %v (%s)", c.expr, got, c.want, c.tol, c.source)
		}
	}
}

// TestSaturatedAir compares with a printed table of the water content of
// saturated air, in g/m3 from 19 °C on, as used for respiratory gas: to 0.05 of
// its rounding, and the 0.5 % by which the Magnus formula and the ideal gas are
// off.
func TestSaturatedAir(t *testing.T) {
	table := []float64{16.3, 17.3, 18.4, 19.4, 20.6, 21.8, 23.0, 24.4, 25.8, 27.2, 28.8, 30.4, 32.0, 33.8, 35.6, 37.6, 39.6, 41.7, 43.9, 46.2, 48.6, 51.1, 53.7}
	for i, want := range table {
		if got := eval(t, "abs_humidity(%d, 100)", 19+i); math.Abs(got-want) > 0.05+0.005*want {
			t.Errorf("saturated air of %d °C holds %.2f g/m3, want %.1f", 19+i, got, want)
		}
	}
}

// heatChart is the heat index chart of the US National Weather Service: °F from
// 80 in steps of 2, a row for each relative humidity.
const heatChart = `
40  80 81 83 85 88 91 94 97 101 105 109 114 119 124 130 136
45  80 82 84 87 89 93 96 100 104 109 114 119 124 130 137
50  81 83 85 88 91 95 99 103 108 113 118 124 131 137
55  81 84 86 89 93 97 101 106 112 117 124 130 137
60  82 84 88 91 95 100 105 110 116 123 129 137
65  82 85 89 93 98 103 108 114 121 128 136
70  83 86 90 95 100 105 112 119 126 134
75  84 88 92 97 103 109 116 124 132
80  84 89 94 100 106 113 121 129
85  85 90 96 102 110 117 126 135
90  86 91 98 105 113 122 131
95  86 93 100 108 117 127
100 87 95 103 112 121 132`

func TestHeatIndexChart(t *testing.T) {
	for row := range strings.Lines(strings.TrimSpace(heatChart)) {
		f := strings.Fields(row)
		for i, want := range f[1:] {
			fahrenheit := 80 + 2*i
			got := eval(t, "heat_index((%d - 32) / 1.8, %s) * 1.8 + 32", fahrenheit, f[0])
			if wet := number(t, f[0]) - 85; wet > 0 && fahrenheit < 87 {
				got -= wet / 10 * float64(87-fahrenheit) / 5 // the chart is the regression without its adjustments
			}
			if math.Abs(got-number(t, want)) > 1 {
				t.Errorf("%d °F and %s %%: %.2f, want %s", fahrenheit, f[0], got, want)
			}
		}
	}
}

// TestPhysicsHasNoValue checks what is beyond the formulas.
func TestPhysicsHasNoValue(t *testing.T) {
	for _, src := range []string{
		"dewpoint(20, 0)", "dewpoint(20, -1)", "dewpoint(-243.12, 50)", "dewpoint(-300, 50)", "dewpoint(0/0, 50)", "dewpoint(20, 0/0)",
		"abs_humidity(20, -0.1)", "abs_humidity(-273.15, 50)", "vpd(20, -1)", "vpd(-250, 50)", "heat_index(30, -1)", "heat_index(0/0, 50)",
		"sea_level(100000, 50000)", "sea_level(100000, 500, -300)", "sea_level(0/0, 5)",
		"sqrt(-1)", "ln(0)", "ln(-1)", "log10(0)", "1/0", "0/0", "-1/0", "1e308*10", "exp(1000)", "(-8)^(1/3)",
		"0/0 < 1", "1 != 0/0", "not (0/0)", "0 and 0/0", "1 or 0/0", "if(0/0, 1, 2)", "min(1, 0/0)", "max(0/0, 1)", "(0/0)^0", "1^(0/0)",
		"hypot(1/0, 0/0)", "clamp(1, 3, 2)", "clamp(0/0, 1, 2)", "round(0/0, 2)", "integral(1/0)", "total(-1)", "rate(3)",
	} {
		if v, ok := compile(t, src).Eval(nil, 0); ok || v != 0 {
			t.Errorf("%s = %v, want no value", src, v)
		}
	}
}

func TestDewpointProperties(t *testing.T) {
	for temp := -45.0; temp <= 60; temp += 7.5 {
		last := math.Inf(-1)
		for rh := 1.0; rh <= 100; rh += 3 {
			dew := eval(t, "dewpoint(%g, %g)", temp, rh)
			if dew <= last || dew > temp+1e-12 {
				t.Errorf("dew point of %g °C and %g %% is %g: below that of drier air (%g), or above the air", temp, rh, dew, last)
			}
			if back := eval(t, "100 * vpd(%g, 0) / vpd(%g, 0)", dew, temp); math.Abs(back-rh) > 1e-9 {
				t.Errorf("%g °C and %g %%: the dew point %g gives %g %% back", temp, rh, dew, back)
			}
			last = dew
		}
	}
}
