//go:build chaos

package chaos

import (
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// stopped is how long a process that is stopped stays so.
func stopped() time.Duration { return pick(8*time.Second, time.Minute) }

// The agent gets no processor time for a minute, as on a board that swaps: its
// connection and its clocks are old when it goes on.
func TestStopAgent(t *testing.T) {
	t.Parallel()
	b := newBench(t, "SIGSTOP of the agent")
	srv := redistest.Start(t, "--appendonly", "yes")
	b.feed(2, 250)
	b.agent(b.proxy(srv.Addr()).URL())
	b.node.start()
	b.talk()
	for range 2 {
		b.node.forwards(4000)
		b.node.signal(syscall.SIGSTOP)
		wait(t, stopped())
		b.node.signal(syscall.SIGCONT)
		b.fault("agent stopped for "+stopped().String(), 1)
	}
	b.node.forwards(4000)
	b.finish()
}

// The server hangs for a minute: it accepts connections and says nothing, and
// then executes what was sent to it meanwhile.
func TestStopServer(t *testing.T) {
	t.Parallel()
	b := newBench(t, "SIGSTOP of Redis")
	srv := redistest.Start(t, "--appendonly", "yes")
	b.feed(2, 250)
	b.agent(b.proxy(srv.Addr()).URL())
	b.node.start()
	b.talk()
	for range 2 {
		b.node.forwards(4000)
		srv.Signal(syscall.SIGSTOP)
		wait(t, stopped())
		srv.Signal(syscall.SIGCONT)
		b.fault("server stopped for "+stopped().String(), 1)
		b.node.connected()
	}
	b.node.forwards(4000)
	b.finish()
}
