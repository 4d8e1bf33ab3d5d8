//go:build chaos

package chaos

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// TestRedisKilled is TestRedisPower with the whole log.
func TestRedisKilled(t *testing.T) {
	redisKilled(t, "Redis killed, appendfsync everysec", false)
}

// TestReplicaPromoted has Sentinel promote the replica after the master was
// killed; it had been cut off before in the first round and every second after it, so that what was taken
// meanwhile is gone.
func TestReplicaPromoted(t *testing.T) {
	s := newScene(t, "replica promoted by Sentinel")
	x := redistest.StartSentinels(t, everysec...)
	url := fmt.Sprintf("redis+sentinel://%s/0?master=%s", x.Sentinel.Addr(), redistest.MasterName)
	s.open(url)
	s.newCrew(2, role{URL: url, Takes: time.Millisecond})
	s.produceAndKeep(endless, 1000)
	master, replica := x.Master, x.Replica
	rounds := pick(1, 10)
	for i := range rounds {
		s.reach(s.progress() + 1000)
		eventually(t, "a replica", func() bool { return says(t, replica, "master_link_status:up", "INFO", "replication") })
		if i%2 == 0 {
			replica.Do("CONFIG SET masterauth nobody-has-this") // the master refuses it from now on
			master.Do("CLIENT KILL TYPE replica")
			s.fault("replica cut off from its master", 1)
			wait(t, time.Second)
		}
		master.Kill()
		s.fault("master killed", 1)
		eventually(t, "promotion", func() bool { return says(t, replica, "master", "ROLE") })
		replica.Do("CONFIG SET masterauth \"\"")
		if i == rounds-1 {
			break
		}
		master.Start()
		eventually(t, "the old master as a replica", func() bool { return says(t, replica, "state=online", "INFO", "replication") })
		master, replica = replica, master
	}
	s.finish(promise{rewinds: true, endless: true}, client(t, replica))
	if s.row.Renewed == 0 {
		t.Error("no server had lost anything: this shows nothing")
	}
}

// says reports whether a server's reply has a text in it. A server that is
// promoted closes its connections, and one that is loading answers nothing.
func says(t *testing.T, srv *redistest.Server, text string, command ...any) bool {
	t.Helper()
	c := redis.NewClient(&redis.Options{Network: "unix", Addr: srv.Socket(), MaxRetries: -1})
	defer c.Close()
	reply, err := c.Do(t.Context(), command...).Result()
	return err == nil && strings.Contains(fmt.Sprint(reply), text)
}
