package e2e

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// Two agents run under one device name: the earlier stops sending and says so.
func TestSecondAgentOfANameTakesOver(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	a, b := newFeeder(t, "a", 100), newFeeder(t, "b", 100)
	first, second := newNode(t), newNode(t)
	first.configure(first.config(settings{redis: srv.URL(), flush: "200ms"}, a))
	second.configure(second.config(settings{redis: srv.URL(), flush: "200ms"}, b))
	first.start()
	a.start()
	eventually(t, "samples of the first", func() bool { return first.metric("telemetry_samples_forwarded_total") > 1000 })
	second.start()
	b.start()
	eventually(t, "the first to be fenced", func() bool { return first.status().Uplink.State == "fenced" })
	first.wantFenced()
	eventually(t, "samples of the second", func() bool { return second.metric("telemetry_samples_forwarded_total") > 1000 })
	wait(t, 2*time.Second)
	if s := first.status(); s.Uplink.State != "fenced" || s.Counters.Stored == 0 {
		t.Errorf("the first is %s and has stored %d samples; want fenced and some", s.Uplink.State, s.Counters.Stored)
	}
	a.stop()
	b.stop()
	second.drained()
	second.stop()
	first.stop()
	readStreams(t, srv).wantComplete(b)

	// Now the first may go on: what it kept arrives too, but for frames of which
	// nobody can know any more whether they had arrived.
	first.start()
	first.drained()
	first.stop()
	readStreams(t, srv).wantConflictDeclared(a, b)
}

// wantConflictDeclared wants everything of both, or else a gap record that says
// why, and then no more than what can have been under way at the takeover.
func (a *audit) wantConflictDeclared(fenced, winner *feeder) {
	a.t.Helper()
	if m := a.missing(winner); len(m) > 0 {
		a.t.Errorf("feeder %s: lines are missing: %s", winner.name, runs(m))
	}
	missing := a.missing(fenced)
	declared := false
	for _, g := range a.gaps {
		declared = declared || g.Cause == "conflict"
	}
	a.t.Logf("%d of %d lines were under way at the takeover; gaps: %v", len(missing), len(fenced.lines()), a.gaps)
	if len(missing) > 0 && !declared {
		a.t.Errorf("feeder %s: lines are missing and no conflict is declared: %s", fenced.name, runs(missing))
	}
	if len(missing) > 3*fenced.rate {
		a.t.Errorf("feeder %s: %d lines are missing, more than can have been under way", fenced.name, len(missing))
	}
}

// wantFenced checks that an agent says what is wrong wherever somebody may look.
func (n *node) wantFenced() {
	n.t.Helper()
	s := n.status()
	if len(s.Problems) == 0 || !strings.Contains(s.Problems[0].What, "another agent runs under the name "+device) {
		n.t.Errorf("problems are %+v", s.Problems)
	}
	if code, body := n.get("/health/ready"); code != http.StatusServiceUnavailable {
		n.t.Errorf("/health/ready gives %d %s", code, body)
	}
	if code, body := n.get("/health/live"); code != http.StatusOK {
		n.t.Errorf("/health/live gives %d %s: a restart would make the two fight", code, body)
	}
	if n.metric("telemetry_uplink_fenced") != 1 {
		n.t.Error("telemetry_uplink_fenced is not 1")
	}
	eventually(n.t, "log line", func() bool {
		return strings.Contains(n.log.String(), "another agent runs under this device's name")
	})
}

// Redis knows later runs than the spool does, because the spool is new: nothing
// of what follows may be taken for something that is there already.
func TestNewSpoolGoesOnWhereRedisStands(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		name := "server up"
		if down {
			name = "server down at the start"
		}
		t.Run(name, func(t *testing.T) {
			srv := redistest.Start(t, "--appendonly", "yes")
			f := newFeeder(t, "a", 200)
			n := newNode(t)
			n.configure(n.config(settings{redis: srv.URL(), flush: "200ms", maxLoss: "1s"}, f))
			f.start()
			for range 3 {
				before := len(f.lines())
				n.start()
				eventually(t, "more lines", func() bool { return len(f.lines()) > before+200 })
				n.stop()
			}
			if err := os.RemoveAll(n.spool()); err != nil {
				t.Fatal(err)
			}
			if down {
				srv.Stop()
			}
			n.start()
			if down {
				eventually(t, "spooled samples", func() bool { return n.status().Counters.Stored > 4000 })
				srv.Start()
			}
			eventually(t, "samples", func() bool { return n.metric("telemetry_samples_forwarded_total") > 4000 })
			f.stop()
			n.drained()
			if s := n.status(); s.Epoch < 4 {
				t.Errorf("epoch is %d, want at least 4", s.Epoch)
			}
			n.stop()
			a := readStreams(t, srv)
			n.wantAccounted(a)
			a.wantOnlyRestartsMissing(f, 4)
		})
	}
}
