package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// beTTP makes this test's binary be ttp itself, so that processes can be
// killed.
const beTTP = "TTP_TEST_BE_TTP"

func TestMain(m *testing.M) {
	if os.Getenv(beTTP) != "" {
		os.Unsetenv(beTTP)
		main()
	}
	os.Exit(m.Run())
}

// process is a ttp that runs.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout bytes.Buffer
	http   string

	mu     sync.Mutex // guards stderr
	stderr bytes.Buffer
}

// Write takes what the process logs.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.Write(b)
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// start runs ttp against a Redis; env are further variables.
func start(t *testing.T, redis string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0], args...), http: fmt.Sprintf("127.0.0.1:%d", redistest.FreePort(t))}
	p.cmd.Env = append(os.Environ(), beTTP+"=1", "TTP_REDIS_URL="+redis, "TTP_HTTP_LISTEN="+p.http)
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		if t.Failed() {
			t.Logf("%v logged:\n%s", args, p.log())
		}
	})
	return p
}

// stop sends a signal, wants exit code 0 and returns the summary.
func (p *process) stop(sig syscall.Signal) summaryLine {
	p.t.Helper()
	if sig != 0 {
		p.cmd.Process.Signal(sig)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("ended with %v", err)
	}
	var s summaryLine
	if err := json.Unmarshal(p.stdout.Bytes(), &s); err != nil {
		p.t.Fatalf("%s: %v", p.stdout.Bytes(), err)
	}
	return s
}

