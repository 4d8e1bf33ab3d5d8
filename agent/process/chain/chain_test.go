package chain

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// everyStep is a spec of each kind, on Cel.
func everyStep() []Spec {
	return []Spec{
		{Op: Offset, Args: []float64{-0.35}},
		{Op: Scale, Args: []float64{0.01}},
		{Op: Calibrate, Args: []float64{0, 0.5, 25, 25, 50, 49, 100, 99}},
		{Op: Polynomial, Args: []float64{1, -0.5, 0.01, 1e-5}},
		{Op: Convert, Unit: "degF"},
		{Op: Valid, Args: []float64{-40, 85}},
		{Op: Rate, Args: []float64{5}},
		{Op: Median, Count: 5}, {Op: Median, Window: time.Minute},
		{Op: Mean, Count: 5}, {Op: Mean, Window: time.Minute},
		{Op: Min, Count: 5}, {Op: Min, Window: time.Minute},
		{Op: Max, Count: 5}, {Op: Max, Window: time.Minute},
		{Op: EWMA, Window: 30 * time.Second},
		{Op: Outlier, Args: []float64{3}},
		{Op: Throttle, Window: 10 * time.Second},
		{Op: Round, Args: []float64{1}},
		{Op: Step, Args: []float64{0.25}},
	}
}

func TestNoStepAllocates(t *testing.T) {
	info := Info{Every: time.Second, Unit: "Cel", Resolution: 0.01}
	chains := map[string]*Chain{"all": compile(t, info, everyStep()...)}
	for _, s := range everyStep() {
		chains[s.String()] = compile(t, info, s)
	}
	values := []float64{20, 20.05, 20.15, 1e6, 85, -300, math.NaN(), math.Inf(1), math.MaxFloat64, 5e-324, 0.25}
	for name, c := range chains {
		var i int
		var verdicts [3]int
		got := testing.AllocsPerRun(1000, func() {
			_, verdict := c.Apply(values[i%len(values)], int64(i)*300e6)
			verdicts[verdict]++
			if i++; i%100 == 0 {
				c.Reset()
			}
		})
		if got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
		if verdicts[Pass] == 0 || verdicts[Invalid] == 0 {
			t.Errorf("%s: verdicts %v, want of each path", name, verdicts)
		}
	}
}

func TestStepsRunInTheOrderWritten(t *testing.T) {
	scale, offset := Spec{Op: Scale, Args: []float64{0.1}}, Spec{Op: Offset, Args: []float64{1}}
	if got, _ := compile(t, Info{}, scale, offset).Apply(10, 1); got != 2 {
		t.Errorf("scale, offset: %v, want 2", got)
	}
	if got, _ := compile(t, Info{}, offset, scale).Apply(10, 1); got != 1.1 {
		t.Errorf("offset, scale: %v, want 1.1", got)
	}
	if got, verdict := compile(t, Info{}).Apply(10, 1); got != 10 || verdict != Pass {
		t.Errorf("no steps: %v, %d", got, verdict)
	}
}

// TestRefusedValuesNeverReachLaterSteps: a window behind a limit does not see
// what the limit refused.
func TestRefusedValuesNeverReachLaterSteps(t *testing.T) {
	c := compile(t, Info{}, Spec{Op: Valid, Args: []float64{0, 50}}, Spec{Op: Max, Count: 3})
	for i, r := range []struct {
		v, want float64
		verdict Verdict
	}{{20, 20, Pass}, {85, 0, Invalid}, {math.NaN(), 0, Invalid}, {-0.1, 0, Invalid}, {50, 50, Pass}, {0, 50, Pass}, {1, 50, Pass}, {2, 2, Pass}} {
		if got, verdict := c.Apply(r.v, int64(i)*1e9); got != r.want || verdict != r.verdict {
			t.Errorf("value %d, %v: %v, %d, want %v, %d", i, r.v, got, verdict, r.want, r.verdict)
		}
	}
}

