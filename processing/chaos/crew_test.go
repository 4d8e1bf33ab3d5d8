package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// hand is a worker process.
type hand struct {
	t      *testing.T
	role   role
	cmd    *exec.Cmd
	stderr bytes.Buffer // guarded by ended
	ended  chan struct{}
	err    error // of Wait, guarded by ended
	killed bool
}

// startHand runs this binary again as a worker.
func startHand(t *testing.T, r role) *hand {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	h := &hand{t: t, role: r, cmd: exec.Command(self), ended: make(chan struct{})}
	h.cmd.Env = append(h.cmd.Environ(), roleEnv+"="+string(text))
	h.cmd.Stderr = &h.stderr
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		h.err = h.cmd.Wait()
		close(h.ended)
	}()
	t.Cleanup(func() { h.kill() })
	return h
}

// kill ends the worker as a crash does.
func (h *hand) kill() {
	h.killed = true
	h.cmd.Process.Kill()
	<-h.ended
}

// stopTime is how long a worker may take to stop in order.
const stopTime = 40 * time.Second

// stop ends the worker in order, which must succeed, and returns how long it took.
func (h *hand) stop() time.Duration {
	h.t.Helper()
	begin := time.Now()
	h.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-h.ended:
	case <-time.After(stopTime):
		h.kill()
		h.t.Fatalf("a worker did not stop within %v:\n%s", stopTime, &h.stderr)
	}
	if h.err != nil {
		h.t.Errorf("a worker that was told to stop: %v\n%s", h.err, &h.stderr)
	}
	return time.Since(begin)
}

// crew are the workers of a scene. One goroutine owns it.
type crew struct {
	s     *scene
	hands []*hand
	role  role
	all   []*hand // the dead too, for their logs
}

// newCrew starts n workers.
func (s *scene) newCrew(n int, r role) *crew {
	s.t.Helper()
	r.Database, r.Scene, r.Shards = s.database, s.name, s.shards
	if r.Workers == 0 {
		r.Workers = pick(5, 8) // brief: two scenarios share the database's connections
	}
	if r.Lease == 0 {
		r.Lease = 2 * time.Second
	}
	c := &crew{s: s, role: r}
	for range n {
		c.hands = append(c.hands, c.hire())
	}
	s.crews = append(s.crews, c)
	return c
}

func (c *crew) hire() *hand {
	r := c.role
	r.Log = filepath.Join(c.s.dir, fmt.Sprintf("worker-%d-%d.log", len(c.s.crews), len(c.all)))
	h := startHand(c.s.t, r)
	c.all = append(c.all, h)
	return h
}

// crash kills a worker and starts another in its place.
func (c *crew) crash(i int) {
	c.s.t.Helper()
	select {
	case <-c.hands[i].ended:
		c.s.t.Fatalf("a worker has ended by itself: %v\n%s", c.hands[i].err, &c.hands[i].stderr)
	default:
	}
	c.hands[i].kill()
	c.s.fault("worker killed", 1)
	c.hands[i] = c.hire()
}

// stop ends all in order and returns the longest time that one took.
func (c *crew) stop() (longest time.Duration) {
	c.s.t.Helper()
	for _, h := range c.hands {
		longest = max(longest, h.stop())
	}
	c.hands = nil
	return longest
}