// get asks the process' HTTP server.
func (p *process) get(path string) (code int, body string) {
	resp, err := http.Get("http://" + p.http + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// health runs `ttp health` as the process' container would.
func (p *process) health(args ...string) (code int, stdout string) {
	var out, errs bytes.Buffer
	code = run(p.t.Context(), append([]string{"health"}, args...), nil, &out, &errs, []string{"TTP_HTTP_LISTEN=" + p.http})
	return code, out.String()
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 90 s: %s", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// openQueue opens a queue of the test's own.
func openQueue(t *testing.T, url string) *queue.Queue {
	t.Helper()
	q, err := queue.Open(t.Context(), queue.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

func numbers(t *testing.T, q *queue.Queue) *queue.QueueStats {
	t.Helper()
	s, err := q.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Queues {
		if s.Queues[i].Name == queue.DefaultQueue {
			return &s.Queues[i]
		}
	}
	return &queue.QueueStats{}
}

// fill hands in n tasks of a type.
func fill(t *testing.T, q *queue.Queue, n int, task queue.Task) {
	t.Helper()
	tasks := make([]*queue.Task, n)
	for i := range tasks {
		one := task
		tasks[i] = &one
	}
	if _, err := q.Enqueue(t.Context(), tasks...); err != nil {
		t.Fatal(err)
	}
}

// SIGTERM in the middle: nothing is lost, nothing is twice, nothing waits for
// a lease.
func TestSIGTERMLosesNothing(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL())
	const all = 1500
	fill(t, q, all, queue.Task{Type: "sleep", Payload: []byte("2ms")})
	p := start(t, s.URL(), []string{"TTP_WORKER_LEASE=1m"}, "run", "--json")
	eventually(t, "a hundred are done", func() bool { return numbers(t, q).Done > 100 })
	first := p.stop(syscall.SIGTERM)
	n := numbers(t, q)
	if n.Running() != 0 || n.Done != first.Done || n.Done+n.Waiting() != all || n.Done == all {
		t.Errorf("after SIGTERM: %d running, %d done (it says %d), %d waiting of %d", n.Running(), n.Done, first.Done, n.Waiting(), all)
	}
	second := start(t, s.URL(), []string{"TTP_WORKER_LEASE=1m"}, "run", "--json", "--until-empty").stop(0)
	if first.Done+second.Done != all {
		t.Errorf("%d and %d done, want %d in all", first.Done, second.Done, all)
	}
}

// kill -9: what it had runs elsewhere within lease + 2 s.
func TestSIGKILLRunsElsewhere(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL())
	lease := "TTP_WORKER_LEASE=2s"
	fill(t, q, 4, queue.Task{Type: "sleep", Payload: []byte("3s"), Keep: time.Hour})
	p := start(t, s.URL(), []string{lease}, "run")
	eventually(t, "all run", func() bool { return numbers(t, q).Running() == 4 })
	eventually(t, "they are begun", func() bool { _, body := p.get("/metrics"); return strings.Contains(body, "\nttp_workers_busy 4\n") })
	other := start(t, s.URL(), []string{lease}, "run", "--json")
	eventually(t, "the other is ready", func() bool { code, _ := other.get("/health/ready"); return code == 200 })
	p.cmd.Process.Kill()
	killed := time.Now()
	eventually(t, "the other has them", func() bool { _, body := other.get("/metrics"); return strings.Contains(body, "\nttp_workers_busy 4\n") })
	if took := time.Since(killed); took > 20*time.Second { // 4 s, and what a busy machine takes
		t.Errorf("it took %v, want lease + 2 s at most", took)
	}
	eventually(t, "all are done", func() bool { return numbers(t, q).Done == 4 })
	if sum := other.stop(syscall.SIGTERM); sum.Done != 4 || sum.Recovered != 4 {
		t.Errorf("the other did %+v", sum)
	}
}

// Health follows Redis, and ttp outlives its absence.
func TestHealthFollowsRedis(t *testing.T) {
	s := redistest.Start(t)
	p := start(t, s.URL(), nil, "run", "--json")
	ready := func(want int) func() bool {
		return func() bool { code, _ := p.get("/health/ready"); return code == want }
	}
	eventually(t, "it is ready", ready(200))
	s.Stop()
	eventually(t, "it is not ready", ready(503))
	if code, _ := p.get("/health/live"); code != 200 {
		t.Errorf("live is %d without Redis: a restart would mend nothing", code)
	}
	if _, body := p.get("/health/detailed"); !strings.Contains(body, `"name":"redis","ok":false`) {
		t.Errorf("detailed: %s", body)
	}
	if code, out := p.health(); code != exitFailed || !strings.HasPrefix(out, "not ready\n  FAIL  redis ") {
		t.Errorf("ttp health: %d %q", code, out)
	}
	if code, out := p.health("--live"); code != exitOK || out != "live\n" {
		t.Errorf("ttp health --live: %d %q", code, out)
	}
	if _, body := p.get("/api/status"); !strings.Contains(body, `"state":"degraded"`) || !strings.Contains(body, "Redis does not answer") {
		t.Errorf("status: %s", body)
	}
	s.Start()
	eventually(t, "it is ready again", ready(200))
	if code, out := p.health(); code != exitOK || !strings.HasPrefix(out, "ready\n") {
		t.Errorf("ttp health: %d %q", code, out)
	}
	fill(t, openQueue(t, s.URL()), 1, queue.Task{Type: "echo"})
	eventually(t, "it works again", func() bool {
		_, body := p.get("/metrics")
		return strings.Contains(body, `ttp_attempts_total{class="normal",outcome="done"} 1`)
	})
	if sum := p.stop(syscall.SIGINT); sum.Done != 1 {
		t.Errorf("done: %+v", sum)
	}
}

// SIGHUP takes over the log level of a good configuration, and nothing of a
// bad one. Lines carry task and correlation ID.
func TestSIGHUPReadsTheLogLevel(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL())
	file := filepath.Join(t.TempDir(), "ttp.toml")
	set := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set("[log]\nlevel = \"info\"\n")
	p := start(t, s.URL(), nil, "run", "--config", file, "--json")
	eventually(t, "it works", func() bool { return strings.Contains(p.log(), `"message":"working"`) })
	one := func(id string) {
		fill(t, q, 1, queue.Task{ID: id, Type: "echo", Correlation: "pi-01/live/1/2#0"})
		eventually(t, id+" is over", func() bool { n := numbers(t, q); return n.Waiting()+n.Running() == 0 })
	}
	one("quiet")
	set("[log]\nlevel = \"debug\"\n")
	p.cmd.Process.Signal(syscall.SIGHUP)
	eventually(t, "the level is read", func() bool { return strings.Contains(p.log(), "log level read again") })
	one("loud")
	eventually(t, "the task is logged", func() bool { return strings.Contains(p.log(), `"task":"loud"`) })
	set("[log]\nlevel = \"loud\"\n")
	p.cmd.Process.Signal(syscall.SIGHUP)
	eventually(t, "the mistake is told", func() bool {
		return strings.Contains(p.log(), `log.level = "loud": must be one of`) && strings.Contains(p.log(), "the configuration in force stays")
	})
	p.stop(syscall.SIGTERM)
	log := p.log()
	if strings.Contains(log, `"task":"quiet"`) || !strings.Contains(log, `"correlation":"pi-01/live/1/2#0"`) {
		t.Errorf("wrong lines")
	}
}

// The port that somebody has chosen is an error when it is taken.
func TestChosenPortThatIsTaken(t *testing.T) {
	s := redistest.Start(t)
	p := start(t, s.URL(), nil, "run")
	eventually(t, "it is ready", func() bool { code, _ := p.get("/health/ready"); return code == 200 })
	second := start(t, s.URL(), []string{"TTP_HTTP_LISTEN=" + p.http}, "run")
	err := second.cmd.Wait()
	if code := second.cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(second.log(), "ttp: http.listen = ") || !strings.Contains(second.log(), "choose another one") {
		t.Errorf("got %v: %s", err, second.log())
	}
}
