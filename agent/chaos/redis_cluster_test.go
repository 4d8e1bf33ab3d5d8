//go:build chaos

package chaos

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// clusterShards is how many shards the devices of the cluster are spread over.
const clusterShards = 16

// cluster is a Redis Cluster of three masters and three replicas, and devices of
// different shards that send to it.
type cluster struct {
	*redistest.Cluster
	t       *testing.T
	benches []*bench
	keys    []string // the state hash of each device's shard
}

// newCluster starts all; each device has a row of its own.
func newCluster(t *testing.T, scenario string, devices int) *cluster {
	t.Helper()
	args := []string{"--appendonly", "yes", "--appendfsync", "everysec"}
	c := &cluster{Cluster: redistest.StartCluster(t, 3, args...), t: t}
	for _, master := range c.Nodes[:3] {
		c.follow(master, args...)
	}
	url := "redis+cluster://" + strings.Join(c.Addrs(), ",")
	for i := range devices {
		b := newBench(t, fmt.Sprintf("%s, device %d of %d", scenario, i+1, devices))
		b.shards, b.device = clusterShards, deviceOf(i*clusterShards/devices)
		b.feed(1, 250)
		b.agent(url)
		b.node.start()
		c.benches = append(c.benches, b)
		c.keys = append(c.keys, redis.StateKey("telhub", redis.Shard(b.device, clusterShards)))
	}
	for _, b := range c.benches {
		b.node.connected()
		b.talk()
	}
	return c
}

// deviceOf finds a name that falls into a shard.
func deviceOf(shard int) string {
	for i := 0; ; i++ {
		if name := fmt.Sprint("chaos-", i); redis.Shard(name, clusterShards) == shard {
			return name
		}
	}
}

// follow adds a replica of a master.
func (c *cluster) follow(master *redistest.Server, args ...string) {
	c.t.Helper()
	_, id, _ := strings.Cut(master.Do("CLUSTER MYID"), "\r\n")
	master.Do("CONFIG SET repl-diskless-sync-delay 0")
	r := redistest.Start(c.t, append([]string{
		"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(redistest.FreePort(c.t)), "--cluster-node-timeout", "3000",
	}, args...)...)
	self := field(c.t, master, "myself")
	addr, _, _ := strings.Cut(self, ",")
	_, ports, _ := strings.Cut(addr, ":")
	port, bus, _ := strings.Cut(ports, "@")
	r.Do("CLUSTER MEET 127.0.0.1 " + port + " " + bus)
	eventually(c.t, "a replica", func() bool {
		r.Do("CLUSTER REPLICATE " + strings.TrimSpace(id))
		return says(c.t, r, "master_link_status:up", "INFO", "replication")
	})
	c.Nodes = append(c.Nodes, r)
}

// field returns the address column of the first line of CLUSTER NODES with a flag.
func field(t *testing.T, s *redistest.Server, flag string) string {
	t.Helper()
	for line := range strings.Lines(s.Do("CLUSTER NODES")) {
		if f := strings.Fields(line); len(f) > 2 && strings.Contains(f[2], flag) {
			return f[1]
		}
	}
	t.Fatalf("CLUSTER NODES of %s has no line with %s", s.Addr(), flag)
	return ""
}

// finish lets all devices end and audits each.
func (c *cluster) finish(want promise) {
	c.t.Helper()
	for _, b := range c.benches {
		b.finish()
		b.wantPromise(want, nil)
	}
}

// fault counts what every device has suffered.
func (c *cluster) fault(kind string, n int) {
	for _, b := range c.benches {
		b.fault(kind, n)
	}
}

// TestClusterReshards moves the slots of all shards that send from master to
// master: while a slot moves, keys that are there are served by the one, keys
// that are not by the other (ASK), and a call that needs both is refused
// (TRYAGAIN); then clients are sent elsewhere (MOVED).
func TestClusterReshards(t *testing.T) {
	c := newCluster(t, "Redis Cluster: the shards' slots move", 3)
	moves := 0
	for range pick(3, 10) {
		for i, key := range c.keys {
			c.benches[i].node.forwards(200)
			at, slot := c.Owner(key)
			to := (at + 1 + rand.N(2)) % 3
			c.BeginMove(slot, at, to)
			for _, lane := range []string{"live", "state", "alarm", "backfill"} {
				wait(t, rand.N(300*time.Millisecond)) // calls meet every stage
				c.MoveKey(strings.TrimSuffix(key, "state")+lane, at, to)
			}
			wait(t, rand.N(300*time.Millisecond))
			c.EndMove(slot, to)
			moves++
		}
	}
	c.fault("slot moved", moves)
	for _, b := range c.benches {
		b.node.forwards(1000)
	}
	c.finish(keepsAll)
}

// TestClusterFailover kills the master of each device's shard in turn; its
// replica is promoted by the cluster itself, and the old master comes back as
// the replica of the new one.
func TestClusterFailover(t *testing.T) {
	c := newCluster(t, "Redis Cluster: masters killed, replicas promoted", 3)
	kills := 0
	for range pick(1, 3) {
		for i, key := range c.keys {
			b := c.benches[i]
			b.node.forwards(500)
			eventually(t, "level replica", func() bool { return b.node.status().Uplink.Durability == "replica" })
			at, _ := c.Owner(key)
			c.failover(at)
			kills++
			b.node.forwards(1000)
		}
	}
	c.fault("master killed", kills)
	c.finish(keepsAll)
}

// failover kills a master, waits until its slots are served again, and brings it
// back.
func (c *cluster) failover(at int) {
	c.t.Helper()
	old := c.Nodes[at]
	other := c.Nodes[(at+1)%len(c.Nodes)]
	old.Kill()
	eventually(c.t, "promotion", func() bool {
		return strings.Contains(other.Do("CLUSTER INFO"), "cluster_state:ok") &&
			!strings.Contains(mastersThatFail(other), old.Addr())
	})
	old.Start()
	eventually(c.t, "the old master as a replica", func() bool {
		return says(c.t, old, "master_link_status:up", "INFO", "replication")
	})
}

// mastersThatFail lists those with slots of which a node says that they fail, or
// that it has not found out about yet.
func mastersThatFail(s *redistest.Server) (list string) {
	for line := range strings.Lines(s.Do("CLUSTER NODES")) {
		if f := strings.Fields(line); len(f) > 8 && strings.Contains(f[2], "master") {
			list += f[1] + " "
		}
	}
	return list
}
