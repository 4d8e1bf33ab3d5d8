package chain

import (
	"math"
	"testing"
	"time"
)

// Values that others have published.

// TestRoundIsThatOfSpreadsheets: the examples of Excel's ROUND, and ties that
// binary fractions do not hold.
func TestRoundIsThatOfSpreadsheets(t *testing.T) {
	for _, r := range []struct {
		v      float64
		places float64
		want   float64
	}{
		{2.15, 1, 2.2}, {2.149, 1, 2.1}, {-1.475, 2, -1.48}, {21.5, -1, 20}, {626.3, -3, 1000}, {1.98, -1, 0}, {-50.55, -2, -100},
		{2.675, 2, 2.68}, {1.005, 2, 1.01}, {1.115, 2, 1.12}, {-2.675, 2, -2.68}, {8.345, 2, 8.35}, {0.285, 2, 0.29},
		{2.5, 0, 3}, {-2.5, 0, -3}, {0.5, 0, 1}, {0.49999999999999994, 0, 0}, {2.6749999999999994, 2, 2.67},
		{0.05, 1, 0.1}, {0.04, 1, 0}, {-0.04, 1, 0}, {9.995, 2, 10}, {99999.95, 1, 100000}, {5, -1, 10}, {4.999, -1, 0},
		{1e300, 2, 1e300}, {4503599627370497.5, 0, 4503599627370498}, {450359962737049.75, 1, 450359962737049.8},
		{1e-300, 15, 0}, {1.2345678901234565, 15, 1.234567890123457}, {math.MaxFloat64, -9, math.MaxFloat64}, {5e-324, 0, 0},
	} {
		got := one(t, Spec{Op: Round, Args: []float64{r.places}}, r.v)
		if got != r.want || got == 0 && math.Signbit(got) {
			t.Errorf("%v rounded to %v places is %v, want %v", r.v, r.places, got, r.want)
		}
	}
}

// TestStepIsMROUND: the examples of Excel's MROUND, and multiples that keep
// their decimals.
func TestStepIsMROUND(t *testing.T) {
	for _, r := range []struct{ v, size, want float64 }{
		{10, 3, 9}, {-10, 3, -9}, {1.3, 0.2, 1.4}, {0.15, 0.1, 0.2}, {1.005, 0.01, 1.01}, {0.31, 0.1, 0.3}, {0.7, 0.1, 0.7}, {-0.01, 0.1, 0},
		{21.37, 0.25, 21.25}, {21.375, 0.25, 21.5}, {0.0078125 * 7.5, 0.0078125, 0.0625}, {7, math.Pi, 2 * math.Pi}, {1e300, 0.5, 1e300},
	} {
		if got := one(t, Spec{Op: Step, Args: []float64{r.size}}, r.v); got != r.want {
			t.Errorf("%v in steps of %v is %v, want %v", r.v, r.size, got, r.want)
		}
	}
}

// TestEWMAOfTheHandbook: the example of Polars' ewm_mean_by, half-life 4 days.
func TestEWMAOfTheHandbook(t *testing.T) {
	day := 24 * time.Hour
	c := compile(t, Info{}, Spec{Op: EWMA, Window: time.Duration(float64(4*day) / math.Ln2)})
	for _, r := range []struct {
		day     time.Duration
		v, want float64
	}{{1, 0, 0}, {3, 1, 0.292893}, {10, 2, 1.492474}, {17, 4, 3.254508}} {
		if got, _ := c.Apply(r.v, int64(r.day*day)); math.Abs(got-r.want) > 5e-7 {
			t.Errorf("day %d: %v, want %v", r.day, got, r.want)
		}
	}
}

// TestWindowOfTheHandbook: the sums of the example of pandas' rolling("2s"),
// whose window is (t-2s, t] too.
func TestWindowOfTheHandbook(t *testing.T) {
	c := compile(t, Info{Every: time.Second}, Spec{Op: Mean, Window: 2 * time.Second})
	for _, r := range []struct{ second, v, want float64 }{{0, 0, 0}, {2, 1, 1}, {3, 2, 3.0 / 2}, {6, 4, 4}} {
		if got, _ := c.Apply(r.v, int64(r.second*1e9)); got != r.want {
			t.Errorf("second %v: %v, want %v", r.second, got, r.want)
		}
	}
}

// TestOutliersOfTheHandbook: the data of MATLAB's isoutlier, whose outliers by
// three scaled median deviations are the fourth and the ninth.
func TestOutliersOfTheHandbook(t *testing.T) {
	c := compile(t, Info{Resolution: 1}, Spec{Op: Outlier, Args: []float64{3}})
	for i, v := range []float64{57, 59, 60, 100, 59, 58, 57, 58, 300, 61, 62, 60, 62, 58, 57} {
		want := Pass
		if i == 3 || i == 8 {
			want = Hold
		}
		if _, got := c.Apply(v, int64(i)*1e9); got != want {
			t.Errorf("value %d, %v: verdict %d, want %d", i+1, v, got, want)
		}
	}
}

