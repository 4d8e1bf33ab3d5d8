package uplink_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// changing is a lab's server whose durability an operator changes.
type changing struct {
	*server

	mu     sync.Mutex
	level  uplink.Durability
	err    error // of Level
	silent bool  // Sync confirms nothing
	asked  int
	synced int
}

func (c *changing) Open(ctx context.Context, fence uint64, marks *[frame.Lanes]uplink.Mark) (uplink.Durability, error) {
	if _, err := c.server.Open(ctx, fence, marks); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.level, nil
}

func (c *changing) Level(context.Context) (uplink.Durability, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return c.level, c.err
}

func (c *changing) Sync(context.Context, *[frame.Lanes]frame.ID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.synced++
	if c.silent {
		return errors.New("not durable yet")
	}
	return nil
}

func (c *changing) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// operate gives a lab such a server.
func (l *lab) operate() *changing {
	c := &changing{server: l.server}
	l.tweak = func(o *uplink.Options, _ *store.Options) { o.Sink = c }
	return c
}

// retained is how many frames are kept until they are confirmed.
func (l *lab) retained() (n int) {
	s := l.up.Status()
	for i := range s.Lanes {
		n += s.Lanes[i].Retained - s.Lanes[i].Queued
	}
	return n
}

func TestALogTurnedOnIsNoticedWhileConnected(t *testing.T) {
	inLab(t, func(l *lab) {
		c := l.operate()
		l.start()
		l.outage(1, 30)
		if s := l.up.Status(); s.Level != uplink.Memory || c.synced != 0 || l.retained() != 0 {
			t.Fatalf("level %v, %d syncs, %d retained, want memory and none", s.Level, c.synced, l.retained())
		}
		c.set(func() { c.level = uplink.AOF })
		l.outage(31, 60)
		s := l.up.Status()
		if s.Level != uplink.AOF || c.asked == 0 || c.asked > 2 {
			t.Errorf("level %v after %d questions in 90 s, want aof after one or two", s.Level, c.asked)
		}
		if c.synced == 0 {
			t.Error("nothing was confirmed under level aof")
		}
		l.quiet()
		l.inOrder(frame.Live, 1, 90)

		c.set(func() { c.err = errors.New("NOPERM") })
		l.outage(91, 70)
		if got := l.up.Status().Level; got != uplink.AOF {
			t.Errorf("level %v of a server that does not tell, want aof as before", got)
		}
		c.set(func() { c.err, c.level = nil, uplink.Memory })
		l.outage(161, 70)
		if got := l.up.Status().Level; got != uplink.Memory || l.retained() != 0 {
			t.Errorf("level %v, %d retained, want memory and none", got, l.retained())
		}
		l.shutdown()
	})
}

func TestAServerThatConfirmsNothingIsTold(t *testing.T) {
	inLab(t, func(l *lab) {
		c := l.operate()
		c.level = uplink.AOF
		l.start()
		l.outage(1, 10)
		l.wait("all to be confirmed", func(s uplink.Status) bool { return s.Unconfirmed.IsZero() })
		c.set(func() { c.silent = true })
		began := time.Now()
		l.outage(11, 20)
		s := l.up.Status()
		if age := time.Since(s.Unconfirmed); s.Unconfirmed.IsZero() || age < 15*time.Second || age > time.Since(began)+2*time.Second {
			t.Errorf("unconfirmed for %v, want about %v", age, time.Since(began))
		}
		if got := l.retained(); got < 15 || !s.Connected {
			t.Errorf("%d frames retained, connected %v, want about 20 and true", got, s.Connected)
		}
		c.set(func() { c.silent = false })
		l.wait("them to be confirmed", func(s uplink.Status) bool { return s.Unconfirmed.IsZero() })
		if got := l.retained(); got != 0 {
			t.Errorf("%d frames retained after they were confirmed", got)
		}
		l.shutdown()
	})
}
