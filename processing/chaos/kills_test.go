package chaos

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// client connects to a server for the audit.
func client(t *testing.T, srv *redistest.Server) *redis.Client {
	c := redis.NewClient(&redis.Options{Network: "unix", Addr: srv.Socket()})
	t.Cleanup(func() { c.Close() })
	return c
}

// TestWorkersKilled kills one worker after the other in the middle of their
// tasks, of which some fail at first, too.
func TestWorkersKilled(t *testing.T) {
	s := newScene(t, "workers killed")
	srv := redistest.Start(t)
	s.open(srv.URL())
	c := s.newCrew(3, role{URL: srv.URL(), Takes: time.Millisecond, FailOne: 50})
	n := pick(3000, 200_000)
	s.produce(n, 0)
	for i := range pick(4, 60) {
		s.reach(n * (i + 1) / pick(6, 75))
		c.crash(rand.IntN(3))
	}
	s.finish(promise{}, client(t, srv))
}

// TestWorkerGone measures how long the tasks of a killed worker wait for
// another: their lease and two seconds at most.
func TestWorkerGone(t *testing.T) {
	s := newScene(t, "a worker killed that held tasks, another one idle")
	srv := redistest.Start(t)
	s.open(srv.URL())
	const lease = 2 * time.Second
	doomed := s.newCrew(1, role{URL: srv.URL(), Workers: 4, Lease: lease, Takes: time.Hour})
	s.produce(12, 0) // four run, eight are fetched ahead or wait
	admin := client(t, srv)
	eventually(t, "four tasks that run", func() bool { return s.started() == 4 })
	doomed.hands[0].kill()
	s.fault("worker killed", 1)
	killed := time.Now()
	doomed.hands = nil
	s.newCrew(1, role{URL: srv.URL(), Workers: 4, Lease: lease})
	s.reach(12)
	if took := time.Since(killed); took > lease+2*time.Second+slack {
		t.Errorf("the tasks of a killed worker were done after %v, want %v", took, lease+2*time.Second)
	}
	s.finish(promise{}, admin)
}

// slack is what a busy machine may take to start a process.
const slack = 20 * time.Second
