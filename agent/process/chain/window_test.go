package chain

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// model is a window as its definition reads.
type model struct {
	width  int64
	count  int
	values []stamped
	now    int64
}

// take adds a value and returns what the window holds then.
func (m *model) take(v float64, stamp int64) []float64 {
	if m.count == 0 {
		if len(m.values) == 0 || stamp > m.now || stamp <= m.now-m.width {
			m.now = stamp
		}
		m.values = slices.DeleteFunc(m.values, func(s stamped) bool { return s.stamp <= m.now-m.width || s.stamp > m.now })
	}
	m.values = append(m.values, stamped{v, stamp})
	if m.count > 0 && len(m.values) > m.count {
		m.values = m.values[1:]
	}
	var out []float64
	for _, s := range m.values {
		out = append(out, s.value)
	}
	return out
}

// history makes stamps that jitter, repeat, go back and jump, and values with
// repeats.
func history(r *rand.Rand, n int) (h []stamped) {
	stamp := int64(1e12)
	for range n {
		switch r.IntN(40) {
		case 0:
			stamp -= r.Int64N(2e9)
		case 1:
			stamp += r.Int64N(30e9)
		case 2, 3: // repeats
		case 4:
			if r.IntN(20) == 0 {
				stamp -= r.Int64N(100e9)
			}
		default:
			stamp += r.Int64N(1e9)
		}
		h = append(h, stamped{math.Round(r.NormFloat64()*50) / 10, stamp})
	}
	return h
}

// TestWindowsAreWhatTheyAreDefinedToBe compares with brute force, over stamps
// in every kind of disorder.
func TestWindowsAreWhatTheyAreDefinedToBe(t *testing.T) {
	specs := []Spec{{Count: 1}, {Count: 2}, {Count: 7}, {Count: 64}, {Window: 200 * time.Millisecond}, {Window: 3 * time.Second}, {Window: 40 * time.Second}}
	for seed := range uint64(8) {
		for _, s := range specs {
			h := history(rand.New(rand.NewPCG(seed, 1)), 2000)
			checkWindows(t, s, h)
		}
	}
}

func checkWindows(t *testing.T, s Spec, h []stamped) {
	t.Helper()
	m := model{width: int64(s.Window), count: s.Count}
	info := Info{Every: 10 * time.Millisecond} // room enough
	var chains [4]*Chain
	for i, op := range []Op{Median, Mean, Min, Max} {
		chains[i] = compile(t, info, Spec{Op: op, Count: s.Count, Window: s.Window})
	}
	for i, x := range h {
		held := m.take(x.value, x.stamp)
		if !slices.Contains(held, x.value) {
			t.Fatalf("%v: value %d is not in its own window", s, i)
		}
		if m.count == 0 && spread(m.values) >= m.width {
			t.Fatalf("%v: the window is %v wide", s, spread(m.values))
		}
		want := [4]float64{medianOf(held), meanOf(held), slices.Min(held), slices.Max(held)}
		for k, c := range chains {
			got, verdict := c.Apply(x.value, x.stamp)
			exact := Op(k)+Median != Mean
			if verdict != Pass || exact && got != want[k] || !near(got, want[k]) || got < want[2] || got > want[3] {
				t.Fatalf("%v, value %d: %s gives %v (%d), want %v of %v", s, i, Spec{Op: Median + Op(k)}, got, verdict, want[k], held)
			}
			if c.Crowded() != 0 {
				t.Fatalf("%v: crowded", s)
			}
		}
	}
}

func spread(values []stamped) int64 {
	lo, hi := values[0].stamp, values[0].stamp
	for _, v := range values {
		lo, hi = min(lo, v.stamp), max(hi, v.stamp)
	}
	return hi - lo
}

