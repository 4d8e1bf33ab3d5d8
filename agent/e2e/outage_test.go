package e2e

import (
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// loadRate gives two feeders that together make 5,000 samples a second.
const loadRate = 250

func load(t *testing.T, names ...string) (feeders []*feeder) {
	for _, name := range names {
		feeders = append(feeders, newFeeder(t, name, loadRate*2/len(names)))
	}
	return feeders
}

func startAll(feeders []*feeder) {
	for _, f := range feeders {
		f.start()
	}
}

func stopAll(feeders []*feeder) {
	for _, f := range feeders {
		f.stop()
	}
}

// The server is stopped and started again over its data.
func TestOutageLosesNothing(t *testing.T) {
	outage(t, func(s *redistest.Server) { s.Stop() }, func(s *redistest.Server) { s.Start() })
}

// The server accepts connections and says nothing, as one that swaps or whose
// disk hangs.
func TestSilentServerLosesNothing(t *testing.T) {
	outage(t, func(s *redistest.Server) { s.Signal(syscall.SIGSTOP) }, func(s *redistest.Server) { s.Signal(syscall.SIGCONT) })
}

func outage(t *testing.T, begin, end func(*redistest.Server)) {
	length := pick(8*time.Second, time.Minute)
	srv := redistest.Start(t, "--appendonly", "yes")
	feeders := load(t, "a", "b")
	n := newNode(t)
	// The backlog is held back so that it is still there when live samples come.
	n.configure(n.config(settings{redis: srv.URL(), backfill: pick("400kB", "1MB"), breaker: "failures = 2"}, feeders...))
	n.start()
	startAll(feeders)
	eventually(t, "live samples", func() bool { return n.metric("telemetry_samples_forwarded_total") > 5000 })

	begin(srv)
	cut := time.Now()
	early, late := n.watchMemory(length)
	end(srv)
	back := time.Now().UnixMilli()
	eventually(t, "connection", func() bool { return n.status().Uplink.State == "connected" })
	wait(t, 3*time.Second)
	stopAll(feeders)
	n.drained()
	n.stop()

	a := readStreams(t, srv)
	a.wantComplete(feeders...)
	for _, f := range feeders {
		a.wantDated(f, 5*time.Second)
	}
	a.wantFreshFirst(cut.UnixMilli(), back)
	n.summaries()
	lines := len(feeders[0].lines()) + len(feeders[1].lines())
	t.Logf("outage of %s: %d lines, %d samples, %d frames; RssAnon at most %.1f MB in its first half, %.1f MB in its second",
		length, lines, a.samples, a.frames(), mega(early), mega(late))
	if late > early+growth {
		t.Errorf("anonymous memory grew during the outage from %.1f to %.1f MB", mega(early), mega(late))
	}
}

// growth is what the garbage collector's timing may add between two halves.
const growth = 3 << 20

func mega(bytes int) float64 { return float64(bytes) / 1e6 }

// watchMemory lets an outage pass and returns the most anonymous memory in its
// first and in its second half.
func (n *node) watchMemory(length time.Duration) (early, late int) {
	n.t.Helper()
	begin := time.Now()
	for time.Since(begin) < length {
		m := n.memory("RssAnon")
		if time.Since(begin) < length/2 {
			early = max(early, m)
		} else {
			late = max(late, m)
		}
		wait(n.t, 100*time.Millisecond)
	}
	return early, late
}

// freshWithin is how soon after the server's return live samples must be there.
const freshWithin = 2 * time.Second

// wantFreshFirst checks that after an outage, from cut to back, samples that
// were taken since flow at once and overtake the backlog. Times are Redis' own.
func (a *audit) wantFreshFirst(cut, back int64) {
	a.t.Helper()
	var live, drained int64
	backlog := 0
	for _, e := range a.entries {
		switch {
		case e.lane == frame.Live && e.t1 > back && live == 0:
			live = e.at
		case e.lane == frame.Backfill && e.at > cut:
			drained = max(drained, e.at)
			backlog += int(e.n)
		}
	}
	after := time.Duration(live-back) * time.Millisecond
	a.t.Logf("first live samples %s after the server's return; backlog of %d samples drained after %s",
		after, backlog, time.Duration(drained-back)*time.Millisecond)
	switch {
	case live == 0:
		a.t.Error("no live frame after the outage")
	case after > freshWithin:
		a.t.Errorf("the first live frame came %s after the server's return, want at most %s", after, freshWithin)
	case drained < live:
		a.t.Error("the backlog was drained before the first live frame: it did not flow beside it")
	}
	if want := int(back-cut) * 5 / 4; backlog < want {
		a.t.Errorf("the backlog held %d samples, want at least %d", backlog, want)
	}
}
