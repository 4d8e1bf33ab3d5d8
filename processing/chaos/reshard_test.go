//go:build chaos

package chaos

import (
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// moveKeys is how many keys go with one MIGRATE.
const moveKeys = 20

// TestClusterReshards moves the slots of shards from master to master under
// load: while a slot moves, keys that are there are served by the one, keys that
// are not by the other (ASK), and a call that needs both is refused (TRYAGAIN).
func TestClusterReshards(t *testing.T) {
	s := newScene(t, "Redis Cluster: the shards' slots move")
	s.shards = 4
	c := redistest.StartCluster(t, 3)
	url := "redis+cluster://" + strings.Join(c.Addrs(), ",")
	s.open(url)
	s.newCrew(2, role{URL: url, Takes: time.Millisecond})
	s.produce(endless, 1000)
	var nodes []*redis.Client
	for _, srv := range c.Nodes {
		nodes = append(nodes, client(t, srv))
	}
	for i := range pick(6, 60) {
		s.reach(s.progress() + 500)
		tag := "ttp:{" + string(rune('0'+i%s.shards)) + "}:queues"
		from, slot := c.Owner(tag)
		to := (from + 1 + rand.N(2)) % 3
		c.BeginMove(slot, from, to)
		s.moveAll(nodes[from], c.Nodes[to], slot)
		c.EndMove(slot, to)
		s.fault("slot moved", 1)
	}
	s.finish(promise{endless: true}, nodes...)
}

// moveAll moves the keys of a slot, some at a time, until there are no more.
func (s *scene) moveAll(from *redis.Client, to *redistest.Server, slot int) {
	s.t.Helper()
	host, port, err := net.SplitHostPort(to.Addr())
	if err != nil {
		s.t.Fatal(err)
	}
	for {
		keys, err := from.ClusterGetKeysInSlot(s.t.Context(), slot, moveKeys).Result()
		if err != nil {
			s.t.Fatal(err)
		}
		if len(keys) == 0 {
			return
		}
		args := []any{"MIGRATE", host, port, "", 0, 5000, "KEYS"}
		for _, k := range keys {
			args = append(args, k)
		}
		if err := from.Do(s.t.Context(), args...).Err(); err != nil {
			s.t.Fatalf("MIGRATE: %v", err)
		}
		s.fault("key moved", len(keys))
	}
}
