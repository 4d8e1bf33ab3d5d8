//go:build chaos

package chaos

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// SIGTERM and start, and SIGHUP with another configuration, both under load, with
// the server there and without it.
func TestRestartUnderLoad(t *testing.T) {
	b := newBench(t, "restart and reload under load")
	srv := redistest.Start(t, "--appendonly", "yes")
	p := b.proxy(srv.Addr())
	b.feed(2, 250)
	configs := [][]string{
		{`uplink.flush = "200ms"`},
		{`uplink.flush = "100ms"`, `uplink.frame = 64`, `uplink.encoding = "compact"`},
	}
	b.agent(p.URL(), configs[0]...)
	b.node.start()
	b.talk()
	var slowest time.Duration
	for i := range pick(4, 20) {
		away := i%4 == 3
		if away {
			srv.Stop()
			b.fault("server stopped", 1)
			wait(t, rand.N(2*time.Second))
		} else {
			b.node.forwards(500 + rand.Float64()*1500)
		}
		begin := time.Now()
		b.restart()
		slowest = max(slowest, time.Since(begin))
		wait(t, rand.N(time.Second))
		b.agent(p.URL(), configs[(i+1)%2]...)
		b.reload()
		if away {
			srv.Start()
		}
	}
	b.node.forwards(1000)
	b.finish()
	t.Logf("the slowest end and start took %s", slowest.Round(time.Millisecond))
	if slowest > 6*time.Second {
		t.Errorf("an end in order and a start took %s; an end alone may take 5 s", slowest)
	}
}
