//go:build chaos

package chaos

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// The agent is apart from its server for ten minutes: first replies vanish, so
// that the server executes calls of which the agent hears nothing, then requests
// do, and then the link itself is down.
func TestPartition(t *testing.T) {
	t.Parallel()
	length := pick(20*time.Second, 10*time.Minute)
	b := newBench(t, "partition of "+length.String())
	w := b.apart(2, 250)
	b.node.forwards(4000)

	w.vanish(false, true)
	b.fault("replies vanish for "+(length/4).String(), 1)
	wait(t, length/4)
	w.vanish(true, false)
	b.fault("requests vanish for "+(length/4).String(), 1)
	wait(t, length/4)
	w.vanish(false, false)
	w.plug(false)
	b.fault("link down for "+(length/2).String(), 1)
	wait(t, length/2)
	w.plug(true)
	w.routes()
	b.node.connected()
	b.node.forwards(4000)
	b.finish()
}

// apart puts the agent into a namespace of its own and lets it begin.
func (b *bench) apart(feeders, rate int) *wire {
	b.t.Helper()
	w := newWire(b.t)
	srv := redistest.Start(b.t, "--appendonly", "yes")
	p := b.proxyAt(w.server()+":0", srv.Addr())
	b.feed(feeders, rate)
	b.agent(p.URL())
	b.node.wrap = w.wrap()
	b.judge(srv.URL())
	b.node.start()
	b.talk()
	return w
}

// Short partitions of every kind, and a link that loses packets because it is
// narrower than what is sent.
func TestFlakyLink(t *testing.T) {
	t.Parallel()
	b := newBench(t, "flaky link")
	w := b.apart(2, 125)
	kinds := []struct {
		name string
		set  func(on bool)
	}{
		{"replies vanish", func(on bool) { w.vanish(false, on) }},
		{"requests vanish", func(on bool) { w.vanish(on, false) }},
		{"all packets vanish", func(on bool) { w.vanish(on, on) }},
		{"link down", func(on bool) { w.plug(!on) }},
		{"link behind the router down", func(on bool) { w.far(!on) }},
	}
	for i := range pick(5, 30) {
		b.node.connected()
		b.node.forwards(500)
		k := kinds[i%len(kinds)]
		k.set(true)
		wait(t, time.Second+rand.N(7*time.Second))
		k.set(false)
		b.fault(k.name+", 1 to 8 s", 1)
		w.routes()
	}
	w.squeeze(120)
	b.fault("packets dropped beyond 120 kbit/s for "+pick(5*time.Second, time.Minute).String(), 1)
	wait(t, pick(5*time.Second, time.Minute))
	w.squeeze(0)
	b.finish()
}

// routes gives back the routes that an interface takes with it when it goes down.
func (w *wire) routes() {
	w.t.Helper()
	w.ip("-n " + w.agent + " route replace default via " + w.net + "2")
	w.ip("route replace " + w.net + "0/30 via " + w.net + "5")
}
