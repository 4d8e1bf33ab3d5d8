package serial

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
)

func TestReadAndWriteCarryEveryByte(t *testing.T) {
	dev := newPTY(t)
	p := mustOpen(t, dev.slave, Options{})
	all := make([]byte, 256) // no byte is special in raw mode
	for i := range all {
		all[i] = byte(i)
	}
	dev.send(t, string(all))
	if got := readString(t, p); got != string(all) {
		t.Errorf("read %q, want %q", got, all)
	}
	if n, err := p.Write(all); n != len(all) || err != nil {
		t.Fatalf("Write = %d, %v; want %d, nil", n, err, len(all))
	}
	got := make([]byte, 512)
	n, err := dev.master.Read(got)
	if err != nil || string(got[:n]) != string(all) {
		t.Errorf("device received %q, %v; want %q", got[:n], err, all)
	}
}

func TestALongBurstArrivesWhole(t *testing.T) {
	dev := newPTY(t)
	p := mustOpen(t, dev.slave, Options{Timeout: time.Minute})
	want := make([]byte, 200_000) // many times the kernel's buffer
	for i := range want {
		want[i] = byte(i * i >> 3)
	}
	go func() {
		for at := 0; at < len(want); at += 777 {
			dev.master.Write(want[at:min(at+777, len(want))])
		}
	}()
	got := make([]byte, 0, len(want))
	buf := make([]byte, 256)
	for len(got) < len(want) {
		n, err := p.Read(buf)
		if err != nil {
			t.Fatalf("Read after %d bytes: %v", len(got), err)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, want) {
		t.Error("the burst arrived changed")
	}
}

func TestReadTimesOutWithAnError(t *testing.T) {
	dev := newPTY(t)
	p := mustOpen(t, dev.slave, Options{Timeout: short})
	for range 3 {
		n, err := p.Read(make([]byte, 8))
		if n != 0 || !errors.Is(err, drivers.ErrTimeout) {
			t.Fatalf("Read of a silent line = %d, %v; want 0, ErrTimeout", n, err)
		}
	}
	dev.send(t, "late")
	if got := readString(t, p); got != "late" {
		t.Errorf("read %q after timeouts, want %q", got, "late")
	}
}

func TestWriteToAFullLineTimesOut(t *testing.T) {
	dev := newPTY(t)
	p := mustOpen(t, dev.slave, Options{WriteTimeout: short})
	n, err := p.Write(make([]byte, 1<<20)) // nobody reads the master
	if n <= 0 || n >= 1<<20 || !errors.Is(err, drivers.ErrTimeout) {
		t.Errorf("Write = %d, %v; want a part and ErrTimeout", n, err)
	}
}

func TestHangUpIsUnplugged(t *testing.T) {
	t.Run("while reading", func(t *testing.T) {
		dev := newPTY(t)
		p := mustOpen(t, dev.slave, Options{Timeout: time.Minute})
		done := make(chan error)
		go func() { _, err := p.Read(make([]byte, 8)); done <- err }()
		dev.hangUp()
		if err := <-done; !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("Read = %v, want ErrUnplugged", err)
		}
		if got := p.Device(); got != "" {
			t.Errorf("Device() = %q after the hang-up; want the port released", got)
		}
	})
	t.Run("before writing", func(t *testing.T) {
		dev := newPTY(t)
		p := mustOpen(t, dev.slave, Options{})
		dev.hangUp()
		if _, err := p.Write([]byte("x")); !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("Write = %v, want ErrUnplugged", err)
		}
		if _, err := p.Read(make([]byte, 1)); !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("Read after it = %v, want ErrUnplugged", err)
		}
		if err := p.Discard(); !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("Discard after it = %v, want ErrUnplugged", err)
		}
	})
}

