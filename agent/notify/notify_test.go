package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func env(kv map[string]string) func(string) string {
	return func(k string) string { return kv[k] }
}

// listen opens a datagram socket as systemd does, and a Systemd that talks to it.
func listen(t *testing.T, path string) (*net.UnixConn, *Systemd) {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s, err := FromEnv(env(map[string]string{"NOTIFY_SOCKET": path}))
	if err != nil || s == nil {
		t.Fatalf("FromEnv = %v, %v", s, err)
	}
	return c, s
}

func receive(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestMessages(t *testing.T) {
	sockets := map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": fmt.Sprintf("@telhub-test-%d", os.Getpid()),
	}
	for kind, path := range sockets {
		t.Run(kind, func(t *testing.T) {
			c, s := listen(t, path)
			steps := []struct {
				send func() error
				want string
			}{
				{func() error { return s.Ready("20 sensors") }, "READY=1\nSTATUS=20 sensors\n"},
				{func() error { return s.Ready("") }, "READY=1\n"},
				{func() error { return s.Status("two\nlines") }, "STATUS=two lines\n"},
				{s.Alive, "WATCHDOG=1\n"},
				{func() error { return s.Extend(2500 * time.Millisecond) }, "EXTEND_TIMEOUT_USEC=2500000\n"},
				{func() error { return s.Stopping("flushing") }, "STOPPING=1\nSTATUS=flushing\n"},
			}
			for _, step := range steps {
				if err := step.send(); err != nil {
					t.Fatal(err)
				}
				if got := receive(t, c); got != step.want {
					t.Errorf("got %q, want %q", got, step.want)
				}
			}
		})
	}
}

// TestReloading compares MONOTONIC_USEC with the kernel's own view of the
// monotonic clock, /proc/uptime, which differs only by time spent suspended.
func TestReloading(t *testing.T) {
	c, s := listen(t, filepath.Join(t.TempDir(), "notify"))
	if err := s.Reloading(); err != nil {
		t.Fatal(err)
	}
	got := receive(t, c)
	rest, ok := strings.CutPrefix(got, "RELOADING=1\nMONOTONIC_USEC=")
	usec, err := strconv.ParseInt(strings.TrimSuffix(rest, "\n"), 10, 64)
	if !ok || err != nil || usec <= 0 {
		t.Fatalf("got %q (%v)", got, err)
	}
	b, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Fatal(err)
	}
	uptime, err := strconv.ParseFloat(strings.Fields(string(b))[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	if s := float64(usec) / 1e6; s > uptime+1 {
		t.Errorf("MONOTONIC_USEC is %v s, the machine is up for %v s", s, uptime)
	}
}

func TestNoSystemd(t *testing.T) {
	s, err := FromEnv(env(nil))
	if s != nil || err != nil {
		t.Fatalf("without NOTIFY_SOCKET: got %v, %v", s, err)
	}
	for _, err := range []error{s.Ready("x"), s.Status("x"), s.Reloading(), s.Stopping("x"), s.Alive(), s.Extend(1)} {
		if err != nil {
			t.Errorf("a nil Systemd returned %v", err)
		}
	}
	for _, bad := range []string{"relative", "/", "@", "vsock:2:1234"} {
		if _, err := FromEnv(env(map[string]string{"NOTIFY_SOCKET": bad})); err == nil {
			t.Errorf("NOTIFY_SOCKET=%q gave no error", bad)
		}
	}
	gone, err := FromEnv(env(map[string]string{"NOTIFY_SOCKET": filepath.Join(t.TempDir(), "gone")}))
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Alive(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket that is gone: got %v, want os.ErrNotExist", err)
	}
}

func TestWatchdogTimeout(t *testing.T) {
	const pid = 42
	tests := []struct {
		usec, pid string
		want      time.Duration
		bad       string // what the error must name
	}{
		{"", "", 0, ""},
		{"30000000", "", 30 * time.Second, ""},
		{"30000000", "42", 30 * time.Second, ""},
		{"30000000", "43", 0, ""},
		{"", "42", 0, ""},
		{"0", "42", 0, "WATCHDOG_USEC"},
		{"-5", "", 0, "WATCHDOG_USEC"},
		{"soon", "", 0, "WATCHDOG_USEC"},
		{"9223372036854775807", "", 0, "WATCHDOG_USEC"},
		{"30000000", "me", 0, "WATCHDOG_PID"},
	}
	for _, tt := range tests {
		got, err := WatchdogTimeout(env(map[string]string{"WATCHDOG_USEC": tt.usec, "WATCHDOG_PID": tt.pid}), pid)
		if got != tt.want || (err != nil) != (tt.bad != "") || err != nil && !strings.Contains(err.Error(), tt.bad) {
			t.Errorf("usec %q pid %q: got %v, %v; want %v, error about %q", tt.usec, tt.pid, got, err, tt.want, tt.bad)
		}
	}
}

// TestWatchdogWithholds: samples move for 25 s, rest for 30 s, move again. The
// watchdog of 20 s gets its sign every 10 s, and none while nothing moves.
func TestWatchdogWithholds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		since := func() int { return int(time.Since(start) / time.Second) }
		var pings []int
		var problems []string
		w := Watchdog{
			Timeout: 20 * time.Second,
			Alive:   func() bool { s := since(); return s < 25 || s >= 55 },
			Ping:    func() error { pings = append(pings, since()); return nil },
			Problem: func(err error) { problems = append(problems, fmt.Sprint(since(), " ", err)) },
		}
		ctx, cancel := context.WithTimeout(t.Context(), 75*time.Second)
		defer cancel()
		w.Run(ctx)
		if want := []int{0, 10, 20, 60, 70}; !slices.Equal(pings, want) {
			t.Errorf("signs of life at %v s, want %v", pings, want)
		}
		if want := []string{"30 " + ErrNotAlive.Error(), "60 <nil>"}; !slices.Equal(problems, want) {
			t.Errorf("problems %q, want %q", problems, want)
		}
	})
}

func TestWatchdogOff(t *testing.T) {
	w := Watchdog{Alive: func() bool { t.Error("asked"); return true }}
	w.Run(t.Context()) // returns at once
}

func TestWatchdogReportsASocketThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		heard := 0
		w := Watchdog{
			Timeout: time.Second,
			Alive:   func() bool { return true },
			Ping:    func() error { return gone },
			Problem: func(err error) {
				if heard++; err != gone {
					t.Errorf("heard %v, want %v", err, gone)
				}
			},
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		w.Run(ctx)
		if heard != 1 {
			t.Errorf("heard of it %d times, want once", heard)
		}
	})
}

func TestProgress(t *testing.T) {
	var n uint64
	now := time.Unix(0, 0)
	alive := Progress(func() uint64 { return n }, 30*time.Second, func() time.Time { return now })
	steps := []struct {
		after time.Duration
		moved bool
		want  bool
	}{
		{0, false, true},                 // grace runs from the start
		{30 * time.Second, false, true},  // to its very end
		{time.Second, false, false},      // and not longer
		{time.Second, true, true},        // a sample revives
		{31 * time.Second, true, true},   // however late the question
		{31 * time.Second, false, false}, // silence again
		{24 * time.Hour, false, false},   // and for ever
		{time.Nanosecond, true, true},    // until one moves
		{29 * time.Second, false, true},  // grace anew
		{2 * time.Second, false, false},  // over
	}
	for i, s := range steps {
		now = now.Add(s.after)
		if s.moved {
			n++
		}
		if got := alive(); got != s.want {
			t.Errorf("step %d: alive = %v, want %v", i, got, s.want)
		}
	}
}
