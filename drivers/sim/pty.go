package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
)

// PTY is a serial device on a real pseudo-terminal. Its slave is what a driver
// opens, by a symbolic link that keeps its name when the device is unplugged
// and comes back under another number, as /dev/serial/by-id does.
//
// Like a UART it loses what it sends while nobody has the port open. Its
// methods may be called from any goroutine.
type PTY struct {
	link string

	mu     sync.Mutex // guards what follows
	master *os.File   // nil: unplugged
	number int        // of /dev/pts/N, also of the last plug
	lost   uint64
}

// NewPTY plugs a device in. dir/name becomes the link to its slave; dir is
// created if need be and name must be free.
func NewPTY(dir, name string) (*PTY, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	p := &PTY{link: filepath.Join(dir, name), number: -1}
	if _, err := os.Lstat(p.link); err == nil {
		return nil, fmt.Errorf("sim: %s: %w", p.link, os.ErrExist)
	}
	if err := p.Replug(); err != nil {
		return nil, err
	}
	return p, nil
}

// Path is the link that a configuration names.
func (p *PTY) Path() string { return p.link }

// Slave is the device behind the link now, /dev/pts/N.
func (p *PTY) Slave() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slaveName(p.number)
}

func slaveName(n int) string { return fmt.Sprintf("/dev/pts/%d", n) }

// Unplug takes the device away: whoever has it open gets a hang-up, and the
// link is gone, as udev would have it.
func (p *PTY) Unplug() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.master == nil {
		return nil
	}
	err := errors.Join(os.Remove(p.link), p.master.Close())
	p.master = nil
	return err
}

// Replug brings the device back, under another number than the last time.
func (p *PTY) Replug() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.master != nil {
		return nil
	}
	master, number, err := openMaster()
	if err == nil && number == p.number {
		first := master
		master, number, err = openMaster()
		first.Close()
	}
	if err != nil {
		return err
	}
	if err := os.Symlink(slaveName(number), p.link); err != nil {
		master.Close()
		return fmt.Errorf("sim: %w", err)
	}
	p.master, p.number = master, number
	return nil
}

// Close unplugs the device for good.
func (p *PTY) Close() error { return p.Unplug() }

// Lost tells how many bytes were sent while nobody had the port open, or while
// the reader's buffer was full.
func (p *PTY) Lost() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// openMaster makes a pseudo-terminal pair in raw mode; pts(4), ioctl_tty(2).
// The descriptor is non-blocking, so Go's poller serves it and Close wakes
// whoever waits in it.
func openMaster() (*os.File, int, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("sim: /dev/ptmx: %w", err)
	}
	number, err := setUp(fd)
	if err != nil {
		unix.Close(fd)
		return nil, 0, fmt.Errorf("sim: /dev/ptmx: %w", err)
	}
	return os.NewFile(uintptr(fd), "/dev/ptmx"), number, nil
}

func setUp(fd int) (number int, err error) {
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return 0, fmt.Errorf("unlock: %w", err)
	}
	if number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN); err != nil {
		return 0, fmt.Errorf("number: %w", err)
	}
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return 0, fmt.Errorf("terminal settings: %w", err)
	}
	// cfmakeraw(3). On the master this sets the pair's one line discipline.
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return 0, fmt.Errorf("raw mode: %w", err)
	}
	// Opened once and closed, the slave's absence shows on the master (Opened).
	slave, err := unix.Open(slaveName(number), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", slaveName(number), err)
	}
	return number, unix.Close(slave)
}

// file gives the master, or nil while unplugged.
func (p *PTY) file() *os.File {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.master
}

// Opened reports whether somebody has the port open.
func (p *PTY) Opened() bool {
	f := p.file()
	return f != nil && opened(f)
}

// opened asks the master whether its other end hung up.
func opened(f *os.File) bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(fds, 0)
		open = err == nil && (n == 0 || fds[0].Revents&unix.POLLHUP == 0)
	})
	return err == nil && open
}

// openPoll is how often WaitOpened looks.
const openPoll = 5 * time.Millisecond

// WaitOpened returns when somebody has the port open, or with the context's error.
func (p *PTY) WaitOpened(ctx context.Context) error {
	tick := time.NewTicker(openPoll)
	defer tick.Stop()
	for !p.Opened() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// fullWait is how long a Write waits for the reader to make room before the
// rest is lost, as in a UART whose reader sleeps.
const fullWait = time.Second

// Write sends to whoever has the port open. What nobody takes is lost and
// counted, not an error; drivers.ErrUnplugged is one.
func (p *PTY) Write(b []byte) (int, error) {
	f := p.file()
	if f == nil {
		return 0, fmt.Errorf("sim: %s: %w", p.link, drivers.ErrUnplugged)
	}
	if !opened(f) {
		p.lose(len(b))
		return len(b), nil
	}
	if err := f.SetWriteDeadline(time.Now().Add(fullWait)); err != nil && !errors.Is(err, os.ErrClosed) {
		return 0, fmt.Errorf("sim: %s: %w", p.link, err)
	}
	n, err := f.Write(b)
	switch {
	case errors.Is(err, os.ErrClosed):
		return n, fmt.Errorf("sim: %s: %w", p.link, drivers.ErrUnplugged)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, unix.EIO):
		p.lose(len(b) - n)
		return len(b), nil
	}
	return n, err
}

func (p *PTY) lose(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost += uint64(n)
}

// Read takes what the other side wrote. While nobody has the port open it
// returns drivers.ErrNotReady at once.
func (p *PTY) Read(b []byte) (int, error) {
	f := p.file()
	if f == nil {
		return 0, fmt.Errorf("sim: %s: %w", p.link, drivers.ErrUnplugged)
	}
	n, err := f.Read(b)
	switch {
	case errors.Is(err, os.ErrClosed):
		return n, fmt.Errorf("sim: %s: %w", p.link, drivers.ErrUnplugged)
	case errors.Is(err, unix.EIO):
		return n, fmt.Errorf("sim: %s: nobody has it open: %w", p.link, drivers.ErrNotReady)
	}
	return n, err
}
