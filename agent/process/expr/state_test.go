package expr

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const second = int64(time.Second)

// feed evaluates src once for each value, a second apart, and returns the last
// result.
func feed(t *testing.T, p *Program, at *int64, values ...float64) (v float64) {
	t.Helper()
	for _, x := range values {
		var ok bool
		if v, ok = p.Eval([]float64{x}, *at); !ok {
			t.Fatalf("%v has no value at %v", p, x)
		}
		*at += second
	}
	return v
}

func TestKilowattForAnHour(t *testing.T) {
	for _, step := range []time.Duration{time.Millisecond, 100 * time.Millisecond, time.Second, 7 * time.Second, time.Hour} {
		p := compile(t, "integral(power)")
		p.SetPeriod(step)
		got := 0.0
		for at := time.Duration(0); ; at = min(at+step, time.Hour) {
			got, _ = p.Eval([]float64{1000}, 12345+int64(at))
			if at == time.Hour {
				break
			}
		}
		if !near(got, 3.6e6, 1e-12) {
			t.Errorf("1 kW for 1 h in steps of %v is %.17g J, want 3.6e6", step, got)
		}
		if kWh, _ := compile(t, fmt.Sprintf("%.17g / 3.6e6", got)).Eval(nil, 0); !near(kWh, 1, 1e-12) {
			t.Errorf("which is %v kWh, want 1", kWh)
		}
	}
}

func TestIntegralOfASine(t *testing.T) {
	p := compile(t, "integral(x)")
	const n = 200_000 // over half a period, 100 s: the trapezoidal rule is off by h²/12 of the change of slope
	got := 0.0
	for i := range n + 1 {
		at := int64(i) * 100 * second / n
		got, _ = p.Eval([]float64{math.Sin(math.Pi * float64(at) / float64(100*second))}, at)
	}
	if want := 200 / math.Pi; math.Abs(got-want) > 1e-8 {
		t.Errorf("integral is %.15g, want %.15g", got, want)
	}
}

// TestUnevenSteps compares with the exact sum of trapezia in rational numbers.
func TestUnevenSteps(t *testing.T) {
	p := compile(t, "integral(x)")
	r := rand.New(rand.NewPCG(1, 2))
	want, at, last, got := new(big.Rat), int64(0), 0.0, 0.0
	for i := range 20_000 {
		x := float64(r.IntN(1<<30)-1<<29) / 1024
		if i == 0 {
			x = 0
		}
		dt := r.Int64N(9 * second)
		area := new(big.Rat).SetFloat64((last + x) / 2)
		want.Add(want, area.Mul(area, big.NewRat(dt, second)))
		last, at = x, at+dt
		got, _ = p.Eval([]float64{x}, at)
	}
	if exact, _ := want.Float64(); !near(got, exact, 1e-12) {
		t.Errorf("integral is %.17g, want %.17g", got, exact)
	}
}

func TestTenMillionStepsDoNotDrift(t *testing.T) {
	p := compile(t, "integral(x)")
	v := []float64{0.1}
	got := 0.0
	for i := range int64(1e7 + 1) {
		got, _ = p.Eval(v, i*second/10)
	}
	if !near(got, 1e5, 1e-15) { // 0.1 for 1e6 s
		t.Errorf("integral is %.17g, want 1e5", got)
	}
}

func TestMillijoulesOntoATerajoule(t *testing.T) {
	p := compile(t, "integral(x)")
	if !p.Restore([]float64{1e12, 0}) {
		t.Fatal("state refused")
	}
	got := 0.0
	for i := range int64(1e6 + 1) { // 1 mW for 1e6 s; a float64 near 1e12 has steps of 0.12 mJ
		got, _ = p.Eval([]float64{0.001}, i*second)
	}
	if got != 1e12+1000 {
		t.Errorf("integral is %.17g, want %.17g", got, 1e12+1000)
	}
}

func TestIntegralRollsOverExactly(t *testing.T) {
	p := compile(t, "integral(x, 1000)")
	at := int64(0)
	for i, want := range []float64{0, 300, 600, 900, 200, 500, 800, 100} {
		if got := feed(t, p, &at, 300); got != want {
			t.Errorf("after %d s: %v, want %v", i, got, want)
		}
	}
	p, at = compile(t, "integral(x, 1000)"), 0
	if got := feed(t, p, &at, 500, 500, 500); got != 0 {
		t.Errorf("at the modulus it shows %v, want 0", got)
	}
	if got := feed(t, p, &at, -500, -500); got != 500 {
		t.Errorf("backwards over 0 it shows %v, want 500", got)
	}
	p, at = compile(t, "integral(x, 1000)"), 0
	if got := feed(t, p, &at, 12345, 12345); got != 345 {
		t.Errorf("several rollovers in a step leave %v, want 345", got)
	}
}