func TestReopenFollowsTheLinkToAnotherName(t *testing.T) {
	link := filepath.Join(t.TempDir(), "usb-Acme_GNSS-if00")
	first := newPTY(t)
	if err := os.Symlink(first.slave, link); err != nil {
		t.Fatal(err)
	}
	p := mustOpen(t, link, Options{Timeout: time.Minute})
	if got := p.Device(); got != first.slave {
		t.Fatalf("Device() = %q, want %q", got, first.slave)
	}

	second := newPTY(t) // opened while the first is held: another number
	first.hangUp()
	if _, err := p.Read(make([]byte, 8)); !errors.Is(err, drivers.ErrUnplugged) {
		t.Fatalf("Read = %v, want ErrUnplugged", err)
	}
	os.Remove(link)
	if err := p.Reopen(); !errors.Is(err, drivers.ErrUnplugged) {
		t.Fatalf("Reopen without the link = %v, want ErrUnplugged", err)
	}
	if err := os.Symlink(second.slave, link); err != nil {
		t.Fatal(err)
	}
	if err := p.Reopen(); err != nil {
		t.Fatalf("Reopen: %v", err)
	}
	if got := p.Device(); got != second.slave || got == first.slave {
		t.Errorf("Device() = %q, want %q", got, second.slave)
	}
	second.send(t, "back")
	if got := readString(t, p); got != "back" {
		t.Errorf("read %q, want %q", got, "back")
	}
}

func TestReopenOfAnOpenPort(t *testing.T) {
	dev := newPTY(t)
	p := mustOpen(t, dev.slave, Options{})
	if err := p.Reopen(); err != nil {
		t.Fatalf("Reopen: %v", err) // our own lock must not be in the way
	}
	dev.send(t, "x")
	if got := readString(t, p); got != "x" {
		t.Errorf("read %q, want %q", got, "x")
	}
}

func TestASecondOpenIsBusyAndNamesTheHolder(t *testing.T) {
	dev := newPTY(t)
	p := mustOpen(t, dev.slave, Options{})
	_, err := Open(dev.slave, Options{Mode: mode9600})
	if !errors.Is(err, drivers.ErrBusy) {
		t.Fatalf("second Open = %v, want ErrBusy", err)
	}
	if !strings.Contains(err.Error(), "pid ") || !strings.Contains(err.Error(), "stop it") {
		t.Errorf("error %q names neither holder nor cure", err)
	}
	p.Close()
	mustOpen(t, dev.slave, Options{})
}

func TestAPortMarkedExclusiveByOthersIsBusy(t *testing.T) {
	dev := newPTY(t)
	fd, err := unix.Open(dev.slave, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.IoctlSetInt(fd, unix.TIOCEXCL, 0); err != nil {
		t.Fatal(err)
	}
	// Root passes the kernel's check, so this also proves that we look ourselves.
	if _, err := Open(dev.slave, Options{Mode: mode9600}); !errors.Is(err, drivers.ErrBusy) {
		t.Errorf("Open = %v, want ErrBusy", err)
	}
}

func TestCloseWakesReadAndWrite(t *testing.T) {
	dev := newPTY(t)
	p := mustOpen(t, dev.slave, Options{Timeout: time.Minute, WriteTimeout: time.Minute})
	done := make(chan error, 2)
	go func() { _, err := p.Read(make([]byte, 8)); done <- err }()
	go func() { _, err := p.Write(make([]byte, 1<<20)); done <- err }()
	p.Close()
	for range 2 {
		if err := <-done; !errors.Is(err, os.ErrClosed) {
			t.Errorf("woken with %v, want os.ErrClosed", err)
		}
	}
	if err := p.Close(); err != nil {
		t.Errorf("second Close = %v, want nil", err)
	}
	if err := p.Reopen(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Reopen after Close = %v, want os.ErrClosed", err)
	}
	if _, err := p.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Write after Close = %v, want os.ErrClosed", err)
	}
}

// Reading, writing, reopening and closing at once: the race detector and the
// bytes' destination are what is tested. A stray write would reach one of the
// files opened meanwhile, which get the freed descriptor numbers.
func TestCloseNeverWritesToARecycledDescriptor(t *testing.T) {
	dir := t.TempDir()
	for i := range 50 {
		dev := newPTY(t)
		p := mustOpen(t, dev.slave, Options{Timeout: short, WriteTimeout: short})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				if _, err := p.Write([]byte("stray")); errors.Is(err, os.ErrClosed) {
					return
				}
			}
		}()
		reopened := make(chan struct{})
		go func() { defer close(reopened); p.Reopen() }()
		p.Close()
		f, err := os.Create(filepath.Join(dir, "victim"))
		if err != nil {
			t.Fatal(err)
		}
		<-done
		<-reopened
		if st, _ := f.Stat(); st.Size() != 0 {
			t.Fatalf("round %d: %d bytes went to another file", i, st.Size())
		}
		f.Close()
		dev.hangUp()
	}
}

