package flash

import (
	"math/rand/v2"
	"testing"
	"time"
)

const mb = 1_000_000

// allowed saves whatever the governor wants, as an agent does.
func allowed(g *Governor, now int64) {
	if g.Bounded(now) {
		g.Saved(g.State(now, false))
	}
}

// outage simulates commits for so long: each costs fixed and rate bytes for
// each second since the one before. It returns what was spent in each minute.
func outage(g *Governor, from int64, d time.Duration, fixed, rate func() float64) (minutes []int64, windows []time.Duration) {
	minutes = make([]int64, int(d/time.Minute)+1)
	for at, last := from, from; at < from+int64(d); {
		allowed(g, at)
		w := g.Window(at)
		at += int64(float64(w) * CommitsApart)
		bytes := int64(fixed() + rate()*float64(at-last)/1e9)
		last = at
		g.Spend(at, bytes, true)
		if m := int((at - from) / int64(time.Minute)); m < len(minutes) {
			minutes[m] += bytes
		}
		windows = append(windows, w)
	}
	return minutes, windows
}

// most returns the most that was spent in any 24 hours.
func most(minutes []int64) (worst int64) {
	const n = 24 * 60
	sum := int64(0)
	for i, b := range minutes {
		if sum += b; i >= n {
			sum -= minutes[i-n]
		}
		worst = max(worst, sum)
	}
	return worst
}

func always(v float64) func() float64 { return func() float64 { return v } }

func TestWithoutABudgetTheWindowIsMaxLoss(t *testing.T) {
	g := New(Options{MaxLoss: 5 * time.Second}, nil, 0)
	g.Spend(1e9, 1e12, true)
	if w := g.Window(2e9); w != 5*time.Second || g.Bounded(2e9) {
		t.Errorf("window is %v, want 5s", w)
	}
}

func TestAShortOutageKeepsToMaxLoss(t *testing.T) {
	g := New(Options{Budget: 20 * mb, MaxLoss: 5 * time.Second}, nil, 0)
	_, windows := outage(g, 0, 4*time.Minute, always(20e3), always(60))
	for _, w := range windows {
		if w != 5*time.Second {
			t.Fatalf("window is %v in the first minutes, want 5s", w)
		}
	}
}

func TestALongOutageStaysInsideTheBudget(t *testing.T) {
	const budget = 20 * mb
	for _, rate := range []float64{0, 3, 60, 150} {
		g := New(Options{Budget: budget, MaxLoss: 5 * time.Second}, nil, 0)
		minutes, windows := outage(g, 0, 72*time.Hour, always(20e3), always(rate))
		if worst := most(minutes); worst > budget || worst < budget*8/10 {
			t.Errorf("%v bytes/s: %d in 24 hours, want nearly %d", rate, worst, budget)
		}
		// What flows in, less the samples, pays for a commit of 20 kB each so often.
		want := time.Duration(20e3 / (Refill(budget) - rate) / CommitsApart * 1e9)
		if got := windows[len(windows)-1]; got < want*9/10 || got > want*11/10 {
			t.Errorf("%v bytes/s: window is %v in the end, want about %v", rate, got, want)
		}
	}
}

// Rates change, commits cost more and less, outages come and go.
func TestAnyDayStaysInsideTheBudget(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		budget := int64(2*mb + rng.Int64N(200*mb))
		// A commit once an hour, with samples for half of the refill.
		rate := func() float64 { return rng.Float64() * Refill(budget) / 2 }
		fixed := func() float64 { return 8e3 + rng.Float64()*24e3 }
		g := New(Options{Budget: budget, MaxLoss: time.Duration(1+rng.IntN(30)) * time.Second}, nil, 0)
		var all []int64
		for at := time.Duration(0); at < 5*day; {
			minutes, _ := outage(g, int64(at), time.Duration(rng.Int64N(int64(12*time.Hour))), fixed, rate)
			at += time.Duration(len(minutes)) * time.Minute
			pause := make([]int64, rng.IntN(4*60))
			at += time.Duration(len(pause)) * time.Minute
			all = append(append(all, minutes...), pause...)
		}
		if worst := most(all); worst > budget {
			t.Errorf("seed %d: %d in 24 hours, want at most %d", seed, worst, budget)
		}
	}
}

