package localhttp

import (
	"net"
	"testing"
)

// callers is a listener whose clients have the addresses that they say.
type callers struct{ next chan net.Conn }

type caller struct {
	net.Conn
	from   net.Addr
	closed bool
}

func (c *caller) RemoteAddr() net.Addr { return c.from }
func (c *caller) Close() error         { c.closed = true; return nil }

func (l *callers) Accept() (net.Conn, error) {
	if c, ok := <-l.next; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l *callers) Close() error   { return nil }
func (l *callers) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv6zero, Port: 9155} }

// calls has one client after the other connect and returns what was taken.
func calls(t *testing.T, l net.Listener, in *callers, from string, n int) (taken []net.Conn) {
	t.Helper()
	tcp, err := net.ResolveTCPAddr("tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		c := &caller{from: tcp}
		last := &caller{from: &net.UnixAddr{}} // is always taken: so Accept ends
		in.next <- c
		in.next <- last
		got, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got.(*boundConn).Conn == c {
			taken = append(taken, got)
			if got, err = l.Accept(); err != nil {
				t.Fatal(err)
			}
		} else if !c.closed {
			t.Errorf("%s: neither taken nor closed", from)
		}
		got.Close()
	}
	return taken
}

// One machine of the network cannot keep others, and this one, from the page:
// a supervisor that gets no answer restarts, or goes back to an older program.
func TestOneGuestLeavesRoomForOthers(t *testing.T) {
	in := &callers{make(chan net.Conn, 2)}
	l := bound(in, 32)
	first := calls(t, l, in, "10.0.0.9:1", 40)
	if len(first) != 12 {
		t.Errorf("one machine has %d connections, want 12", len(first))
	}
	if got := len(calls(t, l, in, "[::ffff:10.0.0.9]:2", 1)); got != 0 {
		t.Error("the same machine got in by another spelling of its address")
	}
	if got := len(calls(t, l, in, "[2001:db8::1]:1", 10)) + len(calls(t, l, in, "[2001:db8::2]:1", 10)); got != 12 {
		t.Errorf("one network of IPv6 has %d connections, want 12", got)
	}
	if got := len(calls(t, l, in, "10.0.0.10:1", 1)); got != 0 {
		t.Error("other machines have all that they may have, and one got in")
	}
	for _, here := range []string{"127.0.0.1:1", "[::1]:1"} {
		if got := len(calls(t, l, in, here, 3)); got != 3 {
			t.Errorf("%s: %d of 3 were taken", here, got)
		}
	}
	for _, c := range first {
		c.Close()
		c.Close() // twice, as net/http may
	}
	if got := len(calls(t, l, in, "10.0.0.10:1", 40)); got != 12 {
		t.Errorf("after the first has gone %d connections of another are taken, want 12", got)
	}
	if g := &l.(*boundListener).guests; g.total != 24 || len(g.by) != 2 {
		t.Errorf("%d guests of %d machines are counted, want 24 of 2", g.total, len(g.by))
	}
}
