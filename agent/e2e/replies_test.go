package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// quick makes small frames, many of them, and an agent that is back soon.
func quick(url string) settings {
	return settings{redis: url, frame: 16, flush: "50ms", breaker: "open = \"100ms\"\nopen_max = \"500ms\""}
}

// frames is how many frames the tests of lost replies send at least.
func frames() float64 { return pick(1000.0, 10_000.0) }

// everySecond is a server that keeps a log; what it accepted is only released
// when it can be taken for durable, so that frames must be larger and fewer.
var everySecond = []string{"--appendonly", "yes", "--appendfsync", "everysec"}

// A proxy loses replies after the server has executed the call.
func TestLostRepliesMakeNoDuplicates(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		lostReplies(t, redistest.Start(t), quick(""), 8, frames())
	})
	t.Run("aof", func(t *testing.T) {
		s := quick("")
		s.frame, s.flush = 256, "50ms"
		lostReplies(t, redistest.Start(t, everySecond...), s, 5, frames()/5)
	})
}

// lostReplies loses one reply in oneIn until so many frames have arrived. On a
// busy machine the same frames travel in fewer calls, so few losses are enough.
func lostReplies(t *testing.T, srv *redistest.Server, s settings, oneIn int64, want float64) {
	proxy := redistest.NewProxy(t, srv.Addr())
	s.redis = "redis://" + proxy.Addr() + "/0"
	feeders := load(t, "a", "b")
	n := newNode(t)
	n.configure(n.config(s, feeders...))
	n.start()
	proxy.DropOneIn.Store(oneIn)
	n.untilForwarded(want, feeders)
	proxy.DropOneIn.Store(0)
	retries := n.metric("telemetry_retries_total")
	a := n.conclude(srv, feeders)
	t.Logf("%d frames, %d samples, %d replies lost, %v batches sent again", a.frames(), a.samples, proxy.Dropped.Load(), retries)
	if proxy.Dropped.Load() < 3 || retries < 1 {
		t.Errorf("%d replies lost, %v batches sent again: too few to show anything", proxy.Dropped.Load(), retries)
	}
}

// Somebody closes the agent's connections again and again.
func TestKilledConnectionsMakeNoDuplicates(t *testing.T) {
	srv := redistest.Start(t)
	c := client(t, srv)
	feeders := load(t, "a", "b")
	n := newNode(t)
	n.configure(n.config(quick(srv.URL()), feeders...))
	n.start()

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int64)
	go func() { done <- killClients(ctx, c) }()
	n.untilForwarded(frames(), feeders)
	cancel()
	killed := <-done
	a := n.conclude(srv, feeders)
	t.Logf("%d frames, %d samples, %d connections killed", a.frames(), a.samples, killed)
	if killed < 10 {
		t.Errorf("%d connections were killed: too few to show anything", killed)
	}
}

// killClients closes all connections but its own until ctx ends.
func killClients(ctx context.Context, c *goredis.Client) (killed int64) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return killed
		case <-tick.C:
		}
		n, err := c.ClientKillByFilter(ctx, "TYPE", "normal", "SKIPME", "yes").Result()
		if err == nil {
			killed += n
		}
	}
}

func client(t *testing.T, srv *redistest.Server) *goredis.Client {
	c := goredis.NewClient(&goredis.Options{Addr: srv.Addr(), MaxRetries: -1})
	t.Cleanup(func() { c.Close() })
	return c
}

// untilForwarded lets the devices talk until enough frames have arrived.
func (n *node) untilForwarded(frames float64, feeders []*feeder) {
	n.t.Helper()
	startAll(feeders)
	deadline := time.Now().Add(10 * patience)
	for n.metric("telemetry_frames_forwarded_total") < frames {
		if time.Now().After(deadline) {
			n.t.Fatalf("%v frames within %s, want %v", n.metric("telemetry_frames_forwarded_total"), 10*patience, frames)
		}
		wait(n.t, 100*time.Millisecond)
	}
	stopAll(feeders)
}

// conclude waits until everything has arrived, ends the agent and wants the
// streams complete and in agreement with what the agent says of itself.
func (n *node) conclude(srv *redistest.Server, feeders []*feeder) *audit {
	n.t.Helper()
	n.drained()
	n.stop()
	a := readStreams(n.t, srv)
	a.wantComplete(feeders...)
	n.wantAccounted(a)
	return a
}

// wantAccounted compares the summaries of all runs with the streams: what was
// acquired is delivered or declared, and nothing else is there.
func (n *node) wantAccounted(a *audit) {
	n.t.Helper()
	all := n.summaries()
	var received, lost int64
	for _, s := range all {
		received += s.Received + s.Derived - s.Withheld
		lost += s.Lost
	}
	if len(all) == 0 {
		n.t.Fatal("no run ended with a summary")
	}
	if left := all[len(all)-1].Stored; left != 0 {
		n.t.Errorf("the last run left %d samples in the spool", left)
	}
	if received != a.samples+a.declared() {
		n.t.Errorf("%d samples received in %d runs, but the streams hold %d and declare %d lost: %d are undeclared",
			received, len(all), a.samples, a.declared(), received-a.samples-a.declared())
	}
}

// redis-server loses power: it is killed and its log loses what it had not
// synchronised, which is the last second under appendfsync everysec.
func TestServerLosesItsLastSecond(t *testing.T) {
	srv := redistest.Start(t, everySecond...)
	feeders := load(t, "a", "b")
	n := newNode(t)
	n.configure(n.config(settings{redis: srv.URL(), frame: 64, flush: "100ms", breaker: "open = \"100ms\"\nopen_max = \"500ms\""}, feeders...))
	n.start()
	startAll(feeders)
	var torn int64
	for range pick(4, 20) {
		eventually(t, "frames in lane live", func() bool { return n.status().Uplink.State == "connected" })
		wait(t, 2*time.Second)
		size := logSize(t, srv)
		wait(t, time.Second)
		srv.Kill()
		torn += tear(t, srv, size)
		srv.Start()
	}
	stopAll(feeders)
	n.drained()
	n.stop()
	a := readStreams(t, srv)
	a.wantComplete(feeders...)
	n.wantAccounted(a)
	t.Logf("%d frames, %d samples; the server lost %d bytes of its log", a.frames(), a.samples, torn)
	if torn == 0 {
		t.Error("the server lost nothing: this shows nothing")
	}
}

// logFile finds the file that redis-server appends to.
func logFile(t *testing.T, srv *redistest.Server) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(srv.Dir(), "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		t.Fatalf("append-only files: %v, %v", files, err)
	}
	return files[0]
}

func logSize(t *testing.T, srv *redistest.Server) int64 {
	t.Helper()
	info, err := os.Stat(logFile(t, srv))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// tear cuts the log back to a size it had and returns how much that took. Redis
// itself throws away what is left of a torn command.
func tear(t *testing.T, srv *redistest.Server, size int64) int64 {
	t.Helper()
	lost := logSize(t, srv) - size
	if err := os.Truncate(logFile(t, srv), size); err != nil {
		t.Fatal(err)
	}
	return lost
}
