package chaos

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// everysec keeps a log of which a crash may take the last moments.
var everysec = []string{"--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"}

// TestRedisPower kills the server under load and starts it over its log, of which
// the last is gone: what everysec had not synced when the power failed. Finished
// tasks come again, and tasks that were taken are taken anew: the producer offers
// again what it had receipts for in the last seconds.
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
	s.produceAndKeep(endless, 1000)
	for i := range pick(2, 15) {
		s.reach(pick(1000, 6000) * (i + 1))
		s.crash(srv, power)
	}
	s.finish(promise{rewinds: true, endless: true}, client(t, srv))
	return s
}

// crash kills a server, cuts from half a second to a second off its log if its
// power fails, too, and brings it back.
func (s *scene) crash(srv *redistest.Server, power bool) {
	s.t.Helper()
	log := ""
	synced := int64(0)
	if power {
		log, synced = logOf(s.t, srv)
		wait(s.t, time.Second)
	}
	srv.Kill()
	s.fault("Redis killed", 1)
	if power {
		_, size := logOf(s.t, srv)
		keep := synced + rand.Int64N((size-synced)/2+1)
		if err := os.Truncate(log, keep); err != nil {
			s.t.Fatal(err)
		}
		srv.MendLog(srv.Dir())
		s.fault("kB of its log lost", int((size-keep)/1000))
	}
	wait(s.t, 200*time.Millisecond)
	srv.Start()
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
