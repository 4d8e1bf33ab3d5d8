package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/audit"
	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// asTelhub makes a copy of the test binary be telhub: a process that can be killed.
const asTelhub = "TELHUB_TEST_BE_TELHUB"

func TestMain(m *testing.M) {
	if os.Getenv(asTelhub) != "" {
		main()
	}
	os.Exit(m.Run())
}

// board is an agent's process, its one sensor and its server.
type board struct {
	t      *testing.T
	srv    *redistest.Server
	pty    *sim.PTY
	values *sim.Lines
	config string
	cmd    *exec.Cmd
	log    bytes.Buffer
}

func newBoard(t *testing.T) *board {
	t.Helper()
	dir := t.TempDir()
	b := &board{t: t, srv: redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always"), config: filepath.Join(dir, "telhub.toml")}
	pty, err := sim.NewPTY(dir, "port")
	if err != nil {
		t.Fatal(err)
	}
	b.pty, b.values = pty, sim.NewLines(sim.JSON, sim.Field{Name: "a"}, sim.Field{Name: "b"})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		sim.NewTalker(pty, b.values, 20*time.Millisecond, nil).Run(ctx)
	}()
	t.Cleanup(func() {
		b.end(syscall.SIGKILL)
		cancel()
		<-done
		pty.Close()
		if t.Failed() {
			t.Logf("log:\n%s", b.log.String())
		}
	})
	text := fmt.Sprintf("device = \"pi-01\"\n[uplink]\nflush = \"100ms\"\nframe = 8\n[uplink.breaker]\nopen = \"100ms\"\nopen_max = \"200ms\"\n"+
		"[redis]\nurl = %q\nmaxlen = 0\n[spool]\npath = %q\nmax_loss = \"1s\"\n[http]\nlisten = \"\"\n"+
		"[[sensor]]\nname = \"s\"\nuse = \"line\"\nport = %q\nmode = \"115200 8N1\"\nformat = \"json\"\n"+
		"[sensor.out]\na = { key = \"a\" }\nb = { key = \"b\" }\n[sensor.a]\nalarm = { high = 10 }\n",
		b.srv.URL(), filepath.Join(dir, "spool"), pty.Path())
	if err := os.WriteFile(b.config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *board) start() {
	b.t.Helper()
	b.cmd = exec.Command(os.Args[0], "run", "--config", b.config)
	b.cmd.Env = append(os.Environ(), asTelhub+"=1")
	b.cmd.Stdout, b.cmd.Stderr = &b.log, &b.log
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *board) end(sig syscall.Signal) {
	if b.cmd == nil {
		return
	}
	b.cmd.Process.Signal(sig)
	b.cmd.Wait()
	b.cmd = nil
}

// cut takes the power from agent and device, and gives it back.
func (b *board) cut() {
	b.t.Helper()
	b.end(syscall.SIGKILL)
	if err := errors.Join(b.pty.Unplug(), b.pty.Replug()); err != nil {
		b.t.Fatal(err)
	}
	b.start()
}

// grows waits until a lane's stream holds n entries more.
func (b *board) grows(lane string, n int) {
	b.t.Helper()
	length := func(reply string) int {
		got, _ := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(reply, ":")))
		return got
	}
	key := "XLEN telhub:{0}:" + lane
	from := length(b.srv.Do(key))
	b.srv.Await(key, func(reply string) bool { return length(reply) >= from+n })
}

// pass lets the agent go on for a while.
func (b *board) pass(d time.Duration) {
	select {
	case <-b.t.Context().Done():
	case <-time.After(d):
	}
}

// audit wants an exit code and returns the report.
func (b *board) audit(want int) audit.Report {
	b.t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(b.t.Context(), []string{"audit", "--whole", "--json", "--config", b.config}, &stdout, &stderr, nil); code != want {
		b.t.Fatalf("exit code %d, want %d: %s%s", code, want, stdout.String(), stderr.String())
	}
	var r audit.Report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		b.t.Fatal(err)
	}
	return r
}

// A real agent through an alarm, an outage, power cuts and an orderly end: its
// streams balance, and each thing that somebody does to them by hand is found.
func TestAuditOfARealAgent(t *testing.T) {
	b := newBoard(t)
	b.start()
	b.grows("live", 5)
	b.values.Set(0, 20)
	b.grows("alarm", 1)
	b.audit(exitOK) // while it goes on writing
	b.cut()
	b.grows("live", 5)
	b.srv.Stop()
	b.pass(1500 * time.Millisecond)
	b.cut() // during the outage
	b.values.Set(0, 0)
	b.pass(1500 * time.Millisecond)
	b.srv.Start()
	b.grows("backfill", 2)
	b.grows("live", 5)
	b.end(syscall.SIGTERM)

	r := b.audit(exitOK)
	d := r.Devices[0]
	// The first cut's record is there twice where the second cut came before
	// Redis had confirmed it as durable: once live, once from the store.
	if d.Runs.Seen != 3 || d.Runs.AfterCut != 2 || d.Unknown < 2 || d.Unknown > 3 || d.Delivered < 100 {
		t.Errorf("runs %+v, delivered %d, %d losses of unknown number; want 3 runs, 2 after a power cut, 2 or 3 losses", d.Runs, d.Delivered, d.Unknown)
	}
	for _, l := range d.Lanes {
		if l.Frames == 0 || l.First == "" || !l.Marked {
			t.Errorf("lane %+v has nothing", l)
		}
	}
	b.tamper()
}

// tamper deletes a frame and adds another one again.
func (b *board) tamper() {
	b.t.Helper()
	b.srv.Do("XADD telhub:{0}:alarm * dev pi-01 ep 1 seq 1 n 0 t0 0 t1 0 q ntp boot 00000000-0000-0000-0000-000000000000 enc senml d []")
	ids := strings.Fields(b.srv.Do("XRANGE telhub:{0}:live - + COUNT 2"))
	var second string
	for _, word := range ids {
		if ms, n, ok := strings.Cut(word, "-"); ok && len(ms) == 13 && len(n) <= 2 {
			second = word
		}
	}
	b.srv.Do("XDEL telhub:{0}:live " + second)
	var got []string
	for _, f := range b.audit(exitFailed).Devices[0].Findings {
		got = append(got, string(f.Kind)+" "+f.ID)
	}
	if want := "[twice pi-01/alarm/1/1 hole pi-01/live/1/2]"; fmt.Sprint(got) != want {
		b.t.Errorf("found %v, want %s", got, want)
	}
}