// TestRollingMeterAgreesWithAnEndlessOne: the difference is a multiple of the
// modulus, at each step.
func TestRollingMeterAgreesWithAnEndlessOne(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, modulus := range []float64{0.1, 1, 999.9, 3.6e6, 1e10} {
		endless, meter := compile(t, "integral(x)"), compile(t, fmt.Sprintf("integral(x, %g)", modulus))
		for at := int64(0); at < 20_000*second; at += second {
			x := []float64{(r.Float64() - 0.3) * modulus * math.Pow10(r.IntN(6)-4)}
			e, _ := endless.Eval(x, at)
			m, ok := meter.Eval(x, at)
			if !ok || m < 0 || m >= modulus {
				t.Fatalf("meter shows %v, %v; want 0 <= v < %v", m, ok, modulus)
			}
			turns := (e - m) / modulus
			if off := math.Abs(turns - math.Round(turns)); off > 1e-15*math.Abs(turns)+1e-9 {
				t.Fatalf("modulus %v: meter %v, endless %v: %v turns", modulus, m, e, turns)
			}
		}
	}
}

func TestIntegralDoesNotBridgeGaps(t *testing.T) {
	p := compile(t, "integral(x)")
	p.SetPeriod(time.Second)
	at := int64(0)
	feed(t, p, &at, 10, 10, 10) // 20
	if at += second; feed(t, p, &at, 10) != 40 || p.Gaps() != 0 {
		t.Errorf("a missing value makes a gap of it: %d", p.Gaps()) // 2 s <= 3 periods
	}
	if at += 2 * second; feed(t, p, &at, 10) != 70 || p.Gaps() != 0 {
		t.Errorf("a step of exactly three periods makes a gap")
	}
	if at += 2*second + 1; feed(t, p, &at, 10) != 70 || p.Gaps() != 1 {
		t.Errorf("a step of more than three periods was integrated; gaps %d, want 1", p.Gaps())
	}
	p.Reset()
	p.Reset()
	if got := feed(t, p, &at, 10); got != 70 || p.Gaps() != 2 {
		t.Errorf("over a Reset %v and %d gaps, want 70 and 2", got, p.Gaps())
	}
	if got := feed(t, p, &at, 10); got != 80 {
		t.Errorf("after a Reset %v, want 80", got)
	}
}

func TestPeriodDecidesWhatAGapIs(t *testing.T) {
	for _, c := range []struct {
		every, step time.Duration
		gaps        uint64
	}{
		{0, 10 * time.Second, 0}, {0, 10*time.Second + 1, 1}, {-1, 11 * time.Second, 1}, {time.Minute, 3 * time.Minute, 0},
		{time.Minute, 3*time.Minute + 1, 1}, {time.Millisecond, 4 * time.Millisecond, 1}, {math.MaxInt64, math.MaxInt64, 0},
	} {
		p := compile(t, "integral(x)")
		p.SetPeriod(c.every)
		p.Eval([]float64{1}, 0)
		if p.Eval([]float64{1}, int64(c.step)); p.Gaps() != c.gaps {
			t.Errorf("period %v, step %v: %d gaps, want %d", c.every, c.step, p.Gaps(), c.gaps)
		}
	}
}

func TestAnArgumentWithoutValueIsAGap(t *testing.T) {
	p := compile(t, "if(x > 0, integral(1 / x), integral(1 / x) * 0)")
	at := int64(0)
	feed(t, p, &at, 1, 1)
	if v, ok := p.Eval([]float64{0}, at); ok {
		t.Errorf("1/0 gave %v", v)
	}
	at += second
	if got := feed(t, p, &at, 1); got != 1 || p.Gaps() != 1 {
		t.Errorf("integral %v with %d gaps, want 1 and 1", got, p.Gaps())
	}
	if got := feed(t, p, &at, 1); got != 2 {
		t.Errorf("integral goes on with %v, want 2", got)
	}
}

func TestStampsThatDoNotAdvance(t *testing.T) {
	p := compile(t, "integral(x)")
	eval := func(x float64, at int64) float64 { v, _ := p.Eval([]float64{x}, at); return v }
	eval(10, 0)
	eval(10, second)
	if got := eval(30, second); got != 10 {
		t.Errorf("a second value of one stamp adds: %v, want 10", got)
	}
	if got := eval(99, second/2); got != 10 {
		t.Errorf("an older value adds: %v, want 10", got)
	}
	if got := eval(50, 2*second); got != 50 {
		t.Errorf("the next value gives %v, want 10 + (30+50)/2", got)
	}
	if eval(50, -1000*second); p.Gaps() != 1 {
		t.Errorf("a far older stamp is no gap")
	}
	if got := eval(50, -999*second); got != 100 {
		t.Errorf("after it %v, want 100", got)
	}
}

func TestIntegralThatWouldOverflowStays(t *testing.T) {
	p := compile(t, "integral(x)")
	p.Restore([]float64{1.7e308, 0})
	at := int64(0)
	if got := feed(t, p, &at, 1.7e308, 1.7e308); got != 1.7e308 || p.Gaps() != 1 {
		t.Errorf("integral %v with %d gaps, want 1.7e308 and 1", got, p.Gaps())
	}
	if got := feed(t, p, &at, -1.7e308, -1.7e308); got != 0 {
		t.Errorf("and then %v, want 0", got)
	}
}

