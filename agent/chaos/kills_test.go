//go:build chaos

package chaos

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// Agent and server are killed at random instants, 1,000 times in all; the agent
// also while it starts, the server also while it loads.
func TestKills(t *testing.T) {
	for _, sync := range []string{"always", "everysec"} {
		t.Run(sync, func(t *testing.T) { kills(t, sync, pick(30, 500)) })
	}
}

// killRate is the lines a second of each of the two devices.
const killRate = 100

func kills(t *testing.T, sync string, n int) {
	b := newBench(t, "random kills, appendfsync "+sync)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	srv := redistest.Start(t, "--appendonly", "yes", "--appendfsync", sync)
	b.feed(2, killRate)
	b.agent(b.proxy(srv.Addr()).URL(), `uplink.flush = "100ms"`, `uplink.frame = 64`)
	b.node.start()
	b.talk()
	for range n {
		wait(t, instant(r))
		switch k := r.IntN(10); {
		case k < 6:
			b.cutPower(r)
		default:
			srv.Kill()
			wait(t, time.Duration(r.Int64N(int64(300*time.Millisecond))))
			if k == 9 { // killed again while it loads
				srv.Launch()
				wait(t, time.Duration(r.Int64N(int64(20*time.Millisecond))))
				srv.Kill()
			}
			srv.Start()
			b.fault("server killed", 1)
		}
	}
	took := b.kill(0)
	b.node.connected()
	b.node.forwards(1000)
	b.finish()
	t.Logf("the last start took %s", took.Round(time.Millisecond))
	b.wantYoung(time.Second)
}

// instant is when the next kill comes: often while something starts, seldom
// after long.
func instant(r *rand.Rand) time.Duration {
	most := []time.Duration{60 * time.Millisecond, 300 * time.Millisecond, time.Second}[r.IntN(3)]
	return time.Duration(r.Int64N(int64(most)))
}

// cutPower ends the agent and starts it again without waiting until it answers.
func (b *bench) cutPower(r *rand.Rand) {
	b.t.Helper()
	b.cut(time.Duration(r.Int64N(int64(200 * time.Millisecond))))
	b.node.launch()
	b.fault("agent killed", 1)
}