func TestDescriptorsAbove1024Work(t *testing.T) {
	const many = 1100
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < many+100 {
		limit.Cur = many + 100
		limit.Max = max(limit.Max, limit.Cur)
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatalf("raise the limit of open files to %d: %v", limit.Cur, err)
		}
	}
	for range many {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	dev := newPTY(t)
	p := mustOpen(t, dev.slave, Options{Timeout: short})
	var fd int
	p.conn.control(func(n int) error { fd = n; return nil })
	if fd < 1024 {
		t.Fatalf("the port has descriptor %d; the test needs one above 1023", fd)
	}
	if _, err := p.Read(make([]byte, 8)); !errors.Is(err, drivers.ErrTimeout) {
		t.Errorf("Read = %v, want ErrTimeout", err)
	}
	dev.send(t, "ok")
	if got := readString(t, p); got != "ok" {
		t.Errorf("read %q, want %q", got, "ok")
	}
}

func TestOpenConfiguresTheLine(t *testing.T) {
	dev := newPTY(t)
	m := Mode{Baud: 19200, DataBits: 7, Parity: 'E', StopBits: 2}
	p := mustOpen(t, dev.slave, Options{Mode: m, DTR: On, RTS: Off})
	var attr *unix.Termios
	err := p.conn.control(func(fd int) (err error) { attr, err = unix.IoctlGetTermios(fd, unix.TCGETS); return })
	if err != nil {
		t.Fatal(err)
	}
	if attr.Cflag&unix.HUPCL != 0 {
		t.Error("HUPCL is set; closing would reset an Arduino")
	}
	if attr.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 || attr.Oflag&unix.OPOST != 0 {
		t.Error("the line is not raw")
	}
	if got := attr.Cflag & unix.CBAUD; got != unix.B19200 {
		t.Errorf("speed bits %#x, want %#x", got, unix.B19200)
	}
	if attr.Cflag&unix.CSTOPB == 0 {
		t.Error("one stop bit, want two")
	}
	if got := p.Warning(); !strings.Contains(got, "modem lines") {
		t.Errorf("Warning() = %q; a pseudo-terminal has no modem lines", got)
	}
}

func TestDiscardDropsWhatArrived(t *testing.T) {
	dev := newPTY(t)
	p := mustOpen(t, dev.slave, Options{Timeout: short})
	dev.send(t, "stale")
	if err := p.Discard(); err != nil {
		t.Fatalf("Discard: %v", err)
	}
	if n, err := p.Read(make([]byte, 8)); !errors.Is(err, drivers.ErrTimeout) {
		t.Errorf("Read = %d, %v; want nothing left", n, err)
	}
}

func TestOpenErrorsNameTheCure(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink(filepath.Join(dir, "nothing"), dangling); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path string
		opt        Options
		is         error
		say        string
	}{
		{"no path", "", Options{Mode: mode9600}, nil, "by-id"},
		{"no mode", plain, Options{}, nil, "baud rate 0"},
		{"missing", filepath.Join(dir, "ttyUSB9"), Options{Mode: mode9600}, drivers.ErrUnplugged, "no such port"},
		{"dangling link", dangling, Options{Mode: mode9600}, drivers.ErrUnplugged, "no such port"},
		{"a file", plain, Options{Mode: mode9600}, nil, "not a serial port"},
		{"negative timeout", plain, Options{Mode: mode9600, Timeout: -1}, nil, "positive"},
		{"bad line", plain, Options{Mode: mode9600, DTR: 7}, nil, "Keep, On or Off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(tt.path, tt.opt)
			if err == nil || !strings.Contains(err.Error(), tt.say) {
				t.Fatalf("Open = %v, want it to say %q", err, tt.say)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("Open = %v, want it to be %v", err, tt.is)
			}
		})
	}
}

func TestReadAndWriteAllocateNothing(t *testing.T) {
	dev := newPTY(t)
	p := mustOpen(t, dev.slave, Options{Timeout: 100 * time.Microsecond})
	buf := make([]byte, 64)
	one := []byte("x")
	check := func(name string, f func()) {
		t.Helper()
		if got := testing.AllocsPerRun(100, f); got != 0 {
			t.Errorf("%s: %v allocations, want 0", name, got)
		}
	}
	check("timeout", func() { p.Read(buf) })
	check("round trip", func() {
		dev.master.Write(one)
		p.Read(buf)
		p.Write(one)
		dev.master.Read(buf)
	})
	dev.hangUp()
	p.Read(buf)
	check("unplugged", func() { p.Read(buf); p.Write(one) })
}
