//go:build chaos

package chaos

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/chaos/toxic"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// A bad day of a mobile link: slow, narrow, cut, half-open, and replies that are
// lost after the server has executed the calls.
func TestToxicDay(t *testing.T) {
	b := newBench(t, "a day of toxic")
	srv := redistest.Start(t, "--appendonly", "yes")
	p := b.proxy(srv.Addr())
	b.feed(2, 125)
	b.agent(p.URL(), `uplink.flush = "50ms"`, `uplink.frame = 32`)
	b.node.start()
	b.talk()
	b.node.forwards(1000)
	length := pick(5*time.Second, time.Minute)

	p.Set(toxic.Poison{Latency: 300 * time.Millisecond, Jitter: 200 * time.Millisecond})
	b.fault("slow link, 300 ms + 200 ms each way, for "+length.String(), 1)
	wait(t, length)
	p.Set(toxic.Poison{Bandwidth: 20_000, Latency: 50 * time.Millisecond})
	b.fault("narrow link, 20 kB/s, for "+length.String(), 1)
	wait(t, length)
	p.Set(toxic.Poison{})
	b.cuts(p, pick(20, 100))
	b.halfOpen(p, pick(2, 12))
	b.late(p, pick(5, 30))
	b.torn(p, pick(10, 100))
	b.drops(p, pick(60, 1000))
	b.finish()
	c := p.Counts()
	t.Logf("%+v", c)
	if c.Absorbed == 0 || c.Late == 0 || c.Unheard < c.Dropped {
		t.Errorf("%+v: no frame came twice, no call came late: this shows nothing", c)
	}
}

// cuts resets the connections at random instants.
func (b *bench) cuts(p *toxic.Proxy, n int) {
	b.t.Helper()
	for range n {
		wait(b.t, rand.N(400*time.Millisecond))
		p.Cut()
	}
	b.fault("connections reset", n)
}

// halfOpen lets what is under way stay under way: in one direction or both, and
// then arrive late or never.
func (b *bench) halfOpen(p *toxic.Proxy, n int) {
	b.t.Helper()
	for i := range n {
		b.node.connected()
		b.node.forwards(500)
		way := i % 3
		p.Hold(way != 1, way != 0)
		wait(b.t, 5*time.Second+rand.N(7*time.Second))
		if i%4 == 3 {
			p.Cut()
		}
		p.Hold(false, false)
	}
	b.fault("half-open, 5 to 12 s", n)
}

// late lets requests of an old connection arrive after a new one has been opened
// and has brought the same frames.
func (b *bench) late(p *toxic.Proxy, n int) {
	b.t.Helper()
	for range n {
		before := p.Counts()
		release := p.Strand()
		eventually(b.t, "frames by a new connection", func() bool {
			now := p.Counts()
			return now.Conns > before.Conns && now.Calls > before.Calls
		})
		release()
	}
	b.fault("requests overtaken by a new connection", n)
}

// torn cuts connections in the middle of requests.
func (b *bench) torn(p *toxic.Proxy, n int) {
	b.t.Helper()
	for range n {
		before := p.Counts().Torn
		p.Tear(1)
		eventually(b.t, "a request to be torn", func() bool { return p.Counts().Torn > before })
	}
	b.fault("requests torn", n)
}

// drops loses replies of executed calls, one after the other, at most one a
// connection.
func (b *bench) drops(p *toxic.Proxy, n int) {
	b.t.Helper()
	for range n {
		before := p.Counts().Dropped
		p.DropReplies(1)
		eventually(b.t, "a reply to be lost", func() bool { return p.Counts().Dropped > before })
	}
	b.fault("replies lost after execution", n)
}
