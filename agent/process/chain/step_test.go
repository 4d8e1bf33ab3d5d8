package chain

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestCalibrationAtBetweenAndBeyondItsPoints(t *testing.T) {
	c := compile(t, Info{}, Spec{Op: Calibrate, Args: []float64{20, 21, 0.1, 0.3, 50, 45}}) // not in order
	for _, r := range []struct{ v, want float64 }{
		{0.1, 0.3}, {20, 21}, {50, 45}, // at
		{10.05, 10.65}, {35, 33}, {26, 25.8}, // between
		{60, 53}, {-19.8, -20.4}, {1e6, 45 + (1e6-50)*0.8}, // beyond
	} {
		if got, _ := c.Apply(r.v, 1); math.Abs(got-r.want) > 1e-14*math.Abs(r.want) {
			t.Errorf("%v becomes %.17g, want %v", r.v, got, r.want)
		}
	}
}

// TestCalibrationIsExactAtItsPoints: any points, in any order.
func TestCalibrationIsExactAtItsPoints(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		var args []float64
		for k := range 2 + r.IntN(20) {
			args = append(args, float64(k)*10+r.Float64()*9, r.NormFloat64()*1000)
		}
		for i := len(args)/2 - 1; i > 0; i-- { // shuffle the pairs
			k := r.IntN(i + 1)
			args[2*i], args[2*i+1], args[2*k], args[2*k+1] = args[2*k], args[2*k+1], args[2*i], args[2*i+1]
		}
		c := compile(t, Info{}, Spec{Op: Calibrate, Args: args})
		for i := 0; i < len(args); i += 2 {
			if got, _ := c.Apply(args[i], 1); got != args[i+1] {
				t.Fatalf("%v becomes %v, want %v", args[i], got, args[i+1])
			}
		}
	}
}

// sequence applies values a second apart and returns their verdicts as letters.
func sequence(c *Chain, from int64, values ...float64) (verdicts string) {
	for i, v := range values {
		_, verdict := c.Apply(v, from+int64(i)*1e9)
		verdicts += string("PHI"[verdict])
	}
	return verdicts
}

func TestRateOfChange(t *testing.T) {
	rate := Spec{Op: Rate, Args: []float64{0.1}}
	info := Info{Every: time.Second}
	for _, r := range []struct {
		name   string
		values []float64
		want   string
	}{
		{"exactly the limit, in decimals", []float64{20, 20.1, 20.2, 20.3, 20.2}, "PPPPP"},
		{"just above it", []float64{20, 20.101, 20.2}, "PIP"},
		{"a spike", []float64{20, 85, 20.1, 20.2}, "PIPP"},
		{"three spikes that differ", []float64{20, 85, -40, 60, 90, 20.3}, "PIIIIP"},
		{"a level shift is taken after three", []float64{20, 30, 30.05, 30, 30.05, 30.1}, "PIIIPP"},
		{"noise interrupts the agreement", []float64{20, 30, 30, 50, 30, 30, 30, 30}, "PIIIIIIP"},
		{"the time since the last valid value counts", []float64{20, 85, 85.5, 86, 20.4}, "PIIIP"},
	} {
		if got := sequence(compile(t, info, rate), 1e12, r.values...); got != r.want {
			t.Errorf("%s: %s, want %s", r.name, got, r.want)
		}
	}
}

func TestRateAfterAGap(t *testing.T) {
	rate := Spec{Op: Rate, Args: []float64{0.1}}
	c := compile(t, Info{Every: time.Second}, rate)
	sequence(c, 1e12, 20)
	if got := sequence(c, 1e12+10e9, 40); got != "I" {
		t.Errorf("after ten periods: %s, want I", got)
	}
	if got := sequence(c, 1e12+20e9+1, 60); got != "P" {
		t.Errorf("after more than ten periods: %s, want P", got)
	}
	c.Reset()
	if got := sequence(c, 1e12+21e9, 5, 20); got != "PI" {
		t.Errorf("after a reset: %s, want PI", got)
	}
	c = compile(t, Info{}, rate) // no period known
	sequence(c, 1e12, 20)
	if got := sequence(c, 1e12+60e9, 40) + sequence(c, 1e12+60e9+60e9+1, 60); got != "IP" {
		t.Errorf("after a minute, and more: %s, want IP", got)
	}
}

