//go:build chaos

package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/httpapi"
)

// node is the board: a directory with configuration and spool, and one telhub
// process at a time. Its log grows over all of them.
type node struct {
	t      *testing.T
	dir    string
	sock   string   // of the local HTTP
	spool  string   // the spool's directory
	wrap   []string // before the program's command line
	client *http.Client
	log    transcript

	cmd     *exec.Cmd
	exited  chan error
	started time.Time
	retried float64 // telemetry_retries_total of runs that have ended in order
}

// transcript collects what processes write.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// newNode makes a directory whose socket's path is short enough for one.
func newNode(t *testing.T) *node {
	t.Helper()
	dir, err := os.MkdirTemp("", "telhub-chaos-")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, dir: dir, sock: filepath.Join(dir, "http"), spool: filepath.Join(dir, "spool")}
	n.client = &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", n.sock)
			},
		},
	}
	t.Cleanup(func() {
		n.kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", dir, tailOf(n.log.String(), 80))
		}
		os.RemoveAll(dir)
	})
	return n
}

// tailOf returns the last lines of a text.
func tailOf(text string, most int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// config is the path of the configuration.
func (n *node) config() string { return filepath.Join(n.dir, "telhub.toml") }

// launch starts the agent and returns at once.
func (n *node) launch() {
	n.t.Helper()
	bin, err := program()
	if err != nil {
		n.t.Fatal(err)
	}
	line := append(append([]string{}, n.wrap...), bin, "run", "--config", n.config())
	n.cmd = exec.Command(line[0], line[1:]...)
	n.cmd.Stdout, n.cmd.Stderr = &n.log, &n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	n.started = time.Now()
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	exited := make(chan error, 1)
	n.exited = exited
	go func(cmd *exec.Cmd) { exited <- cmd.Wait() }(n.cmd)
}

// start starts the agent and returns how long it took until /health/live answered.
func (n *node) start() time.Duration {
	n.t.Helper()
	n.launch()
	deadline := n.started.Add(patience)
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for {
		if code, _ := n.get("/health/live"); code == http.StatusOK {
			return time.Since(n.started)
		}
		select {
		case err := <-n.exited:
			n.cmd = nil
			n.t.Fatalf("the agent ended at its start: %v\n%s", err, tailOf(n.log.String(), 20))
		case <-tick.C:
		}
		if time.Now().After(deadline) {
			n.t.Fatal("the agent does not answer /health/live")
		}
	}
}

func (n *node) signal(s syscall.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.t.Fatal(err)
	}
}

// kill ends the agent as a power cut does.
func (n *node) kill() {
	if n.cmd == nil {
		return
	}
	n.cmd.Process.Kill()
	<-n.exited
	n.cmd = nil
}

// stop ends the agent in order and returns how long that took.
func (n *node) stop() time.Duration {
	n.t.Helper()
	n.retried += n.metric("telemetry_retries_total")
	begin := time.Now()
	n.signal(syscall.SIGTERM)
	select {
	case err := <-n.exited:
		n.cmd = nil
		if err != nil {
			n.t.Errorf("the agent ended with %v", err)
		}
	case <-time.After(patience):
		n.t.Fatal("SIGTERM does not end the agent")
	}
	return time.Since(begin)
}

// get asks the local HTTP; code 0 means that nobody answers.
func (n *node) get(path string) (code int, body []byte) {
	resp, err := n.client.Get("http://node" + path)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil
	}
	return resp.StatusCode, body
}

// status returns /api/status.
func (n *node) status() (s httpapi.Status) {
	n.t.Helper()
	_, body := n.get("/api/status")
	if err := json.Unmarshal(body, &s); err != nil {
		n.t.Fatalf("/api/status: %v: %q", err, body)
	}
	return s
}

// untilEpoch waits for a later run of the same process. Between two runs nobody
// answers.
func (n *node) untilEpoch(want uint64) {
	n.t.Helper()
	eventually(n.t, "epoch "+strconv.FormatUint(want, 10), func() bool {
		_, body := n.get("/api/status")
		var s httpapi.Status
		return json.Unmarshal(body, &s) == nil && s.Epoch >= want
	})
}

// metric returns the sum of a metric's series whose labels contain all of with.
func (n *node) metric(name string, with ...string) (sum float64) {
	n.t.Helper()
	_, body := n.get("/metrics")
	for line := range strings.Lines(string(body)) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if base, _, _ := strings.Cut(series, "{"); !ok || base != name {
			continue
		}
		matches := true
		for _, w := range with {
			matches = matches && strings.Contains(series, w)
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil && matches {
			sum += v
		}
	}
	return sum
}

// forwards waits until so many more samples have been accepted by Redis.
func (n *node) forwards(more float64) {
	n.t.Helper()
	from := n.metric("telemetry_samples_forwarded_total")
	eventually(n.t, "samples to flow", func() bool { return n.metric("telemetry_samples_forwarded_total") >= from+more })
}

// connected waits until the agent talks to Redis.
func (n *node) connected() {
	n.t.Helper()
	eventually(n.t, "connection", func() bool { return n.status().Uplink.State == "connected" })
}

// drained waits until the agent says that all it has acquired is delivered or
// declared, and says so again. It is only told when to look: the streams decide.
func (n *node) drained() {
	n.t.Helper()
	const steady = 1500 * time.Millisecond // more than any scenario's flush
	var acquired uint64
	var s httpapi.Status
	since := time.Now()
	defer func() {
		if n.t.Failed() {
			n.t.Logf("status at last: %+v", s)
		}
	}()
	eventually(n.t, "all samples delivered", func() bool {
		s = n.status()
		queued := 0
		for _, l := range s.Uplink.Lanes {
			queued += l.Queued
		}
		idle := s.Uplink.State == "connected" && s.Counters.Stored == 0 && s.Queue.Size == 0 && queued == 0 &&
			s.Counters.Delivered+s.Counters.DeclaredLost >= s.Counters.Acquired
		if !idle || s.Counters.Acquired != acquired {
			acquired, since = s.Counters.Acquired, time.Now()
		}
		return time.Since(since) > steady
	})
}
