package sim

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

func newPTY(t *testing.T) *PTY {
	t.Helper()
	p, err := NewPTY(filepath.Join(t.TempDir(), "by-id"), "usb-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// openPort opens a port as a program would, with a limit on every read.
func openPort(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// readText reads exactly as many bytes as want has.
func readText(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got[:n], err, want)
	}
}

// Raw mode: every byte value arrives as it was sent, both ways, without echo.
func TestPTYIsTransparent(t *testing.T) {
	p := newPTY(t)
	port := openPort(t, p.Path())
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	if _, err := p.Write(all); err != nil {
		t.Fatal(err)
	}
	readText(t, port, string(all))
	if _, err := port.Write(all); err != nil {
		t.Fatal(err)
	}
	readText(t, p, string(all))
	if _, err := p.Write([]byte("x")); err != nil { // an echo would come before it
		t.Fatal(err)
	}
	readText(t, port, "x")
}

func TestPTYLosesWhatNobodyReads(t *testing.T) {
	p := newPTY(t)
	if p.Opened() {
		t.Fatal("opened by nobody")
	}
	if n, err := p.Write([]byte("before")); n != 6 || err != nil {
		t.Errorf("%d, %v, want 6 and no error", n, err)
	}
	if _, err := p.Read(make([]byte, 1)); !errors.Is(err, drivers.ErrNotReady) {
		t.Errorf("read: %v, want %v", err, drivers.ErrNotReady)
	}
	port := openPort(t, p.Path())
	if !p.Opened() {
		t.Error("not opened")
	}
	if _, err := p.Write([]byte("after")); err != nil {
		t.Error(err)
	}
	readText(t, port, "after")
	port.Close()
	if p.Opened() {
		t.Error("closed, but opened")
	}
	if _, err := p.Write([]byte("late")); err != nil {
		t.Error(err)
	}
	if got := p.Lost(); got != 10 {
		t.Errorf("%d bytes lost, want 10", got)
	}
	port = openPort(t, p.Path()) // and again
	if _, err := p.Write([]byte("again")); err != nil {
		t.Error(err)
	}
	readText(t, port, "again")
}

func TestPTYUnplugAndReplug(t *testing.T) {
	p := newPTY(t)
	port, before := openPort(t, p.Path()), p.Slave()
	if err := p.Unplug(); err != nil {
		t.Fatal(err)
	}
	if n, err := port.Read(make([]byte, 8)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read after hang-up: %d, %v, want an error at once", n, err)
	}
	if _, err := os.Lstat(p.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("link: %v, want none", err)
	}
	if _, err := p.Write([]byte("x")); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("write: %v, want %v", err, drivers.ErrUnplugged)
	}
	if _, err := p.Read(make([]byte, 1)); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("read: %v, want %v", err, drivers.ErrUnplugged)
	}
	port.Close()
	for range 3 {
		if err := p.Replug(); err != nil {
			t.Fatal(err)
		}
		target, err := os.Readlink(p.Path())
		if err != nil || target != p.Slave() || target == before {
			t.Errorf("link to %q, %v, want %q, not %q", target, err, p.Slave(), before)
		}
		before = target
		again := openPort(t, p.Path())
		if _, err := p.Write([]byte("back")); err != nil {
			t.Error(err)
		}
		readText(t, again, "back")
		again.Close()
		if err := errors.Join(p.Unplug(), p.Unplug()); err != nil {
			t.Error(err)
		}
	}
}

// A driver that waits in Read while the cable is pulled is woken.
func TestPTYUnplugWakesReader(t *testing.T) {
	p := newPTY(t)
	port := openPort(t, p.Path())
	woken := make(chan error)
	go func() {
		_, err := port.Read(make([]byte, 1))
		woken <- err
	}()
	if err := p.Unplug(); err != nil {
		t.Fatal(err)
	}
	if err := <-woken; err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want a hang-up", err)
	}
}

func TestPTYWaitOpened(t *testing.T) {
	p := newPTY(t)
	ctx, cancel := context.WithCancel(t.Context())
	opened := make(chan error, 1)
	go func() { opened <- p.WaitOpened(ctx) }()
	openPort(t, p.Path())
	if err := <-opened; err != nil {
		t.Error(err)
	}
	cancel()
	q := newPTY(t)
	if err := q.WaitOpened(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestPTYNameIsTaken(t *testing.T) {
	p := newPTY(t)
	_, err := NewPTY(filepath.Dir(p.Path()), "usb-test")
	if !errors.Is(err, os.ErrExist) || !strings.Contains(err.Error(), p.Path()) {
		t.Errorf("got %v, want %v with the name", err, os.ErrExist)
	}
}

// A reader that sleeps loses the newest bytes and never blocks the device.
func TestPTYReaderSleeps(t *testing.T) {
	p := newPTY(t)
	openPort(t, p.Path())
	big := make([]byte, 64<<10)
	begin := time.Now()
	if n, err := p.Write(big); n != len(big) || err != nil {
		t.Errorf("%d, %v, want all and no error", n, err)
	}
	if took := time.Since(begin); took > 10*fullWait {
		t.Errorf("took %v, want about %v", took, fullWait)
	}
	if p.Lost() == 0 {
		t.Error("nothing was lost")
	}
}
