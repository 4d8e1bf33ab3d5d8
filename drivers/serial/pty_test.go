package serial

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var mode9600 = Mode{Baud: 9600, DataBits: 8, Parity: 'N', StopBits: 1}

// pty is the far end of a pseudo-terminal pair: what the test plays the device with.
type pty struct {
	master *os.File
	slave  string
}

func newPTY(t testing.TB) *pty {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open /dev/ptmx: %v", err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatalf("unlock pty: %v", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatalf("number of pty: %v", err)
	}
	p := &pty{master: os.NewFile(uintptr(fd), "ptmx"), slave: fmt.Sprintf("/dev/pts/%d", n)}
	t.Cleanup(func() { p.master.Close() })
	return p
}

// hangUp is what pulling the plug looks like to the port.
func (p *pty) hangUp() { p.master.Close() }

func (p *pty) send(t testing.TB, s string) {
	t.Helper()
	if _, err := p.master.WriteString(s); err != nil {
		t.Fatalf("device sends: %v", err)
	}
}

func mustOpen(t testing.TB, path string, opt Options) *Port {
	t.Helper()
	if opt.Mode == (Mode{}) {
		opt.Mode = mode9600
	}
	p, err := Open(path, opt)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func readString(t testing.TB, p *Port) string {
	t.Helper()
	buf := make([]byte, 256)
	n, err := p.Read(buf)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return string(buf[:n])
}

const short = 5 * time.Millisecond
