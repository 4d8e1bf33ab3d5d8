package toxic

import (
	"bufio"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// conn is a client's connection and its twin to the server. Four goroutines
// serve it: in each direction one reads messages and one delivers them. They
// end when both ends have, or with reset.
type conn struct {
	p    *Proxy
	ends [2]net.Conn // up: the server, down: the client
	gone chan struct{}
	once sync.Once
	gate chan struct{} // closed = open to traffic; guarded by Proxy.mu

	mu    sync.Mutex // guards what follows
	calls []int      // requests without an answer: the frames in each, 0 = no append
	hung  bool       // the client has hung up
}

// parcel is a message on its way.
type parcel struct {
	due    time.Time
	b      []byte
	frames int  // that this reply says to be taken
	reset  bool // and that was the connection's end
}

// underWay is how many messages are on their way at most, each direction.
const underWay = 64

func (c *conn) run() {
	var wg sync.WaitGroup
	for direction := range 2 {
		q := make(chan parcel, underWay)
		wg.Go(func() { c.read(direction, q) })
		wg.Go(func() { c.deliver(direction, q) })
	}
	wg.Wait()
	c.reset()
}

// reset ends the connection as a peer does that knows nothing of it.
func (c *conn) reset() {
	c.once.Do(func() {
		close(c.gone)
		for _, e := range c.ends {
			if t, ok := e.(*net.TCPConn); ok {
				t.SetLinger(0)
				t.Close()
			}
		}
	})
}

// read takes messages that go in a direction from their sender until it ends.
func (c *conn) read(direction int, q chan<- parcel) {
	defer close(q)
	r := bufio.NewReaderSize(c.ends[1-direction], 32<<10)
	for last := (time.Time{}); ; {
		b, err := appendMessage(nil, r)
		if err != nil {
			if direction == up {
				c.hangUp()
			}
			return
		}
		x := parcel{due: c.p.due(), b: b}
		if x.due.Before(last) {
			x.due = last
		}
		last = x.due
		if direction == up {
			c.request(&x)
		} else if c.reply(&x) {
			c.p.unheard(x.frames)
			c.reset()
			return
		}
		select {
		case q <- x:
		case <-c.gone:
			c.p.unheard(x.frames)
			return
		}
	}
}

func (c *conn) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hung = true
}

// hasHung reports whether the client has hung up: the kernel may still take what
// is written to it, but nobody reads it.
func (c *conn) hasHung() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hung
}

// request notes a call, and cuts it in two if that is to be.
func (c *conn) request(x *parcel) {
	n := framesIn(x.b)
	c.mu.Lock()
	c.calls = append(c.calls, n)
	c.mu.Unlock()
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if n > 0 && c.p.tears > 0 {
		c.p.tears--
		c.p.counts.Torn++
		x.b, x.reset = x.b[:len(x.b)/2], true
	}
}

// reply counts what the server has done and reports whether nobody shall know.
func (c *conn) reply(x *parcel) (lost bool) {
	if x.b[0] == '>' { // a push is no answer
		return false
	}
	c.mu.Lock()
	n, hung := 0, c.hung
	if len(c.calls) > 0 {
		n, c.calls = c.calls[0], c.calls[1:]
	}
	c.mu.Unlock()
	if n == 0 {
		return false
	}
	p := c.p
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Calls++
	if hung {
		p.counts.Late++
	}
	if taken, ok := integer(x.b); ok {
		x.frames = n
		p.counts.Offered += int64(n)
		p.counts.Absorbed += int64(n - taken)
	} else {
		p.counts.Refused++
	}
	one := p.poison.DropOneIn
	switch {
	case p.drops > 0:
		p.drops--
	case one <= 0 || rand.IntN(one) > 0:
		return false
	}
	p.counts.Dropped++
	return true
}

// chunk is how much of a message passes a narrow link at once.
const chunk = 1 << 10

// deliver brings messages to their receiver, in order, each when it is due, the
// gate is open and the link has room.
func (c *conn) deliver(direction int, q <-chan parcel) {
	deaf := false // the receiver takes nothing any more; the sender may go on
	for x := range q {
		if !deaf {
			deaf = !c.send(direction, &x)
		}
		if deaf {
			c.p.unheard(x.frames)
		}
		if x.reset {
			c.reset()
		}
	}
	// What the sender said last has arrived; now its end does, too.
	if t, ok := c.ends[direction].(*net.TCPConn); ok && c.pass(direction) {
		t.CloseWrite()
	}
}

// send delivers a message; false means that nobody takes it.
func (c *conn) send(direction int, x *parcel) bool {
	if !c.until(x.due) || !c.pass(direction) || direction == down && c.hasHung() {
		return false
	}
	for b := x.b; len(b) > 0; {
		n := min(len(b), chunk)
		if !c.until(c.p.reserve(direction, n)) {
			return false
		}
		if _, err := c.ends[direction].Write(b[:n]); err != nil {
			return false
		}
		b = b[n:]
	}
	return true
}

// until waits for a moment; false means that the connection was reset.
func (c *conn) until(due time.Time) bool {
	d := time.Until(due)
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.gone:
		return false
	}
}

// pass waits until both gates are open, the connection's and the direction's;
// false means that the connection was reset.
func (c *conn) pass(direction int) bool {
	for {
		own, all := c.p.gatesOf(c, direction)
		if isClosed(own) && isClosed(all) {
			return true
		}
		for _, g := range []chan struct{}{own, all} {
			select {
			case <-g:
			case <-c.gone:
				return false
			}
		}
	}
}
