package serial

import (
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// conn is one opened device. The file's own reference count keeps the
// descriptor's number from being used again before the last Read and Write
// have left it.
type conn struct {
	file    *os.File
	raw     syscall.RawConn
	device  string
	warning string

	reading sync.Mutex // guards in; held during a read
	in      transfer
	writing sync.Mutex // guards out; held during a write
	out     transfer
}

// transfer is what the poller's callback works on. The callback is made once,
// because a closure made at each call would be an allocation at each call.
type transfer struct {
	step func(fd uintptr) (done bool)
	buf  []byte // the caller's, during the call only
	n    int
	err  error
}

func newConn(fd int, device string) (*conn, error) {
	c := &conn{file: os.NewFile(uintptr(fd), device), device: device}
	if err := c.file.SetDeadline(time.Time{}); err != nil { // the poller refused the descriptor
		c.file.Close()
		return nil, err
	}
	raw, err := c.file.SyscallConn()
	if err != nil {
		c.file.Close()
		return nil, err
	}
	c.raw = raw
	c.in.step = c.in.read
	c.out.step = c.out.write
	return c, nil
}

// read waits for bytes until the deadline. At the end of file, which is a
// hang-up, it gives io errors like any other: unix.EIO.
func (c *conn) read(b []byte, deadline time.Time) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if err := c.file.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	c.in.begin(b)
	err := c.raw.Read(c.in.step)
	return c.in.end(err)
}

func (c *conn) write(b []byte, deadline time.Time) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.file.SetWriteDeadline(deadline); err != nil {
		return 0, err
	}
	c.out.begin(b)
	err := c.raw.Write(c.out.step)
	return c.out.end(err)
}

func (c *conn) discard() error {
	return c.control(func(fd int) error {
		return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH)
	})
}

// close gives the port back. The exclusive mark is the terminal's, not the
// descriptor's, so it would outlive us on a port that root also has open.
func (c *conn) close() {
	_ = c.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) })
	c.file.Close()
}

func (c *conn) control(f func(fd int) error) error {
	var err error
	if outer := c.raw.Control(func(fd uintptr) { err = f(int(fd)) }); outer != nil {
		return outer
	}
	return err
}

func (t *transfer) begin(b []byte) { t.buf, t.n, t.err = b, 0, nil }

func (t *transfer) end(outer error) (int, error) {
	t.buf = nil
	if outer != nil {
		return t.n, outer
	}
	return t.n, t.err
}

func (t *transfer) read(fd uintptr) bool {
	for {
		n, err := unix.Read(int(fd), t.buf)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return false
		case err != nil:
			t.err = err
			return true
		case n == 0: // a hung-up terminal reads as end of file
			t.err = unix.EIO
			return true
		default:
			t.n = n
			return true
		}
	}
}

func (t *transfer) write(fd uintptr) bool {
	for t.n < len(t.buf) {
		n, err := unix.Write(int(fd), t.buf[t.n:])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return false
		case err != nil:
			t.err = err
			return true
		default:
			t.n += n
		}
	}
	return true
}
