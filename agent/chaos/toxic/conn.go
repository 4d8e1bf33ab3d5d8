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

	mu    sync.Mutex // guards what follows
	calls []int      // requests without an answer: the frames in each, 0 = no append
	hung  bool       // the client has hung up
}

// parcel is a message on its way.
type parcel struct {
	due   time.Time
	b     []byte
	reset bool // and that was the connection's end
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
		lost := false
		if direction == up {
			c.request(&x)
		} else {
			lost = c.reply(b)
		}
		if lost {
			c.reset()
			return
		}
		select {
		case q <- x:
		case <-c.gone:
			return
		}
	}
}

func (c *conn) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hung = true
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
func (c *conn) reply(b []byte) (lost bool) {
	if b[0] == '>' { // a push is no answer
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
	if taken, ok := integer(b); ok {
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
	to := c.ends[direction]
	deaf := false // the receiver takes nothing any more; the sender may go on
	for x := range q {
		if !c.until(x.due) || !c.pass(direction) {
			return
		}
		for b := x.b; len(b) > 0 && !deaf; {
			n := min(len(b), chunk)
			if !c.until(c.p.reserve(direction, n)) {
				return
			}
			if _, err := to.Write(b[:n]); err != nil {
				deaf = true
			}
			b = b[n:]
		}
		if x.reset {
			c.reset()
			return
		}
	}
	// What the sender said last has arrived; now its end does, too.
	if !c.pass(direction) {
		return
	}
	if t, ok := to.(*net.TCPConn); ok {
		t.CloseWrite()
	}
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

// pass waits until the gate is open; false means that the connection was reset.
func (c *conn) pass(direction int) bool {
	for {
		g := c.p.gate(direction)
		select {
		case <-g:
			if c.p.gate(direction) == g {
				return true
			}
		case <-c.gone:
			return false
		}
	}
}
