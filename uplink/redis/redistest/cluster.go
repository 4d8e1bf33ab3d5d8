package redistest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// slots is how many slots a cluster has.
const slots = 16384

// Cluster is a Redis Cluster of masters only.
type Cluster struct {
	Nodes []*Server
}

// StartCluster runs n nodes that share the slots evenly, and waits until each
// of them says that the cluster is in order.
func StartCluster(tb testing.TB, n int, args ...string) *Cluster {
	tb.Helper()
	c := &Cluster{}
	for i := range n {
		// The bus's port is the server's plus 10000 by default, which may not exist.
		s := newServer(tb, "redis-server", append([]string{
			"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(FreePort(tb)), "--cluster-node-timeout", "3000",
		}, args...))
		c.Nodes = append(c.Nodes, s.begin())
		s.Do(fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", i*slots/n, (i+1)*slots/n-1))
	}
	first := c.Nodes[0]
	for _, s := range c.Nodes[1:] {
		s.Do(fmt.Sprintf("CLUSTER MEET 127.0.0.1 %d %s", first.port, first.clusterPort()))
	}
	for _, s := range c.Nodes {
		s.Await("CLUSTER INFO", func(reply string) bool {
			return contains(reply, "cluster_state:ok") && contains(reply, fmt.Sprintf("cluster_known_nodes:%d", n))
		})
	}
	return c
}

func (s *Server) clusterPort() string { return s.args[3] }

// Addrs are the nodes' addresses.
func (c *Cluster) Addrs() []string {
	addrs := make([]string, len(c.Nodes))
	for i, s := range c.Nodes {
		addrs[i] = s.Addr()
	}
	return addrs
}

// Owner returns the node that serves a key's slot, and the slot.
func (c *Cluster) Owner(key string) (node, slot int) {
	reply := c.Nodes[0].Do("CLUSTER KEYSLOT " + key)
	slot, err := strconv.Atoi(strings.Trim(reply, ":\r\n"))
	if err != nil {
		c.Nodes[0].tb.Fatalf("CLUSTER KEYSLOT %s: %q", key, reply)
	}
	for i := range c.Nodes {
		// a node answers MOVED for a slot of another
		if reply := c.Nodes[i].Do("EXISTS " + key); !strings.HasPrefix(reply, "-MOVED") {
			return i, slot
		}
	}
	c.Nodes[0].tb.Fatalf("nobody serves slot %d", slot)
	return 0, 0
}

// BeginMove opens a slot's move: the source answers ASK for keys it has no
// more, the target takes what is asked of it.
func (c *Cluster) BeginMove(slot, from, to int) {
	c.Nodes[to].Do(fmt.Sprintf("CLUSTER SETSLOT %d IMPORTING %s", slot, c.id(from)))
	c.Nodes[from].Do(fmt.Sprintf("CLUSTER SETSLOT %d MIGRATING %s", slot, c.id(to)))
}

// MoveKey moves one key, all of it at once.
func (c *Cluster) MoveKey(key string, from, to int) {
	c.Nodes[from].Do(fmt.Sprintf("MIGRATE 127.0.0.1 %d %s 0 5000", c.Nodes[to].port, key))
}

// EndMove gives the slot to its new owner and waits until every node knows the
// owner's new epoch: what an elder message still claims counts for nothing then.
func (c *Cluster) EndMove(slot, to int) {
	id := c.id(to)
	c.Nodes[to].Do(fmt.Sprintf("CLUSTER SETSLOT %d NODE %s", slot, id))
	for i, s := range c.Nodes {
		if i != to {
			s.Do(fmt.Sprintf("CLUSTER SETSLOT %d NODE %s", slot, id))
		}
	}
	want := epoch(c.Nodes[to].Do("CLUSTER NODES"), id)
	for _, s := range c.Nodes {
		s.Await("CLUSTER NODES", func(reply string) bool { return epoch(reply, id) == want })
	}
}

// epoch finds a node's configuration epoch in a reply to CLUSTER NODES, which
// gives it in the seventh column.
func epoch(reply, id string) string {
	for line := range strings.Lines(reply) {
		if f := strings.Fields(line); len(f) > 6 && f[0] == id {
			return f[6]
		}
	}
	return ""
}

func (c *Cluster) id(node int) string {
	_, id, _ := strings.Cut(c.Nodes[node].Do("CLUSTER MYID"), "\r\n")
	return strings.TrimSpace(id)
}
