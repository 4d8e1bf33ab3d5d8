package queue

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// All of the client side over a real cluster, with a slot that moves away
// while calls are made.
func TestCluster(t *testing.T) {
	c := redistest.StartCluster(t, 3)
	awaitEpochs(c)
	q := connect(t, "redis+cluster://"+c.Addrs()[0], Options{Shards: 8, Retry: 30 * time.Second})
	ctx := t.Context()
	var ids []string
	enqueue := func(n int) {
		for range n {
			for _, r := range q.mustEnqueue(t, &Task{Type: "t"}, &Task{ID: fmt.Sprint("mine", len(ids)), Type: "t"}) {
				ids = append(ids, r.ID)
			}
		}
	}
	enqueue(40)
	where := make(map[int]bool)
	for shard := range 8 {
		node, _ := c.Owner(q.keys.of(shard, DefaultQueue).stream[Normal])
		where[node] = true
	}
	if len(where) < 2 {
		t.Fatalf("all shards lie on one node: nothing is tested")
	}

	from, slot := c.Owner(q.keys.of(0, DefaultQueue).stream[Normal])
	to := (from + 1) % 3
	c.BeginMove(slot, from, to)
	keys := []string{}
	for _, pattern := range []string{"default:normal", "queues"} {
		keys = append(keys, q.keys.shards[0].base+pattern)
	}
	for _, key := range keys {
		c.MoveKey(key, from, to)
	}
	done := make(chan struct{})
	go func() { // calls in the moving slot get TRYAGAIN until it has moved
		defer close(done)
		enqueue(40)
	}()
	for q.Repeats() == 0 {
		select {
		case <-done:
			t.Error("no call met the moving slot")
			return
		case <-time.After(time.Millisecond):
		}
	}
	for i := 0; ; i++ { // all that is left moves, lanes and receipts that come meanwhile too
		left := c.Nodes[from].Do(fmt.Sprintf("CLUSTER GETKEYSINSLOT %d 1", slot))
		var n, length int
		var key string
		if fmt.Sscanf(left, "*%d\r\n$%d\r\n%s", &n, &length, &key); n == 0 {
			break
		}
		c.MoveKey(key, from, to)
	}
	c.EndMove(slot, to)
	<-done

	got := q.all(t, DefaultQueue)
	for _, id := range ids {
		if _, found := got[id]; !found {
			t.Errorf("task %s is missing", id)
		}
	}
	if len(got) != len(ids) {
		t.Errorf("got %d tasks, want %d", len(got), len(ids))
	}
	s, err := q.Stats(ctx)
	if err != nil || len(s.Queues) != 1 || s.Queues[0].Waiting() != int64(len(ids)) {
		t.Errorf("stats: %+v, %v", s, err)
	}
	if err := q.Pause(ctx, ""); err != nil {
		t.Error(err)
	}
	if err := q.Limit(ctx, "", 100, 0); err != nil {
		t.Error(err)
	}
	if err := q.Schedule(ctx, Recurring{Name: "r", Every: time.Hour, Task: Task{Type: "t"}}); err != nil {
		t.Error(err)
	}
	for shard := range 8 {
		if _, _, err := q.Promote(ctx, shard); err != nil {
			t.Error(err)
		}
		if _, _, err := q.Tick(ctx, shard); err != nil {
			t.Error(err)
		}
	}
	if info, err := q.Inspect(ctx, ids[3]); err != nil || info.State != StateWaiting {
		t.Errorf("inspect: %+v, %v", info, err)
	}
	if _, err := q.Cancel(ctx, ids[0]); err != nil {
		t.Error(err)
	}
	if _, _, err := q.DeadLetters(ctx, Filter{}, Page{}); err != nil {
		t.Error(err)
	}
}

// awaitEpochs waits until each node's configuration has an epoch of its own, and
// all know it. Nodes begin with the same, and settle that when they hear of each
// other, each at most a second after it says that the cluster is in order: a
// source whose epoch grew in the middle of a move would take the slot back.
func awaitEpochs(c *redistest.Cluster) {
	var all []map[string]string
	for i := 0; i < len(c.Nodes); i++ {
		c.Nodes[i].Await("CLUSTER NODES", func(reply string) bool {
			epochs, seen := make(map[string]string), make(map[string]bool)
			for line := range strings.Lines(reply) {
				if f := strings.Fields(line); len(f) > 6 {
					epochs[f[0]], seen[f[6]] = f[6], true
				}
			}
			if len(seen) != len(c.Nodes) {
				return false
			}
			all = append(all, epochs)
			return true
		})
		if !maps.Equal(all[i], all[0]) {
			all, i = nil, -1
		}
	}
}
