package expr

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestTotal(t *testing.T) {
	for _, c := range []struct {
		name, src string
		counter   []float64
		want      []float64
	}{
		{"begins with the counter", "total(n)", []float64{1234, 1240, 1240, 1300}, []float64{1234, 1240, 1240, 1300}},
		{"a reset adds the new value", "total(n)", []float64{100, 150, 3, 10}, []float64{100, 150, 153, 160}},
		{"a reset to 0", "total(n)", []float64{100, 0, 0, 1}, []float64{100, 100, 100, 101}},
		{"16 bits wrap", "total(n, 65536)", []float64{65530, 65535, 0, 4, 65535}, []float64{65530, 65535, 65536, 65540, 131071}},
		{"16 bits reset", "total(n, 65536)", []float64{1000, 5}, []float64{1000, 1005}},
		{"just short of half", "total(n, 65536)", []float64{40000, 40000 + 32767 - 65536}, []float64{40000, 72767}},
		{"exactly half is a reset", "total(n, 65536)", []float64{40000, 40000 + 32768 - 65536}, []float64{40000, 47232}},
		{"32 bits wrap", "total(n, 2^32)", []float64{4294967295, 0, 1}, []float64{4294967295, 4294967296, 4294967297}},
		{"scaled pulses wrap", "total(n * 0.5, 32768)", []float64{65535, 1}, []float64{32767.5, 32768.5}},
	} {
		p := compile(t, c.src)
		at := int64(0)
		for i, n := range c.counter {
			if got := feed(t, p, &at, n); got != c.want[i] {
				t.Errorf("%s: counter %v gives %v, want %v", c.name, n, got, c.want[i])
			}
		}
	}
}

func TestTotalIgnoresWhatNoCounterShows(t *testing.T) {
	p := compile(t, "total(n, 100)")
	at := int64(0)
	feed(t, p, &at, 10, 20)
	for _, bad := range []float64{-1, 100, 1e9, math.Inf(1), math.NaN()} {
		if v, ok := p.Eval([]float64{bad}, at); ok {
			t.Errorf("counter %v gives %v", bad, v)
		}
	}
	if got := feed(t, p, &at, 25); got != 25 {
		t.Errorf("then %v, want 25", got)
	}
}

func TestTotalGoesOnOverGapsAndRestarts(t *testing.T) {
	p := compile(t, "total(n, 65536)")
	at := int64(0)
	feed(t, p, &at, 65000)
	p.Reset()
	if got := feed(t, p, &at, 65100); got != 65100 || p.Gaps() != 0 {
		t.Errorf("over a gap %v, want 65100; %d gaps", got, p.Gaps())
	}
	for _, c := range []struct{ counter, want float64 }{
		{65200, 65200},
		{65100, 65100},
		{64, 65600},            // it has wrapped
		{30000, 65536 + 30000}, // a step of 30436, less than half a turn
		{40000, 65100 + 40000}, // more than half: the device has restarted
	} {
		q := compile(t, "total(n, 65536)")
		if !q.Restore(p.AppendState(nil)) {
			t.Fatal("state refused")
		}
		at := int64(0)
		if got := feed(t, q, &at, c.counter); got != c.want {
			t.Errorf("off while the counter went from 65100 to %v: %v, want %v", c.counter, got, c.want)
		}
	}
}

// TestTotalFollowsTheTruth runs a counter of limited width that is read at
// random distances of less than half a turn.
func TestTotalFollowsTheTruth(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, bits := range []uint{16, 24, 32} {
		p := compile(t, fmt.Sprintf("total(n, %d)", uint64(1)<<bits))
		truth, at := uint64(r.Uint32N(1<<16)), int64(0)
		for range 20_000 {
			if got := feed(t, p, &at, float64(truth%(1<<bits))); got != float64(truth) {
				t.Fatalf("%d bits: total %v, want %d", bits, got, truth)
			}
			truth += r.Uint64N(1<<(bits-1) - 1)
		}
	}
}

// TestTotalOfDecimals: steps of 0.1 do not drift from what the device shows.
func TestTotalOfDecimals(t *testing.T) {
	p := compile(t, "total(n)")
	at := int64(0)
	for i := range 1_000_000 {
		if n := float64(i) / 10; feed(t, p, &at, n) != n {
			t.Fatalf("total has drifted from %v", n)
		}
	}
}

func TestTotalThatWouldOverflowStays(t *testing.T) {
	p := compile(t, "total(n)")
	at := int64(0)
	feed(t, p, &at, 1.7e308)
	if v, ok := p.Eval([]float64{1.6e308}, at); ok { // a reset: 1.6e308 more
		t.Errorf("total %v beyond what a number holds", v)
	}
	if got := feed(t, p, &at, 1.7e308); got != 1.7e308 {
		t.Errorf("then %v, want 1.7e308", got)
	}
}
