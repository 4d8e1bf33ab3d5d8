package e2e

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// maxLoss is what the test's configuration allows a power cut to cost.
const maxLoss = time.Second

// cut is a SIGKILL of the agent: when it came, and when the next run answered.
type cut struct{ at, back int64 }

// The agent is killed again and again, while it spools and while it drains.
func TestPowerCutsLoseNoMoreThanTheyMay(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes")
	feeders := load(t, "a", "b")
	n := newNode(t)
	n.configure(n.config(settings{redis: srv.URL(), maxLoss: maxLoss.String(), backfill: "300kB"}, feeders...))
	srv.Stop()
	n.start()
	startAll(feeders)
	var cuts []cut
	var starts []time.Duration
	up := false
	for i := range pick(10, 50) {
		wait(t, maxLoss/2+rand.N(2*maxLoss))
		if i%3 == 2 { // a phase without the server, one with it
			if up {
				srv.Stop()
			} else {
				srv.Start()
			}
			up = !up
			wait(t, rand.N(maxLoss))
		}
		at := time.Now().UnixMilli()
		n.kill()
		replug(t, feeders)
		starts = append(starts, n.start())
		cuts = append(cuts, cut{at, time.Now().UnixMilli()})
	}
	if !up {
		srv.Start()
	}
	stopAll(feeders)
	n.drained()
	n.stop()

	a := readStreams(t, srv)
	worst, lines := time.Duration(0), 0
	for _, f := range feeders {
		w, k := a.wantDeclared(f, cuts)
		worst, lines = max(worst, w), lines+k
	}
	n.summaries()
	slices.Sort(starts)
	t.Logf("%d kills: %d of %d lines missing, the oldest sent %s before its kill; starts took %s to %s, median %s; %d gap records",
		len(cuts), lines, len(feeders[0].lines())+len(feeders[1].lines()), worst, starts[0], starts[len(starts)-1], starts[len(starts)/2], len(a.gaps))
	if total := len(feeders[0].lines()) + len(feeders[1].lines()); total < 200*len(cuts) {
		t.Errorf("only %d lines were sent between %d kills: the load is too small", total, len(cuts))
	}
	wantPromptStarts(t, starts)
}

// replug gives the devices' adapters the power back, too: a pseudo-terminal
// stays exclusively locked to the process that was killed, which a port does not.
func replug(t *testing.T, feeders []*feeder) {
	t.Helper()
	for _, f := range feeders {
		if err := errors.Join(f.pty.Unplug(), f.pty.Replug()); err != nil {
			t.Fatal(err)
		}
	}
}

// wantPromptStarts wants starts, sorted, under a second. Of everyday runs,
// which share the machine with other tests, that is wanted of most of them.
func wantPromptStarts(t *testing.T, starts []time.Duration) {
	t.Helper()
	k := pick(len(starts)/2, len(starts)-1)
	if starts[k] >= time.Second {
		t.Errorf("starts took up to %s, want under a second", starts[k])
	}
}

// slack is what a busy machine may add between a device's sending and the stamp.
const slack = 500 * time.Millisecond

// wantDeclared checks that each run of missing lines belongs to a kill, is not
// older than maxLoss at that time, and lies inside a gap record. It returns the
// greatest age of a missing line at its kill, and how many are missing.
func (a *audit) wantDeclared(f *feeder, cuts []cut) (worst time.Duration, lines int) {
	a.t.Helper()
	sent, missing := f.lines(), a.missing(f)
	for i := 0; i < len(missing); {
		j := i
		for j+1 < len(missing) && missing[j+1] == missing[j]+1 {
			j++
		}
		first, last := missing[i], missing[j]
		lines += last - first + 1
		age, ok := a.excused(f, sent, first, last, cuts)
		if !ok {
			a.t.Errorf("feeder %s: lines %d to %d, sent %d to %d, are missing and not declared; kills %v, gaps %v",
				f.name, first, last, sent[first], sent[last], cuts, a.gaps)
		}
		worst = max(worst, age)
		i = j + 1
	}
	return worst, lines
}

// excused reports whether a run of missing lines is within what was promised,
// and how old its first line was at the kill. The run may span several kills:
// one can come before anything else was acquired.
func (a *audit) excused(f *feeder, sent []int64, first, last int, cuts []cut) (age time.Duration, ok bool) {
	for _, c := range cuts {
		if sent[first] > c.back {
			continue
		}
		age = time.Duration(c.at-sent[first]) * time.Millisecond
		if age > maxLoss+slack {
			return age, false
		}
		before := sent[first] // the lost samples' stamps cannot precede it
		if first > 0 {
			if at, ok := a.stamp(f, first-1, 0); ok {
				before = max(before, at)
			}
		}
		late := int64(rounding)
		if sent[last] > c.at-slack.Milliseconds()/10 {
			late = slack.Milliseconds() // nothing was read any more: the reader may have been held up
		}
		return age, a.covered(before, sent[last], late, c)
	}
	return 0, false
}

// rounding is what the milliseconds of stamps and of their dates may differ by, ms.
const rounding = 5

// covered reports whether gap records of power cuts span from before, or a
// little later, to after without a hole.
func (a *audit) covered(before, after, late int64, c cut) bool {
	until := before
	for again := true; again && until < after; {
		again = false
		for _, g := range a.gaps {
			if g.Cause == "power_cut" && g.T0 != nil && *g.T0 <= until+late && g.T1 > until {
				until, again = g.T1, true
			}
		}
	}
	return until >= after && until >= c.at
}
