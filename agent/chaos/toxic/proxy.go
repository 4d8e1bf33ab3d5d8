package toxic

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Proxy stands before one server. Its methods may be called from any goroutine.
type Proxy struct {
	l      net.Listener
	server string
	wg     sync.WaitGroup

	mu     sync.Mutex // guards what follows
	poison Poison
	gates  [2]chan struct{} // by direction; closed = open to traffic
	free   [2]time.Time     // when the link is free again
	conns  map[*conn]struct{}
	closed bool
	drops  int // replies still to be lost
	tears  int // requests still to be cut in two
	counts Counts
}

// Poison is how slow the link is. The zero value does nothing.
type Poison struct {
	Latency   time.Duration // each way
	Jitter    time.Duration // up to that much more, messages staying in order
	Bandwidth int           // bytes a second each way, over all connections; 0 = no limit
	DropOneIn int           // lose one reply of the append script in n; 0 = none
}

// Counts are what went through since New.
type Counts struct {
	Conns    int64 // accepted
	Calls    int64 // of the append script, with frames, that were answered by the server
	Offered  int64 // frames in those that succeeded
	Absorbed int64 // of these, that the server had already
	Refused  int64 // calls that the script refused, as GAP or FENCED
	Unheard  int64 // frames in calls that succeeded without their sender hearing of it
	Dropped  int64 // replies lost after execution
	Torn     int64 // requests cut in two
	Late     int64 // calls executed after their sender had hung up
	Cut      int64 // connections reset
}

// The directions.
const (
	up   = iota // to the server
	down        // to the client
)

// New listens on an address and forwards to server.
func New(listen, server string) (*Proxy, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("toxic: %w", err)
	}
	p := &Proxy{l: l, server: server, conns: make(map[*conn]struct{})}
	for i := range p.gates {
		p.gates[i] = make(chan struct{})
		close(p.gates[i])
	}
	p.wg.Go(p.accept)
	return p, nil
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.l.Addr().String() }

// URL is the proxy as telhub's configuration takes it.
func (p *Proxy) URL() string { return "redis://" + p.Addr() + "/0" }

// Close resets all connections and waits for every goroutine.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.l.Close()
	p.Cut()
	p.wg.Wait()
}

// Set makes the link as slow as it says.
func (p *Proxy) Set(x Poison) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.poison = x
}

// Counts returns what went through so far.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// Hold keeps back what goes to the server, to the clients, or both; what is not
// held is delivered, also what was held before. Connections are accepted
// meanwhile, as by a kernel whose program hangs.
func (p *Proxy) Hold(toServer, toClients bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, hold := range [2]bool{up: toServer, down: toClients} {
		open := isClosed(p.gates[i])
		switch {
		case hold && open:
			p.gates[i] = make(chan struct{})
		case !hold && !open:
			close(p.gates[i])
		}
	}
}

// Strand holds back what is under way on the connections that are there now;
// those that come later are not concerned. Release lets it arrive, in whatever
// state the connections are by then.
func (p *Proxy) Strand() (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gate := make(chan struct{})
	for c := range p.conns {
		if isClosed(c.gate) {
			c.gate = gate
		}
	}
	return func() { close(gate) }
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// DropReplies loses the next n replies of the append script, after the server
// has executed the calls, and resets the connection each time.
func (p *Proxy) DropReplies(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drops += n
}

// Tear delivers only half of each of the next n requests to the append script
// and resets both ends.
func (p *Proxy) Tear(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tears += n
}

// Cut resets all connections and returns how many there were; new ones are
// accepted.
func (p *Proxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.reset()
	}
	p.counts.Cut += int64(len(p.conns))
	return len(p.conns)
}

// accept is the listener's goroutine: New starts it, Close ends it.
func (p *Proxy) accept() {
	for {
		client, err := p.l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.wg.Go(func() { p.serve(client) })
		}
	}
}

// serve connects a client with the server and returns when both ends are done.
func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.server)
	c := &conn{p: p, gone: make(chan struct{}), gate: make(chan struct{})}
	close(c.gate)
	c.ends[up], c.ends[down] = server, client
	if err != nil {
		c.ends[up] = client // there is nothing else to close
		c.reset()
		return
	}
	if !p.enter(c) {
		c.reset()
		return
	}
	defer p.leave(c)
	c.run()
}

func (p *Proxy) enter(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.conns[c] = struct{}{}
	p.counts.Conns++
	return true
}

func (p *Proxy) leave(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// due tells when a message that came now is to go on.
func (p *Proxy) due() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.poison.Latency
	if p.poison.Jitter > 0 {
		d += rand.N(p.poison.Jitter)
	}
	return time.Now().Add(d)
}

// reserve takes the link for n bytes and tells when they have passed.
func (p *Proxy) reserve(direction, n int) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.poison.Bandwidth <= 0 {
		return now
	}
	if p.free[direction].Before(now) {
		p.free[direction] = now
	}
	p.free[direction] = p.free[direction].Add(time.Duration(n) * time.Second / time.Duration(p.poison.Bandwidth))
	return p.free[direction]
}

// gatesOf returns what a connection's messages have to pass.
func (p *Proxy) gatesOf(c *conn, direction int) (own, all chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.gate, p.gates[direction]
}

// unheard counts frames whose sender does not hear that they were taken.
func (p *Proxy) unheard(frames int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Unheard += int64(frames)
}