func medianOf(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// meanOf is the float64 nearest to the exact mean.
func meanOf(values []float64) float64 {
	sum := new(big.Float).SetPrec(256) // enough for values from 1e-17 to 1e50
	for _, v := range values {
		sum.Add(sum, big.NewFloat(v))
	}
	q, _ := new(big.Float).SetPrec(256).Quo(sum, big.NewFloat(float64(len(values)))).Float64()
	return q
}

// TestSlidingMeanDoesNotDrift: values of very different size come and go, hundreds of
// thousands of them, and leave nothing behind.
func TestSlidingMeanDoesNotDrift(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	c := compile(t, Info{}, Spec{Op: Mean, Count: 50})
	m := model{count: 50}
	const n = 400_000
	last := make([]float64, 0, n)
	for i := range n {
		v := 20 + r.NormFloat64()/10
		if r.IntN(100) == 0 {
			v = r.NormFloat64() * math.Pow10(r.IntN(16))
		}
		last = append(last, v)
		got, _ := c.Apply(v, int64(i)*1e9)
		if i%997 != 0 {
			continue
		}
		held := last[max(0, i-m.count+1):]
		if want := meanOf(held); math.Abs(got-want) > math.Abs(want)*0x1p-52 {
			t.Fatalf("value %d: mean %.17g, want %.17g", i, got, want)
		}
	}
}

func first(v float64, _ Verdict) float64 { return v }

// TestLargeValuesLeaveNoTrace: what many large values rounded away is forgotten
// when they have left.
func TestLargeValuesLeaveNoTrace(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	c := compile(t, Info{}, Spec{Op: Mean, Count: 50})
	for range 100_000 {
		c.Apply(r.NormFloat64()*1e17, 0)
	}
	var last []float64
	for range 100 {
		last = append(last, 20+r.NormFloat64()/10)
		c.Apply(last[len(last)-1], 0)
	}
	last = append(last[51:], 20)
	if got, want := first(c.Apply(20, 0)), meanOf(last); !near(got, want) {
		t.Errorf("mean %.17g, want %.17g", got, want)
	}
}

func TestMeanOfEqualValuesIsTheirValue(t *testing.T) {
	for _, v := range []float64{0.1, 23.45, -1e-300, 1e308, math.MaxFloat64, 1.0 / 3} {
		c := compile(t, Info{}, Spec{Op: Mean, Count: 49})
		for i := range 200 {
			got, verdict := c.Apply(v, int64(i))
			if verdict != Pass || got != v {
				t.Fatalf("mean of %d times %v is %v", i+1, v, got)
			}
		}
		if got, want := first(c.Apply(0, 200)), v*(48./49); math.Abs(got-want) > math.Abs(want)*1e-14 {
			t.Errorf("mean of 48 times %v and 0 is %v", v, got)
		}
	}
}

// TestHugeValuesLeaveNoTrace: a sum that overflows does not outlive its values.
func TestHugeValuesLeaveNoTrace(t *testing.T) {
	c := compile(t, Info{}, Spec{Op: Mean, Count: 3})
	for _, v := range []float64{math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64, 1, 2} {
		if _, verdict := c.Apply(v, 0); verdict != Pass {
			t.Fatalf("%v: verdict %d", v, verdict)
		}
	}
	if got, _ := c.Apply(3, 0); got != 2 {
		t.Errorf("mean of 1, 2, 3 is %v", got)
	}
	if got := one(t, Spec{Op: Median, Count: 2}, math.MaxFloat64); got != math.MaxFloat64 {
		t.Errorf("median of one is %v", got)
	}
}

// TestCrowdedWindowKeepsTheNewest: values come ten times as often as said.
func TestCrowdedWindowKeepsTheNewest(t *testing.T) {
	const room = 10 + 1 + 2
	window := Spec{Window: 10 * time.Second}
	for _, op := range []Op{Median, Mean, Min, Max} {
		window.Op = op
		c := compile(t, Info{Every: time.Second}, window)
		var got float64
		for i := range 1000 {
			got, _ = c.Apply(float64(i), int64(i)*1e8)
		}
		want := map[Op]float64{Median: 999 - room/2, Mean: 999 - room/2, Min: 999 - room + 1, Max: 999}[op]
		if got != want {
			t.Errorf("%v: %v, want %v", window, got, want)
		}
		if n := c.Crowded(); op != Max && n != 1000-room {
			t.Errorf("%v: %d values crowded out, want %d", window, n, 1000-room)
		}
	}
}

// TestGapEmptiesWindows: values of a window of time leave by age alone, those
// of a window of values leave at a Reset.
func TestGapEmptiesWindows(t *testing.T) {
	for _, op := range []Op{Median, Mean, Min, Max} {
		byTime := compile(t, Info{Every: time.Second}, Spec{Op: op, Window: 10 * time.Second})
		byCount := compile(t, Info{Every: time.Second}, Spec{Op: op, Count: 3})
		for _, c := range []*Chain{byTime, byCount} {
			for i, v := range []float64{10, 20, 30} {
				c.Apply(v, int64(i)*1e9)
			}
			c.Reset()
		}
		if got, _ := byCount.Apply(4, 3e9); got != 4 {
			t.Errorf("%d: %v after a reset, want 4", op, got)
		}
		// (1s, 11s] holds 30 of second 2
		want := map[Op]float64{Median: 17, Mean: 17, Min: 4, Max: 30}[op]
		if got, _ := byTime.Apply(4, 11e9); got != want {
			t.Errorf("%d: %v after a short gap, want %v", op, got, want)
		}
		if got, _ := byTime.Apply(5, 30e9); got != 5 {
			t.Errorf("%d: %v after a long gap, want 5", op, got)
		}
	}
}
