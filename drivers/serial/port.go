package serial

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/telhub/telhub/drivers"
)

// Waits that an Options leaves at zero.
const (
	DefaultTimeout      = time.Second
	DefaultWriteTimeout = 5 * time.Second
)

// Line says what to do with a modem line when the port opens.
type Line uint8

// The wishes for a modem line. Keep leaves it to the kernel, which raises DTR
// and RTS whenever a port that nobody holds is opened.
const (
	Keep Line = iota
	On
	Off
)

// Options says how to open a port.
type Options struct {
	Mode         Mode          // required: character format, see ParseMode
	Timeout      time.Duration // longest wait of a Read; 0 = DefaultTimeout
	WriteTimeout time.Duration // longest wait of a Write; 0 = DefaultWriteTimeout
	DTR, RTS     Line          // some adapters draw their power from these lines
	RS485        RS485         // direction control by the kernel
}

// Port is an open serial port, or one that waits for Reopen. Read and Write
// allocate nothing, on their error paths too.
type Port struct {
	path string // as configured; resolved at each open
	opt  Options

	// Preallocated with the port's name; each wraps its sentinel.
	errTimeout, errUnplugged, errClosed error

	reopening sync.Mutex // one Reopen at a time

	mu     sync.Mutex // guards the fields below; never held during I/O
	conn   *conn      // nil while unplugged or closed
	closed bool
}

// Open opens the port at path, which may be a symbolic link such as
// /dev/serial/by-id/…, takes it for this process alone and sets its mode.
//
// A port that is not there gives drivers.ErrUnplugged, one that somebody else
// uses drivers.ErrBusy with the holder's name where that can be seen.
func Open(path string, opt Options) (*Port, error) {
	if path == "" {
		return nil, errors.New(`serial: port "": want a device, as in /dev/serial/by-id/usb-…`)
	}
	if err := opt.fill(); err != nil {
		return nil, fmt.Errorf("serial %s: %w", path, err)
	}
	p := &Port{
		path:         path,
		opt:          opt,
		errTimeout:   fmt.Errorf("serial %s: %w", path, drivers.ErrTimeout),
		errUnplugged: fmt.Errorf("serial %s: %w", path, drivers.ErrUnplugged),
		errClosed:    fmt.Errorf("serial %s: %w", path, os.ErrClosed),
	}
	c, err := open(path, opt)
	if err != nil {
		return nil, err
	}
	p.conn = c
	return p, nil
}

func (o *Options) fill() error {
	if err := o.Mode.validate(); err != nil {
		return fmt.Errorf("mode: %w", err)
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = DefaultWriteTimeout
	}
	if o.Timeout < 0 || o.WriteTimeout < 0 {
		return fmt.Errorf("timeouts %v and %v: want positive durations", o.Timeout, o.WriteTimeout)
	}
	if err := o.RS485.validate(); err != nil {
		return err
	}
	if o.DTR > Off || o.RTS > Off {
		return fmt.Errorf("dtr %d and rts %d: want Keep, On or Off", o.DTR, o.RTS)
	}
	return nil
}

// Read fills b with what has arrived, at least one byte, waiting for it at
// most Options.Timeout. n is 0 exactly when err is not nil:
//
//   - drivers.ErrTimeout: nothing arrived; read again.
//   - drivers.ErrUnplugged: hang-up or vanished device. The port has been
//     released, so that its name is free for the next plug-in; only Reopen helps.
//   - os.ErrClosed: Close was called.
//
// An empty b gives 0, nil at once.
func (p *Port) Read(b []byte) (n int, err error) {
	return p.ReadBefore(b, time.Now().Add(p.opt.Timeout))
}

// ReadBefore is Read with a deadline of its own.
func (p *Port) ReadBefore(b []byte, deadline time.Time) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	c := p.current()
	if c == nil {
		return 0, p.gone()
	}
	n, err = c.read(b, deadline)
	if err != nil {
		return 0, p.verdict(c, err)
	}
	return n, nil
}

// Write sends b. It returns when the kernel has taken all of it, or with the
// number of bytes taken and an error as Read gives them.
func (p *Port) Write(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	c := p.current()
	if c == nil {
		return 0, p.gone()
	}
	n, err = c.write(b, time.Now().Add(p.opt.WriteTimeout))
	if err != nil {
		return n, p.verdict(c, err)
	}
	return n, nil
}

// Discard throws away what has arrived and was not read yet: before a request
// on a half-duplex bus, so that a late answer is not taken for the next one.
func (p *Port) Discard() error {
	c := p.current()
	if c == nil {
		return p.gone()
	}
	if err := c.discard(); err != nil {
		return p.verdict(c, err)
	}
	return nil
}

// Reopen releases the port if it is still open, resolves its path anew and
// opens what is there now. Its errors are Open's; the port then waits for the
// next Reopen.
func (p *Port) Reopen() error {
	p.reopening.Lock()
	defer p.reopening.Unlock()
	p.release(p.current())
	if p.isClosed() {
		return p.errClosed
	}
	c, err := open(p.path, p.opt)
	if err != nil {
		return err
	}
	p.mu.Lock()
	if !p.closed {
		p.conn = c
		c = nil
	}
	p.mu.Unlock()
	if c != nil { // Close came in between
		c.close()
		return p.errClosed
	}
	return nil
}

// Close releases the port for good and wakes a waiting Read and Write, which
// return os.ErrClosed. It may be called from any goroutine, more than once.
func (p *Port) Close() error {
	p.mu.Lock()
	p.closed = true
	c := p.conn
	p.mu.Unlock()
	p.release(c)
	return nil
}

// Path gives the port's name as configured.
func (p *Port) Path() string { return p.path }

// Device gives what the path stood for when the port was opened last, as in
// /dev/ttyUSB0; "" while the port is not open.
func (p *Port) Device() string {
	if c := p.current(); c != nil {
		return c.device
	}
	return ""
}

// Warning says in words what the port could not do when it was opened, to be
// logged once; "" when all is well.
func (p *Port) Warning() string {
	if c := p.current(); c != nil {
		return c.warning
	}
	return ""
}

func (p *Port) current() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn
}

func (p *Port) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// gone is the error of a port without connection.
func (p *Port) gone() error {
	if p.isClosed() {
		return p.errClosed
	}
	return p.errUnplugged
}

// verdict turns what c reported into the error to return. Whatever is not a
// timeout means that this connection is of no more use: the cure for each of
// EIO, ENXIO, ENODEV and end of file is to open the port anew.
func (p *Port) verdict(c *conn, err error) error {
	if err == os.ErrDeadlineExceeded {
		return p.errTimeout
	}
	p.release(c)
	return p.gone()
}

// release closes c, once, and forgets it.
func (p *Port) release(c *conn) {
	if c == nil {
		return
	}
	p.mu.Lock()
	mine := p.conn == c
	if mine {
		p.conn = nil
	}
	p.mu.Unlock()
	if mine {
		c.close()
	}
}
