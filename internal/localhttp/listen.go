package localhttp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
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
// many are, Accept waits and the kernel's backlog holds further clients. Other
// machines get three quarters of them, one gets half of those, and what is more
// is closed at once: so health is answered to this machine, and to a supervisor
// on another one, whatever a third opens and holds.
func bound(ln net.Listener, n int) net.Listener {
	most := max(1, n*3/4)
	return &boundListener{
		Listener: ln, slots: make(chan struct{}, n), done: make(chan struct{}),
		guests: guests{most: most, each: max(1, most/2), by: make(map[netip.Prefix]int, most)},
	}
}

type boundListener struct {
	net.Listener
	slots  chan struct{} // holds one element for each open connection
	guests guests
	done   chan struct{} // closed by Close, so that a waiting Accept ends
	once   sync.Once
}

func (l *boundListener) Accept() (net.Conn, error) {
	for {
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
		who, isGuest := guest(c.RemoteAddr())
		if !isGuest {
			return &boundConn{Conn: c, release: func() { <-l.slots }}, nil
		}
		if l.guests.enter(who) {
			return &boundConn{Conn: c, release: func() { l.guests.leave(who); <-l.slots }}, nil
		}
		c.Close()
		<-l.slots
	}
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

// guests counts the connections of other machines.
type guests struct {
	most, each int
	mu         sync.Mutex
	total      int
	by         map[netip.Prefix]int // at most most of them
}

// guest tells another machine by its address, of IPv6 the network of 64 bits,
// of which a machine may use all addresses.
func guest(a net.Addr) (who netip.Prefix, ok bool) {
	t, ok := a.(*net.TCPAddr)
	if !ok || t.IP.IsLoopback() {
		return netip.Prefix{}, false
	}
	addr := t.AddrPort().Addr().Unmap().WithZone("")
	who, err := addr.Prefix(min(addr.BitLen(), 64))
	return who, err == nil
}

func (g *guests) enter(who netip.Prefix) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= g.most || g.by[who] >= g.each {
		return false
	}
	g.total++
	g.by[who]++
	return true
}

func (g *guests) leave(who netip.Prefix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total--
	if g.by[who]--; g.by[who] == 0 {
		delete(g.by, who)
	}
}