// TestResultsAreFinite: whatever the stamps and values, steps neither panic nor
// let through what is no number.
func TestResultsAreFinite(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 9))
		for _, s := range everyStep() {
			c := compile(t, Info{Every: time.Second, Unit: "Cel"}, s)
			for range 200 {
				feed(t, c, math.Float64frombits(r.Uint64()), int64(r.Uint64()>>r.IntN(64)))
			}
		}
	}
}

func feed(t *testing.T, c *Chain, v float64, stamp int64) {
	t.Helper()
	got, verdict := c.Apply(v, stamp)
	if verdict == Pass && got-got != 0 || verdict != Pass && got != 0 {
		t.Fatalf("%v at %d gives %v, verdict %d", v, stamp, got, verdict)
	}
	if verdict != Invalid && v-v != 0 {
		t.Fatalf("%v passes", v)
	}
}

func TestDecimalsStayDecimals(t *testing.T) {
	for _, r := range []struct {
		spec       Spec
		resolution float64
		v, want    float64
	}{
		{Spec{Op: Scale, Args: []float64{0.01}}, 1, 35, 0.35},
		{Spec{Op: Scale, Args: []float64{0.3}}, 0.01, 23.45, 7.035},
		{Spec{Op: Scale, Args: []float64{-0.01}}, 1, 35, -0.35},
		{Spec{Op: Offset, Args: []float64{0.2}}, 0.1, 0.1, 0.3},
		{Spec{Op: Offset, Args: []float64{-0.3}}, 0.1, 0.4, 0.1},
		{Spec{Op: Offset, Args: []float64{273.15}}, 0.01, 23.45, 296.6},
		{Spec{Op: Convert, Unit: "K"}, 0.01, 23.45, 296.6},
		{Spec{Op: Convert, Unit: "degF"}, 0.01, 23.45, 74.21},
		{Spec{Op: Convert, Unit: "degF"}, 0, -40, -40},
		{Spec{Op: Scale, Args: []float64{math.Pi}}, 0.01, 2, 2 * math.Pi},
	} {
		c := compile(t, Info{Unit: "Cel", Resolution: r.resolution}, r.spec)
		if got, _ := c.Apply(r.v, 1); got != r.want {
			t.Errorf("%v of %v is %v, want %v", r.spec, r.v, got, r.want)
		}
	}
}

func TestUnitAndResolution(t *testing.T) {
	for _, r := range []struct {
		name       string
		specs      []Spec
		unit       string
		resolution float64
	}{
		{"none", nil, "Cel", 0.01},
		{"scale by a power of ten", []Spec{{Op: Scale, Args: []float64{0.01}}}, "Cel", 0.0001},
		{"scale", []Spec{{Op: Scale, Args: []float64{-2.5}}}, "Cel", 0.025},
		{"scale by what is no decimal", []Spec{{Op: Scale, Args: []float64{math.Pi}}}, "Cel", 0.01 * math.Pi},
		{"offset on the grid", []Spec{{Op: Offset, Args: []float64{-0.35}}}, "Cel", 0.01},
		{"offset beside the grid", []Spec{{Op: Offset, Args: []float64{0.125}}}, "Cel", 0.005},
		{"convert", []Spec{{Op: Convert, Unit: "K"}}, "K", 0.01},
		{"convert to Fahrenheit", []Spec{{Op: Convert, Unit: "degF"}}, "degF", 0.002},
		{"convert to itself", []Spec{{Op: Convert, Unit: "Cel"}}, "Cel", 0.01},
		{"limits", []Spec{{Op: Valid, Args: []float64{0, math.Inf(1)}}, {Op: Rate, Args: []float64{1}}}, "Cel", 0.01},
		{"odd median", []Spec{{Op: Median, Count: 5}}, "Cel", 0.01},
		{"even median", []Spec{{Op: Median, Count: 4}}, "Cel", 0.005},
		{"extremes", []Spec{{Op: Min, Count: 5}, {Op: Max, Window: time.Minute}}, "Cel", 0.01},
		{"mean", []Spec{{Op: Mean, Count: 5}}, "Cel", 0},
		{"calibrate", []Spec{{Op: Calibrate, Args: []float64{0, 0, 1, 1}}}, "Cel", 0},
		{"mean, round", []Spec{{Op: Mean, Count: 5}, {Op: Round, Args: []float64{2}}}, "Cel", 0.01},
		{"round to tens", []Spec{{Op: Round, Args: []float64{-1}}}, "Cel", 10},
		{"step", []Spec{{Op: EWMA, Window: time.Minute}, {Op: Step, Args: []float64{0.25}}}, "Cel", 0.25},
	} {
		c := compile(t, Info{Unit: "Cel", Resolution: 0.01}, r.specs...)
		if c.Unit() != r.unit || c.Resolution() != r.resolution {
			t.Errorf("%s: unit %q, resolution %v, want %q, %v", r.name, c.Unit(), c.Resolution(), r.unit, r.resolution)
		}
	}
}

