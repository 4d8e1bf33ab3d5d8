package localhttp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
)

// Listen opens "host:port" or "unix:/path". The socket's mode is 0660.
func Listen(where string) (net.Listener, error) {
	path, isUnix := strings.CutPrefix(where, "unix:")
	if !isUnix {
		return net.Listen("tcp", where)
	}
	if !strings.HasPrefix(path, "/") {
		return nil, errors.New("want unix: and an absolute path")
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}

// removeStale deletes the socket that a killed process left behind. A socket
// that somebody answers on, and any other file, stay.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("%s exists and is no socket: choose another path or remove it", path)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return fmt.Errorf("%s is in use by another process", path)
	}
	return os.Remove(path)
}

func isLoopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

// bound limits how many accepted connections are open at a time; while that
// many are, Accept waits and the kernel's backlog holds further clients.
func bound(ln net.Listener, n int) net.Listener {
	return &boundListener{Listener: ln, slots: make(chan struct{}, n), done: make(chan struct{})}
}

type boundListener struct {
	net.Listener
	slots chan struct{} // holds one element for each open connection
	done  chan struct{} // closed by Close, so that a waiting Accept ends
	once  sync.Once
}

func (l *boundListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &boundConn{Conn: c, release: func() { <-l.slots }}, nil
}

func (l *boundListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

type boundConn struct {
	net.Conn
	once    sync.Once
	release func()
}

func (c *boundConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.release)
	return err
}
