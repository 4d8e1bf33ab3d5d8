package clock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/uplink/frame"
)

// bell is a timer that rings when the test says so.
type bell struct {
	ring   chan error
	closed chan struct{}
}

func newBell() *bell { return &bell{make(chan error), make(chan struct{})} }

func (b *bell) Read([]byte) (int, error) {
	select {
	case err := <-b.ring:
		return 0, err
	case <-b.closed:
		return 0, os.ErrClosed
	}
}

func (b *bell) Close() error { close(b.closed); return nil }

// watched is a clock under Run, in a synctest bubble.
type watched struct {
	*Clock
	m    *machine
	bell *bell
	stop func()

	mu   sync.Mutex // guards told
	told []string
}

// watchClock starts Run; without a bell there is no timer.
func watchClock(t *testing.T, m *machine, b *bell) *watched {
	w := &watched{m: m, bell: b}
	w.Clock = testClock(m, Options{Root: t.TempDir(), Changed: func(c Change) {
		w.Dating() // it may be called without a deadlock
		w.mu.Lock()
		defer w.mu.Unlock()
		w.told = append(w.told, fmt.Sprintf("%v %v %v %v", c.From.Quality, c.To.Quality, c.Step, c.Redated))
	}})
	if b != nil {
		w.openSteps = func() (steps, error) { return b, nil }
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(ctx) }()
	w.stop = func() { cancel(); <-ended }
	synctest.Wait()
	return w
}

func (w *watched) want(t *testing.T, told ...string) {
	t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.told, told) {
		t.Errorf("told %q, want %q", w.told, told)
	}
}

func TestAStepIsSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watchClock(t, &machine{state: timeError}, newBell())
		begin := time.Now()
		w.m.synced(began)
		w.bell.ring <- fmt.Errorf("read timerfd: %w", unix.ECANCELED)
		synctest.Wait()
		w.want(t, "unset ntp 0s true")
		w.m.synced(began - hour)
		w.bell.ring <- unix.ECANCELED
		synctest.Wait()
		w.want(t, "unset ntp 0s true", "ntp ntp -1h0m0s true")
		w.m.unsynced(began)
		w.bell.ring <- nil // an expiry
		synctest.Wait()
		w.want(t, "unset ntp 0s true", "ntp ntp -1h0m0s true", "ntp holdover 0s false")
		if d := time.Since(begin); d != 0 {
			t.Errorf("it took %v", d)
		}
		w.stop()
	})
}

func TestWithoutATimerTheKernelIsAskedEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watchClock(t, &machine{state: timeError}, nil)
		w.m.unsynced(began)
		time.Sleep(999 * time.Millisecond)
		w.want(t)
		time.Sleep(2 * time.Millisecond)
		w.want(t, "unset holdover 0s true")
		w.stop()
	})
}

func TestABrokenTimerLeavesTheSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watchClock(t, &machine{state: timeError}, newBell())
		w.bell.ring <- io.ErrUnexpectedEOF
		w.m.unsynced(began)
		time.Sleep(1001 * time.Millisecond)
		w.want(t, "unset holdover 0s true")
		w.stop()
	})
}

func TestAReceiversDateIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watchClock(t, &machine{state: timeError}, nil)
		for i := range int64(3) {
			w.GNSS((began+i*second)/ms, i*second)
		}
		w.GNSS(0, 4*second)
		w.GNSS(1<<61, 4*second)
		synctest.Wait()
		w.want(t, "unset gnss 0s true")
		w.stop()
	})
}

func TestAClockChipThatComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watchClock(t, &machine{state: timeError}, nil)
		dir := filepath.Join(w.root, "sys/class/rtc/rtc0")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "since_epoch"), []byte("1798761600\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		time.Sleep(58 * time.Second)
		w.want(t)
		time.Sleep(3 * time.Second)
		w.want(t, "unset holdover 0s true")
		w.stop()
	})
}

func TestWhatComesAndGoesUnseenIsNotTold(t *testing.T) {
	m := &machine{wall: began}
	var told []Change
	c := testClock(m, Options{Root: t.TempDir(), Changed: func(ch Change) { told = append(told, ch) }})
	m.unsynced(began)
	m.pass(2 * second)
	c.Dating()
	m.synced(began)
	m.pass(2 * second)
	c.Dating()
	c.look(false)
	if len(told) != 0 {
		t.Errorf("told %+v", told)
	}
	if got := c.Dating().Quality; got != frame.NTP {
		t.Errorf("quality %v", got)
	}
}

// The real timer: it expires, and its reader wakes when it is closed. The test
// sets no clock, so a cancelled one is played by the bell above.
func TestTheRealTimer(t *testing.T) {
	s, err := newTimer(1) // 1970: past
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Read(make([]byte, 8)); n != 8 || err != nil {
		t.Errorf("Read of an expired timer: %d, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s, err = openTimer(); err != nil {
		t.Fatal(err)
	}
	if err := s.(*os.File).SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Errorf("the runtime's poller does not wait for the timer: %v", err)
	}
	if _, err := s.Read(make([]byte, 8)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read of a timer for the year 2200: %v", err)
	}
	_ = s.Close()
}

func TestRunEnds(t *testing.T) {
	c := New(Options{NotBefore: built})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); c.Run(ctx) }()
	cancel()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("Run goes on after its context ended")
	}
}
