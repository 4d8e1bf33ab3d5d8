package redis

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

func clusterOptions(c *redistest.Cluster) Options {
	o := options("")
	o.Server = Address{Topology: Cluster, Network: "tcp", Addrs: c.Addrs()}
	return o
}

func clusterClient(t *testing.T, c *redistest.Cluster) *redis.ClusterClient {
	x := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs()})
	t.Cleanup(func() { x.Close() })
	return x
}

// A slot that moves from node to node while frames flow: MOVED, ASK and
// TRYAGAIN cost no frame and make no duplicate.
func TestClusterMovesTheSlotUnderAppends(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, 3)
	o := clusterOptions(c)
	o.MaxLen = 0 // whatever comes while the slot moves must still be there
	s := newSink(t, o)
	p := &pump{s: s}
	p.until(t, 30)

	ctx, stop := context.WithCancel(t.Context())
	pumped := make(chan struct{})
	go func() { // until the slot has stopped moving
		defer close(pumped)
		for ctx.Err() == nil {
			p.step(ctx)
		}
	}()
	at, slot := c.Owner("telhub:{0}:state")
	for range 6 {
		to := (at + 1) % len(c.Nodes)
		c.BeginMove(slot, at, to)
		for _, key := range []string{"telhub:{0}:state", "telhub:{0}:live"} {
			c.MoveKey(key, at, to)
		}
		c.EndMove(slot, to)
		at = to
	}
	stop()
	<-pumped

	p.open = false // stop cut an append short
	p.until(t, p.seq+30)
	wantWhole(t, clusterClient(t, c), p.seq)
	t.Logf("%d frames, %d failures on the way, the last: %v", p.seq, p.failures, p.lastErr)
	var err error
	for range 100 {
		marks := live(p.seq)
		if err = s.Sync(t.Context(), &marks); err == nil {
			if marks != live(p.seq) {
				t.Errorf("sync lowers the mark to %v, want 1/%d", marks[frame.Live], p.seq)
			}
			return
		}
		pause(t.Context())
	}
	t.Errorf("sync does not find the slot again: %v", err)
}

// In each stage of a move the sink gets its frames in, or says why not.
func TestClusterStagesOfAMove(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, 3)
	s := newSink(t, clusterOptions(c))
	p := &pump{s: s}
	p.until(t, 3)
	from, slot := c.Owner("telhub:{0}:state")
	to := (from + 1) % len(c.Nodes)

	c.BeginMove(slot, from, to)
	p.until(t, 6) // both keys are where they were
	c.MoveKey("telhub:{0}:state", from, to)
	err := s.Append(t.Context(), batch(1, 1, 7, 9))
	wantText(t, err, "TRYAGAIN", "moving")
	c.MoveKey("telhub:{0}:live", from, to)
	if err := s.Append(t.Context(), batch(1, 1, 7, 9)); err != nil { // ASK, on a node without the script
		t.Errorf("append behind ASK: %v", err)
	}
	c.EndMove(slot, to)
	mustAppend(t, s, batch(1, 1, 10, 12)) // MOVED
	wantWhole(t, clusterClient(t, c), 12)
}

func TestClusterUserNeedsTheseRights(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, 3)
	o := clusterOptions(c)
	o.User, o.Password = "telhub", func() (string, error) { return "first", nil }
	for _, n := range c.Nodes {
		acl(t, n, permissions+" "+permissionsCluster)
	}
	p := &pump{s: newSink(t, o)}
	p.until(t, 3)
	from, slot := c.Owner("telhub:{0}:state")
	to := (from + 1) % len(c.Nodes)
	c.BeginMove(slot, from, to)
	c.MoveKey("telhub:{0}:state", from, to)
	c.MoveKey("telhub:{0}:live", from, to)
	if err := p.s.Append(t.Context(), batch(1, 1, 4, 6)); err != nil {
		t.Errorf("append behind ASK: %v", err)
	}
	c.EndMove(slot, to)
	p.until(t, 9)
	marks := live(9)
	if err := p.s.Sync(t.Context(), &marks); err != nil {
		p.s.Sync(t.Context(), &marks) // the first found out about the move
	}
	for i, n := range c.Nodes {
		if log := n.Do("ACL LOG"); log != "*0\r\n" {
			t.Errorf("node %d refused: %q", i, log)
		}
	}
}

// A single-server URL that meets a cluster, which is a usual mistake.
func TestClusterBehindASingleServersURL(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, 3)
	owner, _ := c.Owner("telhub:{0}:state")
	other := c.Nodes[(owner+1)%len(c.Nodes)]
	wantText(t, openError(t, options(other.Addr())), "MOVED", "redis+cluster://")

	// All shards find their node.
	o := clusterOptions(c)
	o.Shards = 16
	for shard := range 16 {
		o.Device = deviceOf(shard)
		s := newSink(t, o)
		open(t, s, 1)
		mustAppend(t, s, batch(1, 1, 1, 1))
	}
	keys := 0
	for _, n := range c.Nodes {
		var k int
		if _, err := fmt.Sscanf(strings.TrimPrefix(n.Do("DBSIZE"), ":"), "%d", &k); err != nil || k == 0 {
			t.Errorf("node %s has %d keys, %v, want its share", n.Addr(), k, err)
		}
		keys += k
	}
	if keys != 32 {
		t.Errorf("cluster has %d keys, want 32", keys)
	}
}

// deviceOf finds a name that falls into a shard of 16.
func deviceOf(shard int) string {
	for i := 0; ; i++ {
		if name := fmt.Sprint("pi-", i); Shard(name, 16) == shard {
			return name
		}
	}
}

func TestClusterNodeDown(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, 3)
	s := newSink(t, clusterOptions(c))
	p := &pump{s: s}
	p.until(t, 3)
	owner, _ := c.Owner("telhub:{0}:state")
	c.Nodes[owner].Kill()
	p.step(t.Context())
	if p.lastErr == nil {
		t.Error("an append to a dead node succeeded")
	}
	if !s.Reachable(t.Context()) {
		t.Error("two nodes answer, but none counts as reachable")
	}
	c.Nodes[owner].Start() // without its data
	p.until(t, 6)
	wantWhole(t, clusterClient(t, c), p.seq)
}