// TestRateOfRepeatedStamps: no division by nothing; a shift gets through.
func TestRateOfRepeatedStamps(t *testing.T) {
	c := compile(t, Info{Every: time.Second}, Spec{Op: Rate, Args: []float64{1}})
	var got string
	for _, r := range []stamped{{20, 1e12}, {20, 1e12}, {20.001, 1e12}, {20.5, 1e12}, {20.0015, 1e12 - 5e8}, {30, 1e12}, {30, 1e12}, {30, 1e12}, {30, 1e12}} {
		got += sequence(c, r.stamp, r.value)
	}
	if want := "PPPIPIIIP"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestOutliersAndLevelShifts(t *testing.T) {
	for _, r := range []struct {
		name   string
		values []float64
		want   string
	}{
		{"a spike", []float64{20, 20.1, 20, 85, 20.1, 20}, "PPPHPP"},
		{"a step of the resolution times k", []float64{20, 20, 20, 20, 20.25, 20.5}, "PPPPPH"}, // 3 · 0.1 = 0.3
		{"a level shift gets through with the majority", []float64{20, 20, 20, 20, 20, 20, 20, 30, 30, 30, 30, 30}, "PPPPPPPHHHPP"},
		{"two spikes in a row", []float64{20, 20.1, 20, 20.1, 85, 85, 20, 20.1}, "PPPPHHPP"},
	} {
		c := compile(t, Info{Resolution: 0.1}, Spec{Op: Outlier, Args: []float64{3}})
		if got := sequence(c, 1e12, r.values...); got != r.want {
			t.Errorf("%s: %s, want %s", r.name, got, r.want)
		}
		c.Reset()
		if got := sequence(c, 2e12, 500); got != "P" {
			t.Errorf("%s: the first after a reset does not pass", r.name)
		}
	}
}

// TestThrottlePassesOnePerPeriod: with jitter, and for any distance of values.
func TestThrottlePassesOnePerPeriod(t *testing.T) {
	const period = 10 * time.Second
	r := rand.New(rand.NewPCG(7, 8))
	for _, every := range []time.Duration{10 * time.Millisecond, 300 * time.Millisecond, time.Second, 7 * time.Second, period, 12 * time.Second} {
		c := compile(t, Info{Every: every}, Spec{Op: Throttle, Window: period})
		passed, last, n := 0, int64(math.MinInt64/2), int(3600*time.Second/every)
		for i := range n {
			stamp := int64(1e12) + int64(i)*int64(every) + r.Int64N(int64(every)/20)
			if _, verdict := c.Apply(1, stamp); verdict == Pass {
				if stamp-last < int64(period-min(every, period)/10) {
					t.Fatalf("every %v: two within %v", every, time.Duration(stamp-last))
				}
				passed, last = passed+1, stamp
			}
		}
		distance := max(every, (period+every-1)/every*every)
		if most, least := int(3600*time.Second/period)+1, int(3600*time.Second/distance)*98/100; passed > most || passed < least {
			t.Errorf("every %v: %d values in an hour, want %d to %d", every, passed, least, most)
		}
	}
}

// TestThrottleOfAClockThatGoesBack does not wait for it to come again.
func TestThrottleOfAClockThatGoesBack(t *testing.T) {
	c := compile(t, Info{Every: time.Second}, Spec{Op: Throttle, Window: 10 * time.Second})
	got := sequence(c, 1e12, 1, 2) + sequence(c, 1e12-5e9, 3) + sequence(c, 5e11, 4, 5)
	if want := "PHHPH"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	c.Reset()
	if got := sequence(c, 5e11+2e9, 6); got != "H" {
		t.Errorf("after a reset: %s, want H", got)
	}
}

func TestEWMAOfDisorderedStamps(t *testing.T) {
	c := compile(t, Info{}, Spec{Op: EWMA, Window: 10 * time.Second})
	for _, r := range []struct {
		second, v, want float64
	}{{100, 10, 10}, {100, 20, 10}, {99, 20, 10}, {110, 20, 20 - 10/math.E}, {1e6, 5, 5}, {50, 7, 7}, {60, 7, 7}} {
		if got, _ := c.Apply(r.v, int64(r.second*1e9)); math.Abs(got-r.want) > 1e-12 {
			t.Errorf("second %v, %v: %v, want %v", r.second, r.v, got, r.want)
		}
	}
	c.Reset()
	if got, _ := c.Apply(3, 61e9); got != 3 {
		t.Errorf("the first after a reset gives %v, want 3", got)
	}
}
