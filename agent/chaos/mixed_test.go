//go:build chaos

package chaos

import (
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/chaos/toxic"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// mix is a board on which faults of all kinds fall together: one begins while
// others last.
type mix struct {
	*bench
	r    *rand.Rand
	srv  *redistest.Server
	p    *toxic.Proxy
	ends []ending // of faults that last
}

// ending ends a fault when its time has come.
type ending struct {
	at  time.Time
	end func()
}

// Faults of all kinds at random, up to several at once. TELHUB_CHAOS_SEED plays
// a sequence again, as far as real processes can.
func TestMixed(t *testing.T) {
	b := newBench(t, "all faults mixed")
	seed := rand.Uint64()
	if text := os.Getenv("TELHUB_CHAOS_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d", seed)
	m := &mix{bench: b, r: rand.New(rand.NewPCG(seed, 2)), srv: redistest.Start(t, "--appendonly", "yes")}
	m.p = b.proxy(m.srv.Addr())
	b.feed(3, 100)
	b.agent(m.p.URL(), `uplink.flush = "100ms"`, `uplink.frame = 64`)
	b.node.start()
	b.talk()
	for end := time.Now().Add(pick(30*time.Second, 4*time.Minute)); time.Now().Before(end); {
		wait(t, m.upTo(time.Second))
		m.settle(time.Now())
		m.strike()
	}
	m.settle(time.Now().Add(time.Hour))
	b.node.connected()
	b.finish()
	b.wantYoung(time.Second)
	t.Logf("%+v", m.p.Counts())
}

func (m *mix) upTo(d time.Duration) time.Duration { return time.Duration(m.r.Int64N(int64(d))) }

// last lets a fault end after at most d.
func (m *mix) last(d time.Duration, end func()) {
	m.ends = append(m.ends, ending{time.Now().Add(m.upTo(d)), end})
}

// settle ends the faults whose time has come.
func (m *mix) settle(now time.Time) {
	keep := m.ends[:0]
	for _, e := range m.ends {
		if e.at.After(now) {
			keep = append(keep, e)
			continue
		}
		e.end()
	}
	m.ends = keep
}

// strike injects one fault.
func (m *mix) strike() {
	m.t.Helper()
	faults := []struct {
		name string
		do   func()
	}{
		{"agent killed", m.killAgent},
		{"SIGTERM", m.restart},
		{"server killed", m.killServer},
		{"server stopped", m.stopServer},
		{"connections reset", func() { m.p.Cut() }},
		{"half-open", m.hold},
		{"connections stranded", func() { m.last(5*time.Second, m.p.Strand()) }},
		{"replies lost", func() { m.p.DropReplies(1 + m.r.IntN(3)) }},
		{"requests torn", func() { m.p.Tear(1) }},
		{"slow link", m.slow},
		{"sensor unplugged", m.unplug},
	}
	f := faults[m.r.IntN(len(faults))]
	f.do()
	if f.name != "SIGTERM" { // restart counts by itself
		m.fault(f.name, 1)
	}
}

func (m *mix) killAgent() {
	m.cut(m.upTo(300 * time.Millisecond))
	m.node.start()
}

func (m *mix) killServer() {
	m.srv.Signal(syscall.SIGCONT)
	m.srv.Kill()
	wait(m.t, m.upTo(time.Second))
	m.srv.Start()
}

// stopServer lets the server hang; a server that was killed meanwhile does not mind.
func (m *mix) stopServer() {
	m.srv.Signal(syscall.SIGSTOP)
	m.last(6*time.Second, func() { m.srv.Signal(syscall.SIGCONT) })
}

func (m *mix) hold() {
	way := m.r.IntN(3)
	m.p.Hold(way != 1, way != 0)
	m.last(8*time.Second, func() { m.p.Hold(false, false) })
}

func (m *mix) slow() {
	m.p.Set(toxic.Poison{
		Latency: m.upTo(400 * time.Millisecond), Jitter: 1 + m.upTo(200*time.Millisecond), Bandwidth: 5_000 + m.r.IntN(100_000),
	})
	m.last(6*time.Second, func() { m.p.Set(toxic.Poison{}) })
}

func (m *mix) unplug() {
	m.t.Helper()
	f := m.feeders[m.r.IntN(len(m.feeders))]
	at := time.Now()
	err := f.pty.Unplug()
	wait(m.t, m.upTo(time.Second))
	if err = errors.Join(err, f.pty.Replug()); err != nil {
		m.t.Fatal(err)
	}
	eventually(m.t, f.name+" to be open again", f.pty.Opened)
	m.deaf(f, at)
}