// TestConversionFactors: factors of NIST SP 811 appendix B.8 and temperatures
// of its B.8 and 8.5, and the table of RFC 8798 section 3.
func TestConversionFactors(t *testing.T) {
	for _, r := range []struct {
		from, to      string
		scale, offset float64
	}{
		// NIST SP 811
		{"degF", "Cel", 5. / 9, -160. / 9}, {"Cel", "degF", 1.8, 32}, {"Cel", "K", 1, 273.15}, {"K", "Cel", 1, -273.15},
		{"degF", "K", 5. / 9, 459.67 * 5 / 9}, {"K", "degF", 1.8, -459.67}, {"deg", "rad", 1.745329251994329577e-2, 0},
		{"kWh", "J", 3.6e6, 0}, {"Wh", "J", 3.6e3, 0}, {"Ah", "C", 3.6e3, 0}, {"l", "m3", 1e-3, 0}, {"km/h", "m/s", 2.5 / 9, 0},
		{"h", "s", 3600, 0}, {"min", "s", 60, 0}, {"g", "kg", 1e-3, 0},
		// RFC 8798
		{"ms", "s", 1. / 1000, 0}, {"MHz", "Hz", 1e6, 0}, {"kW", "W", 1000, 0}, {"kVA", "VA", 1000, 0}, {"kvar", "var", 1000, 0},
		{"varh", "vars", 3600, 0}, {"kvarh", "vars", 3.6e6, 0}, {"kVAh", "VAs", 3.6e6, 0}, {"Wh/km", "J/m", 3.6, 0},
		{"KiB", "B", 1024, 0}, {"GB", "B", 1e9, 0}, {"Mbit/s", "bit/s", 1e6, 0}, {"B/s", "bit/s", 8, 0}, {"MB/s", "bit/s", 8e6, 0},
		{"mV", "V", 1. / 1000, 0}, {"mA", "A", 1. / 1000, 0}, {"dBm", "dBW", 1, -30}, {"ug/m3", "kg/m3", 1e-9, 0},
		{"mm/h", "m/s", 1. / 3600000, 0}, {"m/h", "m/s", 1. / 3600, 0}, {"ppm", "/", 1e-6, 0}, {"/100", "/", 1. / 100, 0},
		{"/1000", "/", 1. / 1000, 0}, {"hPa", "Pa", 100, 0}, {"mm", "m", 1. / 1000, 0}, {"cm", "m", 1. / 100, 0}, {"km", "m", 1000, 0},
		// across
		{"kWh", "Wh", 1000, 0}, {"mm", "cm", 0.1, 0}, {"dBW", "dBm", 1, 30}, {"%", "/100", 1, 0}, {"mg/l", "g/l", 1. / 1000, 0}, {"Pa", "Pa", 1, 0},
	} {
		scale, offset, err := Conversion(r.from, r.to)
		if err != nil || !near(scale, r.scale) || !near(offset, r.offset) {
			t.Errorf("%s to %s: %.17g, %.17g, %v, want %.17g, %.17g", r.from, r.to, scale, offset, err, r.scale, r.offset)
		}
	}
}

// near allows one unit in the last place.
func near(got, want float64) bool { return math.Abs(got-want) <= math.Abs(want)*0x1p-52 }

// TestConversionsGoThereAndBack: each pair of units, and what cannot be.
func TestConversionsGoThereAndBack(t *testing.T) {
	pairs := 0
	for _, from := range Units() {
		for _, to := range Units() {
			scale, offset, err := Conversion(from, to)
			back, backOffset, backErr := Conversion(to, from)
			if (err == nil) != (backErr == nil) {
				t.Errorf("%s to %s: %v; back: %v", from, to, err, backErr)
			}
			if err != nil {
				continue
			}
			pairs++
			if v := (12.5*scale+offset)*back + backOffset; math.Abs(v-12.5) > 1e-11 {
				t.Errorf("12.5 %s to %s and back is %v", from, to, v)
			}
		}
	}
	if pairs < len(Units())+2*50 {
		t.Errorf("only %d pairs of units convert", pairs)
	}
}

// one applies a step to one value.
func one(t *testing.T, s Spec, v float64) float64 {
	t.Helper()
	got, verdict := compile(t, Info{}, s).Apply(v, 1e9)
	if verdict != Pass {
		t.Fatalf("%v of %v does not pass", s, v)
	}
	return got
}