func TestEachCallHasItsOwnState(t *testing.T) {
	p := compile(t, "integral(x) - integral(x) * 2 + rate(integral(x)) * 1000")
	at := int64(0)
	p.Eval([]float64{5}, at) // rate has no value yet
	at += second
	if got := feed(t, p, &at, 5); got != 5-10+5000 {
		t.Errorf("got %v, want %v", got, 5-10+5000)
	}
}

func TestRate(t *testing.T) {
	p := compile(t, "rate(x)")
	eval := func(x float64, at int64) (float64, bool) { return p.Eval([]float64{x}, at) }
	check := func(x float64, at int64, want float64, wantOK bool) {
		t.Helper()
		if got, ok := eval(x, at); got != want || ok != wantOK {
			t.Errorf("rate at %d is %v, %v; want %v, %v", at, got, ok, want, wantOK)
		}
	}
	check(10, 0, 0, false)
	check(12, second, 2, true)
	check(13, second, 2, true)  // the same stamp: no time for a change
	check(0, second/2, 2, true) // older
	check(12, 3*second, -.5, true)
	check(12, 103*second, 0, true) // a mean over a long step is still one
	p.Reset()
	check(50, 104*second, 0, false)
	check(53, 104*second+second/2, 6, true)
	check(math.NaN(), 105*second, 0, false)
	check(53, 106*second, 0, false)
	check(53, -1000*second, 0, false)
	check(54, -999*second, 1, true)
	if p.Stateful() || len(p.AppendState(nil)) != 0 || !p.Restore(nil) {
		t.Error("a rate has state to keep")
	}
	check(54, -998*second, 0, false) // Restore begins anew
}

func TestStateSurvivesARestart(t *testing.T) {
	const src = "integral(p, 1e6) + total(n, 65536) * 1e7 + rate(p) * 0"
	r := rand.New(rand.NewPCG(5, 6))
	a := compile(t, src)
	for i := range int64(5000) {
		a.Eval([]float64{r.Float64() * 1e4, float64(i * 17 % 65536)}, i*second)
	}
	state := a.AppendState(nil)
	b := compile(t, src)
	if !a.Stateful() || len(state) != 6 || !b.Restore(state) {
		t.Fatalf("state %v refused", state)
	}
	if again := b.AppendState(nil); !slices.Equal(again, state) {
		t.Errorf("state %v comes back as %v", state, again)
	}
	for i := range int64(3) { // another boot: stamps begin anew; rate is 0 from the second value on
		x := []float64{5, float64((5000 + i) * 17 % 65536)}
		va, _ := a.Eval(x, (100000+i)*second)
		vb, ok := b.Eval(x, i*second)
		if i > 0 && (va != vb || !ok) {
			t.Errorf("restored %v, %v; without a restart %v", vb, ok, va)
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	p := compile(t, "integral(a) + total(b, 100)")
	at := int64(0)
	p.Eval([]float64{1, 5}, at)
	before := p.AppendState(nil)
	nan, inf := math.NaN(), math.Inf(1)
	for _, state := range [][]float64{
		nil, {1}, {1, 0, 5, 0, 5}, {1, 0, 5, 0, 5, 1, 0}, {nan, 0, 5, 0, 5, 1}, {1, inf, 5, 0, 5, 1}, {1, 0, 5, 0, nan, 1},
		{1, 0, 5, 0, 5, 2}, {1, 0, 5, 0, 100, 1}, {1, 0, 5, 0, -1, 1}, {1, 0, -5, 0, 5, 1}, {1, 2, 5, 0, 5, 1},
	} {
		if p.Restore(state) {
			t.Errorf("state %v accepted", state)
		}
		if now := p.AppendState(nil); !slices.Equal(now, before) {
			t.Fatalf("state %v was refused and changed %v to %v", state, before, now)
		}
	}
	if !p.Restore([]float64{-3, 1e-17, 5, 0, 5, 1}) {
		t.Error("a good state refused")
	}
	meter := compile(t, "integral(a, 1000)")
	if !meter.Restore([]float64{12345, 0}) {
		t.Fatal("a state from before the modulus was set is refused")
	}
	if v, _ := meter.Eval([]float64{1}, 0); v != 345 {
		t.Errorf("it shows %v, want 345", v)
	}
}

// TestAHairBelowTheModulus: a sum that rounds to the modulus is shown as the
// number before it, never as the modulus, and rolls over when it gets there.
func TestAHairBelowTheModulus(t *testing.T) {
	p := compile(t, "integral(x, 1000)")
	if !p.Restore([]float64{1000, -1e-14}) {
		t.Fatal("state refused")
	}
	at := int64(0)
	if got := feed(t, p, &at, 0, 0); got != math.Nextafter(1000, 0) {
		t.Errorf("shows %.17g, want the number before 1000", got)
	}
	if got := feed(t, p, &at, 1, 1); got != 1.5-1e-14 {
		t.Errorf("then %.17g, want %.17g", got, 1.5-1e-14)
	}
}
