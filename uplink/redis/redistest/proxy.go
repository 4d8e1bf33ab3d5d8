package redistest

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy stands between an agent and a server. It can lose replies after the
// server has executed the call, and hold everything back.
type Proxy struct {
	l      net.Listener
	server string

	// DropOneIn makes the proxy lose one reply in n, at random, and close the
	// connection, which is what a dying network looks like; 0 loses none.
	DropOneIn atomic.Int64
	// Dropped counts the replies lost.
	Dropped atomic.Int64

	closed atomic.Bool

	mu    sync.Mutex // guards conns
	conns map[net.Conn]struct{}
	wg    sync.WaitGroup
}

// NewProxy listens on the loopback and forwards to server.
func NewProxy(tb testing.TB, server string) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{l: l, server: server, conns: make(map[net.Conn]struct{})}
	p.wg.Go(p.accept)
	tb.Cleanup(p.Close)
	return p
}

// Addr is the proxy's TCP address.
func (p *Proxy) Addr() string { return p.l.Addr().String() }

// Close ends the proxy and all its connections.
func (p *Proxy) Close() {
	p.closed.Store(true)
	p.l.Close()
	p.Cut()
	p.wg.Wait()
}

// Cut closes all connections; new ones are accepted.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

func (p *Proxy) accept() {
	for {
		c, err := p.l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		p.wg.Go(func() { p.serve(c) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer p.forget(client)
	server, err := net.Dial("tcp", p.server)
	p.remember(client)
	if err != nil {
		return
	}
	p.remember(server)
	defer p.forget(server)
	if p.closed.Load() {
		return
	}
	go func() {
		io.Copy(server, client)
		server.Close()
	}()
	p.copyReplies(client, server)
}

// copyReplies copies what the server says, but for what is to be lost. A reply is
// what one read gives: the agent has one call under way at a time.
func (p *Proxy) copyReplies(client, server net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		if n := p.DropOneIn.Load(); n > 0 && rand.Int64N(n) == 0 {
			p.Dropped.Add(1)
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *Proxy) remember(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = struct{}{}
}

func (p *Proxy) forget(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}
