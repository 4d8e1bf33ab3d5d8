package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/httpapi"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// wantOnlyRestartsMissing checks that lines are missing at most where the port
// was closed: what lay in the kernel's buffer then was never acquired.
func (a *audit) wantOnlyRestartsMissing(f *feeder, restarts int) {
	a.t.Helper()
	const buffered = 4096/80 + 64<<10/80 // the terminal's buffers, in lines
	missing, spans := a.missing(f), 0
	for i, n := range missing {
		if i == 0 || missing[i-1] != n-1 {
			spans++
		}
	}
	if spans > restarts || len(missing) > restarts*buffered {
		a.t.Errorf("feeder %s: %d lines are missing in %d places, although the port was closed %d times: %s",
			f.name, len(missing), spans, restarts, runs(missing))
	}
	a.t.Logf("feeder %s: %d of %d lines were not acquired while the port was closed", f.name, len(missing), len(f.lines()))
}

// SIGHUP under load: with changed configurations, with a broken one, and with
// one that cannot start.
func TestReloadLosesNothing(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes")
	feeders := load(t, "a", "b")
	n := newNode(t)
	configs := []string{
		n.config(settings{redis: srv.URL(), flush: "200ms"}, feeders...),
		n.config(settings{redis: srv.URL(), flush: "100ms", frame: 64, encoding: "compact"}, feeders...),
	}
	n.configure(configs[0])
	n.start()
	startAll(feeders)
	const reloads = 4
	for i := range reloads {
		before := n.metric("telemetry_samples_forwarded_total")
		eventually(t, "samples to flow", func() bool { return n.metric("telemetry_samples_forwarded_total") > before+2000 })
		epoch := n.status().Epoch // before the first sample it is 0
		n.configure(configs[(i+1)%2])
		n.signal(syscall.SIGHUP)
		n.untilEpoch(epoch + 1)
		want := []string{"compact", "senml"}[i%2]
		if got := n.status().Uplink.Encoding; got != want {
			t.Errorf("encoding after reload %d is %s, want %s", i, got, want)
		}
	}
	n.wantRefused(configs[0]+"\n[nonsense]\nkey = 1\n", "the configuration in force stays")
	n.wantUnstartable(configs[0])

	before := n.metric("telemetry_samples_forwarded_total")
	eventually(t, "samples to flow", func() bool { return n.metric("telemetry_samples_forwarded_total") > before+2000 })
	stopAll(feeders)
	n.drained()
	n.stop()
	a := readStreams(t, srv)
	for _, g := range a.gaps {
		t.Errorf("a gap was declared: %v", g)
	}
	n.wantAccounted(a)
	for _, f := range feeders {
		a.wantOnlyRestartsMissing(f, reloads+1)
	}
}

// untilEpoch waits for a later run of the same process. Between two runs
// nobody answers.
func (n *node) untilEpoch(want uint64) {
	n.t.Helper()
	eventually(n.t, fmt.Sprintf("epoch %d", want), func() bool {
		_, body := n.get("/api/status")
		var s httpapi.Status
		return json.Unmarshal(body, &s) == nil && s.Epoch >= want
	})
}

// wantRefused reloads a configuration that is no good: nothing changes.
func (n *node) wantRefused(config, says string) {
	n.t.Helper()
	epoch := n.status().Epoch
	n.configure(config)
	n.signal(syscall.SIGHUP)
	eventually(n.t, "log line: "+says, func() bool { return strings.Contains(n.log.String(), says) })
	if got := n.status().Epoch; got != epoch {
		n.t.Errorf("epoch is %d after a refused reload, want %d still", got, epoch)
	}
}

// wantUnstartable reloads a configuration that is well-formed but whose HTTP
// address is taken: the old one goes on.
func (n *node) wantUnstartable(good string) {
	n.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	defer l.Close()
	epoch := n.status().Epoch
	n.configure(strings.Replace(good, "unix:"+n.sock, l.Addr().String(), 1))
	n.signal(syscall.SIGHUP)
	n.untilEpoch(epoch + 1)
	if !strings.Contains(n.log.String(), "the old one goes on") {
		n.t.Error("the log does not say that the old configuration goes on")
	}
}

// SIGTERM under load, with the server there and without it.
func TestTerminationKeepsWhatItCannotSend(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes")
	feeders := load(t, "a", "b")
	n := newNode(t)
	n.configure(n.config(settings{redis: srv.URL()}, feeders...))
	n.start()
	startAll(feeders)
	eventually(t, "samples to flow", func() bool { return n.metric("telemetry_samples_forwarded_total") > 5000 })
	n.wantPromptStop()

	n.start()
	eventually(t, "samples to flow", func() bool { return n.metric("telemetry_samples_forwarded_total") > 2000 })
	srv.Stop()
	wait(t, 3*time.Second)
	n.wantPromptStop()
	all := n.summaries()
	if last := all[len(all)-1]; last.Stored == 0 {
		t.Errorf("nothing was stored although the server was gone: %+v", last)
	}

	n.start()
	srv.Start()
	wait(t, time.Second)
	stopAll(feeders)
	n.drained()
	n.stop()
	a := readStreams(t, srv)
	for _, g := range a.gaps {
		t.Errorf("a gap was declared: %v", g)
	}
	n.wantAccounted(a)
	for _, f := range feeders {
		a.wantOnlyRestartsMissing(f, 3)
	}
}

// wantPromptStop ends the agent and wants that within five seconds.
func (n *node) wantPromptStop() {
	n.t.Helper()
	took := n.stop()
	n.t.Logf("SIGTERM ended the agent within %s", took.Round(time.Millisecond))
	if took > 5*time.Second {
		n.t.Errorf("SIGTERM took %s to end the agent, want at most 5s", took)
	}
}
