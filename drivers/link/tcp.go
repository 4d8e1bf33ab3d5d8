package link

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/telhub/telhub/drivers"
)

// dialTimeout bounds a connection attempt, writeTimeout a request: a gateway
// on the same network does either in milliseconds.
const (
	dialTimeout  = 3 * time.Second
	writeTimeout = 3 * time.Second
)

// TCP is a Port over a TCP connection: a Modbus gateway, or a serial server
// that passes bytes through. The goroutine that owns the bus uses it.
type TCP struct {
	addr string
	conn net.Conn // nil while not connected
	junk [256]byte

	errTimeout, errGone error
}

// NewTCP makes an unconnected port to addr, "host:port". Reopen connects it.
func NewTCP(addr string) *TCP {
	return &TCP{
		addr:       addr,
		errTimeout: fmt.Errorf("tcp %s: %w", addr, drivers.ErrTimeout),
		errGone:    fmt.Errorf("tcp %s: not connected: %w", addr, drivers.ErrUnplugged),
	}
}

// Reopen connects, again if it was connected.
func (t *TCP) Reopen() error {
	_ = t.Close()
	conn, err := net.DialTimeout("tcp", t.addr, dialTimeout)
	if err != nil {
		return fmt.Errorf("tcp %s: %w: %w", t.addr, drivers.ErrUnplugged, err)
	}
	t.conn = conn
	return nil
}

// Close ends the connection. The port then waits for Reopen.
func (t *TCP) Close() error {
	if t.conn == nil {
		return nil
	}
	err := t.conn.Close()
	t.conn = nil
	return err
}

// ReadBefore implements Port.
func (t *TCP) ReadBefore(p []byte, deadline time.Time) (int, error) {
	if t.conn == nil {
		return 0, t.errGone
	}
	if err := t.conn.SetReadDeadline(deadline); err != nil {
		return 0, t.lose()
	}
	n, err := t.conn.Read(p)
	switch {
	case n > 0:
		return n, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, t.errTimeout
	}
	return 0, t.lose()
}

// Write implements Port.
func (t *TCP) Write(p []byte) (int, error) {
	if t.conn == nil {
		return 0, t.errGone
	}
	if err := t.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, t.lose()
	}
	n, err := t.conn.Write(p)
	if err != nil {
		return n, t.lose()
	}
	return n, nil
}

// Discard implements Port: it reads what is there already. A deadline in the
// past would not even look, so it waits a moment.
func (t *TCP) Discard() error {
	for range 16 { // a peer that never stops talking is found out by the framing
		_, err := t.ReadBefore(t.junk[:], time.Now().Add(time.Millisecond))
		if errors.Is(err, drivers.ErrTimeout) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lose drops a connection that failed.
func (t *TCP) lose() error {
	_ = t.Close()
	return t.errGone
}
