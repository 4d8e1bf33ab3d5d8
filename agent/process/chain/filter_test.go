package chain

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseFilter(t *testing.T) {
	for text, want := range map[string]Spec{
		"median 5":         {Op: Median, Count: 5},
		"  mean   1m ":     {Op: Mean, Window: time.Minute},
		"min 10":           {Op: Min, Count: 10},
		"max 30s":          {Op: Max, Window: 30 * time.Second},
		"mean 1h30m":       {Op: Mean, Window: 90 * time.Minute},
		"ewma 1d12h":       {Op: EWMA, Window: 36 * time.Hour},
		"ewma 500ms":       {Op: EWMA, Window: 500 * time.Millisecond},
		"outlier 3":        {Op: Outlier, Args: []float64{3}},
		"outlier 2.5":      {Op: Outlier, Args: []float64{2.5}},
		"throttle 10s":     {Op: Throttle, Window: 10 * time.Second},
		"round 1":          {Op: Round, Args: []float64{1}},
		"round 0":          {Op: Round, Args: []float64{0}},
		"round -2":         {Op: Round, Args: []float64{-2}},
		"step 0.25":        {Op: Step, Args: []float64{0.25}},
		"median 65536":     {Op: Median, Count: 65536},
		"throttle 0.5s":    {Op: Throttle, Window: 500 * time.Millisecond},
		"step 1e-3":        {Op: Step, Args: []float64{0.001}},
		"mean 7d":          {Op: Mean, Window: 168 * time.Hour},
		"throttle 1.5h10m": {Op: Throttle, Window: 100 * time.Minute},
	} {
		got, err := ParseFilter(text)
		if err != nil || !same(got, want) {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func same(a, b Spec) bool {
	return a.Op == b.Op && a.Count == b.Count && a.Window == b.Window && a.Unit == b.Unit && slices.Equal(a.Args, b.Args)
}

func TestParseFilterErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                 `filter "": empty; want one of median, mean, min, max, ewma, outlier, throttle, round, step`,
		"medain 5":         `filter "medain 5": unknown filter "medain"; did you mean median?`,
		"Median 5":         `filter "Median 5": unknown filter "Median"; did you mean median?`,
		"kalman 5":         `filter "kalman 5": unknown filter "kalman"; want one of median, mean, min, max, ewma, outlier, throttle, round, step`,
		"offset 5":         `filter "offset 5": offset is not a filter but a key of its own: offset = …`,
		"median":           `filter "median": nothing follows "median"; want a whole number of values (median 5) or a time (median 30s)`,
		"median 5 6":       `filter "median 5 6": "6" is too much; want a whole number of values (median 5) or a time (median 30s)`,
		"median 0":         `filter "median 0": a window of 0 values; want at least 1`,
		"median -5":        `filter "median -5": a window of -5 values; want 1 to 65536`,
		"median 65537":     `filter "median 65537": a window of 65537 values; want 1 to 65536`,
		"min 999999999999": `filter "min 999999999999": a window of 2147483647 values; want 1 to 65536`,
		"median 2.5":       `filter "median 2.5": "2.5" is not a whole number of values (median 5) or a time (median 30s)`,
		"mean 1x":          `filter "mean 1x": "1x" is not a whole number of values (mean 5) or a time (mean 30s)`,
		"mean 0s":          `filter "mean 0s": "0s" is no time at all; want more than 0`,
		"mean -1s":         `filter "mean -1s": "-1s" is not a whole number of values (mean 5) or a time (mean 30s)`,
		"mean 1e3":         `filter "mean 1e3": "1e3" is not a whole number of values (mean 5) or a time (mean 30s)`,
		"mean 1dx":         `filter "mean 1dx": "1dx" is not a whole number of values (mean 5) or a time (mean 30s)`,
		"ewma 5":           `filter "ewma 5": "5" has no unit of time; want a time (ewma 30s)`,
		"ewma 0":           `filter "ewma 0": "0" has no unit of time; want a time (ewma 30s)`,
		"throttle fast":    `filter "throttle fast": "fast" is not a time (throttle 30s)`,
		"outlier 0":        `filter "outlier 0": 0 is not above 0`,
		"outlier NaN":      `filter "outlier NaN": "NaN" is not a number above 0 (outlier 3)`,
		"outlier Inf":      `filter "outlier Inf": "Inf" is not a number above 0 (outlier 3)`,
		"outlier 1e999":    `filter "outlier 1e999": "1e999" is not a number above 0 (outlier 3)`,
		"step -1":          `filter "step -1": -1 is not above 0`,
		"step 0x10":        `filter "step 0x10": "0x10" is not a number above 0 (step 0.25)`,
		"step 1_000":       `filter "step 1_000": "1_000" is not a number above 0 (step 0.25)`,
		"round 1.5":        `filter "round 1.5": "1.5" is not a whole number of decimals (round 1)`,
		"round 16":         `filter "round 16": 16 decimals; want a whole number from -9 to 15`,
		"round 1s":         `filter "round 1s": "1s" is not a whole number of decimals (round 1)`,
	} {
		_, err := ParseFilter(text)
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	long := make([]float64, 2*maxPoints+2)
	for _, r := range []struct {
		spec Spec
		info Info
		want string
	}{
		{Spec{Op: Offset}, Info{}, `offset: 0 arguments; want 1: a number`},
		{Spec{Op: Offset, Args: []float64{nan}}, Info{}, `offset NaN: argument 1 is NaN; want a finite number`},
		{Spec{Op: Scale, Args: []float64{0}}, Info{}, `scale 0: the factor 0 leaves nothing of a value; want another`},
		{Spec{Op: Scale, Args: []float64{1, 2}}, Info{}, `scale 1 2: 2 arguments; want 1: a factor`},
		{Spec{Op: Calibrate, Args: []float64{1, 2}}, Info{}, `calibrate 1 2: 1 points; want at least 2: [[measured, true], [measured, true]]`},
		{Spec{Op: Calibrate, Args: []float64{1, 2, 3}}, Info{}, `calibrate 1 2 3: the measured value 3 has no true one; want pairs [measured, true]`},
		{Spec{Op: Calibrate, Args: []float64{1, 2, 5, 6, 1, 3}}, Info{}, `calibrate 1 2 5 6 1 3: measured value 1 has two true ones, 2 and 3; want one`},
		{Spec{Op: Calibrate, Args: []float64{1, 2, 5, inf}}, Info{}, `calibrate 1 2 5 +Inf: argument 4 is +Inf; want a finite number`},
		{Spec{Op: Calibrate, Args: []float64{0, -1e308, 1e-9, 1e308}}, Info{}, `the slope at the measured value 0 is too large for a number; want points further apart`},
		{Spec{Op: Calibrate, Args: long}, Info{}, `257 points; want at most 256`},
		{Spec{Op: Polynomial, Args: []float64{1}}, Info{}, `polynomial 1: 1 coefficients; want 2 to 16, the constant first`},
		{Spec{Op: Valid, Args: []float64{50, -40}}, Info{}, `valid 50 -40: the lowest value 50 is above the highest -40; swap them`},
		{Spec{Op: Valid, Args: []float64{nan, 1}}, Info{}, `valid NaN 1: NaN is no limit; want a number`},
		{Spec{Op: Valid, Args: []float64{1}}, Info{}, `valid 1: 1 limits; want 2: [lowest, highest]`},
		{Spec{Op: Rate, Args: []float64{-1}}, Info{}, `rate -1: -1 is not above 0`},
		{Spec{Op: Median}, Info{}, `median: a window of 0s; want a number of values (1 to 65536) or a time above 0`},
		{Spec{Op: Mean, Count: 3, Window: time.Second}, Info{}, `mean 3: a window of 3 values and of 1s; want one of the two`},
		{Spec{Op: EWMA, Window: -1}, Info{}, `ewma -1ns: time -1ns; want more than 0`},
		{Spec{Op: Step + 1}, Info{}, `step 16: there is no such step`},
		{Spec{Op: Round, Args: []float64{0.5}}, Info{}, `round 0.5: 0.5 decimals; want a whole number from -9 to 15`},
		{Spec{Op: Mean, Window: 24 * time.Hour}, Info{Every: time.Second}, `mean 24h: at a value each 1s the window holds 86400 values, more than 65536; want a window of at most 18h12m16s, or a throttle before it`},
		{Spec{Op: Max, Window: 2 * time.Hour}, Info{}, `max 2h: at a value each 100ms the window holds 72000 values, more than 65536; want a window of at most 1h49m13.6s, or a throttle before it`},
		{Spec{Op: Max, Window: math.MaxInt64}, Info{Every: 1}, `more than 65536; want a window of at most 65.536µs, or a throttle before it`},
		{Spec{Op: Convert, Unit: "hPa"}, Info{}, `convert hPa: the values have no unit to convert from; set their unit`},
		{Spec{Op: Convert}, Info{Unit: "Pa"}, `convert: unit missing; Pa converts to hPa`},
		{Spec{Op: Convert, Unit: "hpa"}, Info{Unit: "Pa"}, `convert hpa: unknown unit "hpa" (did you mean hPa?); Pa converts to hPa`},
		{Spec{Op: Convert, Unit: "°F"}, Info{Unit: "Cel"}, `convert °F: unknown unit "°F" (did you mean degF?); Cel converts to K, degF`},
		{Spec{Op: Convert, Unit: "Cel"}, Info{Unit: "Pa"}, `convert Cel: Pa does not convert to Cel; Pa converts to hPa`},
		{Spec{Op: Convert, Unit: "Cel"}, Info{Unit: "lx"}, `convert Cel: lx does not convert to Cel; lx converts to no other unit`},
		{Spec{Op: Convert, Unit: "lm"}, Info{Unit: "lx"}, `convert lm: lx does not convert to lm; lx converts to no other unit`},
		{Spec{Op: Convert, Unit: "K"}, Info{Unit: "furlong"}, `convert K: unknown unit "furlong"`},
		{Spec{Op: Max, Count: 1}, Info{Every: -1}, `distance of values -1ns: want more than 0, or 0 when it is not known`},
	} {
		_, err := Compile([]Spec{r.spec}, r.info)
		if err == nil || !strings.HasSuffix(err.Error(), r.want) {
			t.Errorf("%v:\n got %v\nwant %s", r.spec, err, r.want)
		}
	}
}

// TestThrottleMakesRoomForLongWindows: the cure that the error names is one.
func TestThrottleMakesRoomForLongWindows(t *testing.T) {
	c := compile(t, Info{Every: time.Second}, Spec{Op: Throttle, Window: 10 * time.Second}, Spec{Op: Mean, Window: 24 * time.Hour})
	for i := range 2 * 86400 {
		c.Apply(float64(i), int64(i)*1e9)
	}
	if n := c.Crowded(); n != 0 {
		t.Errorf("%d values crowded out", n)
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{"median 5", "mean 1m", "ewma 1d12h", "outlier 2.5", "round -2", "step 1e-3", "mean 1x", "", "throttle 9999999h", "min 0x1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseFilter(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "filter ") {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := ParseFilter(s.String())
		if err != nil || !same(again, s) {
			t.Fatalf("%q is %q, which is %+v, %v", text, s, again, err)
		}
		if s.Count > 1000 {
			return // memory
		}
		c, err := Compile([]Spec{s}, Info{Every: time.Hour})
		if err != nil {
			return
		}
		for i := range 20 {
			feed(t, c, float64(i)*1.1, int64(i)*1e9)
		}
	})
}
