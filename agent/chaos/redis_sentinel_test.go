//go:build chaos

package chaos

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// TestFailover has Sentinel promote the replica under load, five times in turn:
// the old master comes back as the new one's replica, and is the next to be
// promoted.
func TestFailover(t *testing.T) {
	t.Run("complete replica", func(t *testing.T) {
		failover(t, "Sentinel promotes the replica, durability replica", false, "auto", keepsAll)
	})
	t.Run("stale replica", func(t *testing.T) {
		failover(t, "Sentinel promotes a replica that had been cut off, durability replica", true, "auto", keepsAll)
	})
	t.Run("stale replica, memory", func(t *testing.T) {
		failover(t, "Sentinel promotes a replica that had been cut off, durability memory", true, "memory", declares)
	})
}

func failover(t *testing.T, name string, stale bool, durability string, want promise) {
	b := newBench(t, name)
	x := redistest.StartSentinels(t, "--appendonly", "yes", "--appendfsync", "everysec")
	url := fmt.Sprintf("redis+sentinel://%s/0?master=%s", x.Sentinel.Addr(), redistest.MasterName)
	b.feed(2, 250)
	b.agent(url, fmt.Sprintf("redis.durability = %q", durability))
	b.node.start()
	b.talk()
	missed, level := int64(0), "replica"
	if durability == "memory" {
		level = durability
	}
	var failures []time.Time
	master, replica := x.Master, x.Replica
	for range pick(2, 5) {
		b.node.connected()
		b.node.forwards(2000)
		wait(t, time.Second)
		// A replica that comes while the agent is connected is found within a minute.
		eventually(t, "level "+level, func() bool { return b.node.status().Uplink.Durability == level })
		if stale {
			missed += partition(t, b, master, replica)
		}
		master.Kill()
		failures = append(failures, time.Now())
		b.fault("master killed", 1)
		eventually(t, "promotion", func() bool { return says(t, replica, "master", "ROLE") })
		b.fault("failover", 1)
		replica.Do("CONFIG SET masterauth \"\"")
		b.node.forwards(500)
		master.Start()
		eventually(t, "replica", func() bool { return says(t, replica, "state=online", "INFO", "replication") })
		master, replica = replica, master
	}
	if stale && missed == 0 {
		t.Error("the replica has missed nothing: this shows nothing")
	}
	if stale {
		b.fault("kB accepted that the new master never had", int(missed/1000))
	}
	b.undated = want == declares // what is released has no stamp here any more
	b.finish()
	b.wantPromise(want, failures)
}

// says reports whether a server's reply has a text in it. A server that is
// promoted closes its connections, and one that is loading answers nothing.
func says(t *testing.T, srv *redistest.Server, text string, command ...any) bool {
	t.Helper()
	c := goredis.NewClient(&goredis.Options{Network: "unix", Addr: srv.Socket(), MaxRetries: -1})
	defer c.Close()
	reply, err := c.Do(t.Context(), command...).Result()
	return err == nil && strings.Contains(fmt.Sprint(reply), text)
}

// partition cuts the replica off while the master takes on what the agent
// sends, and returns how many bytes of commands the replica has missed. Sentinel
// still thinks it good enough to be promoted.
func partition(t *testing.T, b *bench, master, replica *redistest.Server) int64 {
	t.Helper()
	replica.Do("CONFIG SET masterauth nobody-has-this") // the master refuses it from now on
	before := offset(t, master)
	master.Do("CLIENT KILL TYPE replica")
	b.fault("replica cut off from its master", 1)
	wait(t, time.Second+rand.N(2*time.Second))
	master.Await("INFO replication", func(reply string) bool { return strings.Contains(reply, "connected_slaves:0") })
	return offset(t, master) - before
}

// offset is how far a master's stream of commands has come.
func offset(t *testing.T, master *redistest.Server) (n int64) {
	t.Helper()
	reply := master.Do("INFO replication")
	_, rest, _ := strings.Cut(reply, "master_repl_offset:")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatalf("INFO replication: %v: %q", err, reply)
	}
	return n
}