// TestBytesCountWhatCompileAllocates compares with the allocator, which rounds
// up to its size classes.
func TestBytesCountWhatCompileAllocates(t *testing.T) {
	specs := []Spec{{Op: Median, Count: 4096}, {Op: Mean, Window: time.Hour}, {Op: Max, Window: time.Hour}, {Op: Outlier, Args: []float64{3}}}
	const chains = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range chains {
		compile(t, Info{Every: time.Second}, specs...)
	}
	runtime.ReadMemStats(&after)
	got, want := compile(t, Info{Every: time.Second}, specs...).Bytes(), int(after.TotalAlloc-before.TotalAlloc)/chains
	if got > want || got < want*8/10 {
		t.Errorf("%d bytes, the allocator says %d", got, want)
	}
}

func BenchmarkStep(b *testing.B) {
	info := Info{Every: time.Second, Unit: "Cel", Resolution: 0.01}
	more := []Spec{{Op: Median, Count: 101}, {Op: Median, Count: 4096}, {Op: Median, Window: 18 * time.Hour}, {Op: Mean, Count: 4096}, {Op: Min, Count: 4096}}
	for _, s := range append(everyStep(), more...) {
		b.Run(fmt.Sprint(s), func(b *testing.B) { benchmark(b, compile(b, info, s)) })
	}
}

// BenchmarkFiveSteps is a chain as engineers write it; one operation is one
// sample through five steps.
func BenchmarkFiveSteps(b *testing.B) {
	info := Info{Every: time.Second, Unit: "Cel", Resolution: 0.01}
	b.Run("light", func(b *testing.B) {
		benchmark(b, compile(b, info, Spec{Op: Offset, Args: []float64{-0.35}}, Spec{Op: Scale, Args: []float64{1.02}},
			Spec{Op: Valid, Args: []float64{-40, 85}}, Spec{Op: Rate, Args: []float64{5}}, Spec{Op: Round, Args: []float64{1}}))
	})
	b.Run("usual", func(b *testing.B) {
		benchmark(b, compile(b, info, Spec{Op: Calibrate, Args: []float64{0, 0.5, 50, 49, 100, 99}}, Spec{Op: Valid, Args: []float64{-40, 85}},
			Spec{Op: Outlier, Args: []float64{3}}, Spec{Op: Mean, Window: time.Minute}, Spec{Op: Round, Args: []float64{1}}))
	})
	b.Run("heavy", func(b *testing.B) {
		benchmark(b, compile(b, info, Spec{Op: Outlier, Args: []float64{3}}, Spec{Op: Median, Count: 101},
			Spec{Op: EWMA, Window: time.Minute}, Spec{Op: Mean, Window: time.Minute}, Spec{Op: Max, Window: time.Minute}))
	})
}

func benchmark(b *testing.B, c *Chain) {
	r := rand.New(rand.NewPCG(1, 2))
	var values [4096]float64
	var stamps [4096]int64
	for i := range values {
		values[i] = math.Round(2000+100*math.Sin(float64(i)/100)+10*r.NormFloat64()) / 100
		stamps[i] = int64(i)*1e9 + r.Int64N(20e6)
	}
	span := int64(len(stamps)) * 1e9
	b.ReportAllocs()
	var base int64
	for i := 0; b.Loop(); i++ {
		k := i % len(values)
		if k == 0 {
			base += span
		}
		c.Apply(values[k], base+stamps[k])
	}
}
