package flash

import (
	"math"
	"sync"
	"time"
)

// Longest is the longest loss window that a budget can bring about. What would
// need a longer one exceeds the budget instead: an hour of samples is worth
// more than a card's wear.
const Longest = time.Hour

const (
	day = 24 * time.Hour

	// The bucket holds a quarter of a day's budget, so that short outages keep
	// to max_loss; the rest flows in over the day, but for a fiftieth that what
	// is measured late may take. Any 24 hours so stay within the budget.
	reserveShare = 0.25
	refillShare  = 0.73

	// debtShare is what of a budget may be owed before windows are the longest.
	// A little debt, such as one commit, hardly changes them.
	debtShare = 0.02

	// spendOver is in what time the reserve may be spent: what it holds is
	// given out evenly over this, so that it thins out and never ends abruptly.
	spendOver = 10 * time.Minute

	// CommitCost is what one commit costs at the block layer before any was
	// measured, bytes.
	CommitCost = 21 << 10

	// smoothing is the weight of the latest commit in the mean cost of one.
	smoothing = 0.2
	outlier   = 4 // a commit counts as so many times the mean at most

	// CommitsApart is which part of the window lies between two commits: that is
	// how the uplink fills frames.
	CommitsApart = 0.75

	// boundStep is by what factor the bound on windows grows.
	boundStep = 4
)

// Options configure a Governor.
type Options struct {
	Budget  int64         // bytes in 24 hours; 0 is no limit
	MaxLoss time.Duration // the window where the budget allows it
}

// State is what is kept of a Governor through restarts.
type State struct {
	Tokens float64       `json:"tokens"`    // bytes in the bucket
	Window time.Duration `json:"window_ns"` // the longest loss window that can have been in force
	Clean  bool          `json:"clean"`     // the run ended in order, and this is its end
}

// Governor says how long commits may wait. Its methods are safe for concurrent
// use; the times given to them need not be in order.
type Governor struct {
	o Options

	mu     sync.Mutex // guards all below
	tokens float64    // at the instant at
	at     int64
	cost   float64       // of a commit with what comes between two, mean, bytes
	since  float64       // spent since the last commit
	bound  time.Duration // no window is longer: this much is saved
	hours  [25]int64     // spent by hour; the hour h stands in h modulo 25
	hour   int64         // the latest of them
	total  int64
}

// New returns the governor of a run that begins at now. before is the state
// that an earlier run left, nil for none. After a run without an end the
// bucket is empty: what that run spent after its last save is not known.
func New(o Options, before *State, now int64) *Governor {
	g := &Governor{o: o, at: now, hour: now / int64(time.Hour), cost: CommitCost, bound: o.MaxLoss}
	g.tokens = g.reserve()
	if before != nil {
		g.tokens = 0
		if before.Clean && before.Tokens > 0 {
			g.tokens = min(before.Tokens, g.reserve())
		}
	}
	return g
}

func (g *Governor) reserve() float64 { return reserveShare * float64(g.o.Budget) }

// Refill is how much of a budget flows in, in bytes a second: what a long
// outage may cost.
func Refill(budget int64) float64 { return refillShare * float64(budget) / day.Seconds() }

// fillLocked lets time pass.
func (g *Governor) fillLocked(now int64) {
	if now <= g.at {
		return
	}
	g.tokens = min(g.tokens+Refill(g.o.Budget)*float64(now-g.at)/1e9, g.reserve())
	g.at = now
	for hour := now / int64(time.Hour); g.hour < hour; {
		g.hour = max(g.hour+1, hour-int64(len(g.hours)))
		g.hours[g.hour%int64(len(g.hours))] = 0
	}
}

// Spend takes what was written from the bucket. commit says that it ended with
// a commit.
func (g *Governor) Spend(now, bytes int64, commit bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fillLocked(now)
	g.tokens -= float64(bytes)
	g.since += float64(bytes)
	g.hours[g.hour%int64(len(g.hours))] += bytes
	g.total += bytes
	if commit {
		g.cost += smoothing * (min(g.since, outlier*g.cost) - g.cost)
		g.since = 0
	}
}

// Window is the loss window in force: a power cut may take samples that are so
// old. It is never shorter than MaxLoss.
func (g *Governor) Window(now int64) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fillLocked(now)
	return min(g.wantedLocked(), g.bound)
}

// wantedLocked is the window that the bucket asks for: what it gives out pays
// for a commit each so often.
func (g *Governor) wantedLocked() time.Duration {
	if g.o.Budget == 0 {
		return g.o.MaxLoss
	}
	longest := max(Longest, g.o.MaxLoss)
	rate := Refill(g.o.Budget)
	if g.tokens >= 0 {
		rate += g.tokens / spendOver.Seconds()
	} else if rate *= 1 + g.tokens/(debtShare*float64(g.o.Budget)); rate <= 0 {
		return longest
	}
	seconds := max(g.cost, CommitCost/2) / rate / CommitsApart
	return max(g.o.MaxLoss, time.Duration(min(seconds, longest.Seconds())*1e9))
}

// Bounded reports whether a longer window is wanted than is saved.
func (g *Governor) Bounded(now int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fillLocked(now)
	return g.wantedLocked() > g.bound
}

// State returns what to save. Windows are no longer than what it says from
// now on; Saved then allows what it says.
func (g *Governor) State(now int64, clean bool) State {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fillLocked(now)
	window, wanted := g.o.MaxLoss, g.wantedLocked()
	for window < wanted {
		window = min(window*boundStep, max(Longest, g.o.MaxLoss))
	}
	g.bound = min(g.bound, window)
	return State{Tokens: math.Round(g.tokens), Window: window, Clean: clean}
}

// Saved allows the windows of a state that is on flash.
func (g *Governor) Saved(s State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bound = s.Window
}

// LastDay is what was spent in the last 24 to 25 hours, or since New.
func (g *Governor) LastDay(now int64) (bytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fillLocked(now)
	for _, n := range g.hours {
		bytes += n
	}
	return bytes
}

// Total is what was spent since New.
func (g *Governor) Total() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.total
}
