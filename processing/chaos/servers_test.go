package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// everysec keeps a log of which a crash may take the last moments.
var everysec = []string{"--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"}

// TestRedisKilled kills the server under load and starts it over its log. The
// producer offers again what it had receipts for in the last seconds.
func TestRedisKilled(t *testing.T) {
	redisKilled(t, "Redis killed, appendfsync everysec", false)
}

// TestRedisPower is the same, and the last of the log is gone: what everysec
// had not synced when the power failed. Finished tasks come again, and tasks
// that were taken are taken anew.
func TestRedisPower(t *testing.T) {
	s := redisKilled(t, "Redis killed, the last second of its log lost", true)
	if s.row.Renewed == 0 || s.row.Known == 0 {
		t.Errorf("%d tasks had been lost, %d came again: this shows nothing", s.row.Renewed, s.row.Known)
	}
}

func redisKilled(t *testing.T, name string, power bool) *scene {
	s := newScene(t, name)
	srv := redistest.Start(t, everysec...)
	s.open(srv.URL())
	s.newCrew(2, role{URL: srv.URL(), Takes: time.Millisecond})
	s.produce(endless, 1000)
	for i := range pick(2, 15) {
		s.reach(pick(1500, 6000) * (i + 1))
		s.crashServer(srv, power)
	}
	s.finish(promise{rewinds: true, endless: true}, client(t, srv))
	return s
}

// crashServer does that to a server, and lets the producer offer again what it
// had sent last.
func (s *scene) crashServer(srv *redistest.Server, power bool) {
	s.t.Helper()
	lost := s.crash(srv, power)
	if err := s.producer.repeat(s.t.Context(), lost); err != nil {
		s.t.Fatal(err)
	}
}

// crash kills a server, cuts from half a second to a second off its log if its
// power fails, too, and brings it back. It returns when it was lost.
func (s *scene) crash(srv *redistest.Server, power bool) (lost time.Time) {
	s.t.Helper()
	log := ""
	synced := int64(0)
	if power {
		log, synced = logOf(s.t, srv)
		wait(s.t, time.Second)
	}
	srv.Kill()
	lost = time.Now()
	s.fault("Redis killed", 1)
	if power {
		_, size := logOf(s.t, srv)
		keep := synced + rand.Int64N((size-synced)/2+1)
		if err := os.Truncate(log, keep); err != nil {
			s.t.Fatal(err)
		}
		s.fault("kB of its log lost", int((size-keep)/1000))
	}
	wait(s.t, 200*time.Millisecond)
	srv.Start()
	return lost
}

// logOf finds the append-only file that a server writes, and its length.
func logOf(t *testing.T, srv *redistest.Server) (path string, size int64) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(srv.Dir(), "appendonlydir", "*.incr.aof"))
	if err != nil || len(list) != 1 {
		t.Fatalf("append-only files: %v, %v", list, err)
	}
	info, err := os.Stat(list[0])
	if err != nil {
		t.Fatal(err)
	}
	return list[0], info.Size()
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
	s.produce(endless, 1000)
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
		lost := time.Now()
		s.fault("master killed", 1)
		eventually(t, "promotion", func() bool { return says(t, replica, "master", "ROLE") })
		replica.Do("CONFIG SET masterauth \"\"")
		if err := s.producer.repeat(t.Context(), lost); err != nil {
			t.Fatal(err)
		}
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