func TestWhatCannotBeKeptIsExceededByAsLittleAsPossible(t *testing.T) {
	g := New(Options{Budget: 2 * mb, MaxLoss: 5 * time.Second}, nil, 0)
	_, windows := outage(g, 0, day, always(20e3), always(5000))
	if got := windows[len(windows)-1]; got != Longest {
		t.Errorf("window is %v, want the longest, %v", got, Longest)
	}
	if g.LastDay(int64(day)) < 2*mb {
		t.Errorf("%d in a day: the test shows nothing", g.LastDay(int64(day)))
	}
}

func TestNoWindowIsLongerThanWhatIsSaved(t *testing.T) {
	g := New(Options{Budget: 40 * mb, MaxLoss: 5 * time.Second}, nil, 0)
	g.Spend(0, 20*mb, true)
	if w := g.Window(1); w != 5*time.Second || !g.Bounded(1) {
		t.Fatalf("window is %v before anything is saved, want 5s, and that more is wanted", w)
	}
	s := g.State(1, false)
	if w := g.Window(2); w != 5*time.Second {
		t.Errorf("window is %v while the state is being saved", w)
	}
	g.Saved(s)
	if w := g.Window(3); w <= 5*time.Second || w > s.Window || s.Window > Longest {
		t.Errorf("window is %v, saved is %v", w, s.Window)
	}
	// The bucket fills again, the next save says so.
	later := int64(2 * day)
	if w := g.Window(later); w != 5*time.Second {
		t.Errorf("window is %v with a full bucket", w)
	}
	if s = g.State(later, false); s.Window != 5*time.Second {
		t.Errorf("saved is %v with a full bucket", s.Window)
	}
	g.Spend(later, 20*mb, true)
	if w := g.Window(later + 1); w != 5*time.Second {
		t.Errorf("window is %v although 5s are being saved", w)
	}
}

func TestARestartIsGivenNothing(t *testing.T) {
	o := Options{Budget: 20 * mb, MaxLoss: 5 * time.Second}
	first := New(o, nil, 0)
	if got := first.State(0, true).Tokens; got != 5*mb {
		t.Errorf("a new store begins with %v, want a quarter of the budget", got)
	}
	first.Spend(1, 3*mb, true)
	end := first.State(1, true)
	if got := New(o, &end, 0).State(0, true).Tokens; got != 2*mb {
		t.Errorf("after an end in order %v, want 2 MB", got)
	}
	end.Clean = false
	if got := New(o, &end, 0).State(0, true).Tokens; got != 0 {
		t.Errorf("after a run without an end %v, want nothing", got)
	}
	end.Clean, end.Tokens = true, 1e18
	if got := New(o, &end, 0).State(0, true).Tokens; got != 5*mb {
		t.Errorf("more than the bucket holds: %v", got)
	}
}

func TestLastDayForgets(t *testing.T) {
	g := New(Options{}, nil, int64(time.Hour/2))
	g.Spend(int64(time.Hour), 100, true)
	g.Spend(int64(20*time.Hour), 10, true)
	if got := g.LastDay(int64(24 * time.Hour)); got != 110 {
		t.Errorf("%d, want 110", got)
	}
	if got := g.LastDay(int64(30 * time.Hour)); got != 10 {
		t.Errorf("%d, want 10", got)
	}
	if got := g.LastDay(int64(300 * time.Hour)); got != 0 || g.Total() != 110 {
		t.Errorf("%d of %d, want 0 of 110", got, g.Total())
	}
}

func TestWindowAllocatesNothing(t *testing.T) {
	g := New(Options{Budget: 20 * mb, MaxLoss: time.Second}, nil, 0)
	now := int64(0)
	if n := testing.AllocsPerRun(1000, func() { now += 1e9; g.Window(now); g.Spend(now, 1, true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
