package chaos

import (
	"math/rand/v2"
	"testing"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// TestEffectsOnce is everything at once: a million tasks, each of which writes
// to PostgreSQL in one transaction with its ID, while workers are killed,
// connections cut, replies lost, and Redis is killed with the last
// second of its log, too.
func TestEffectsOnce(t *testing.T) {
	s := newScene(t, "all of it: workers and Redis killed, connections cut, replies lost")
	srv := redistest.Start(t, everysec...)
	workers, producer := redistest.NewProxy(t, srv.Addr()), redistest.NewProxy(t, srv.Addr())
	s.open("redis://" + producer.Addr() + "/0")
	workers.DropOneIn.Store(pick[int64](200, 1000))
	producer.DropOneIn.Store(pick[int64](20, 100))
	c := s.newCrew(3, role{URL: "redis://" + workers.Addr() + "/0", FailOne: 1000})
	n := pick(6000, 1_000_000)
	s.produceAndKeep(n, 0)
	faults := pick(3, 60)
	for i := range faults {
		s.reach(n * (i + 1) / (faults + 4))
		switch i % 3 {
		case 0:
			c.crash(rand.IntN(3))
		case 1:
			workers.Cut()
			producer.Cut()
			s.fault("all connections cut", 1)
		case 2:
			s.crash(srv, true)
		}
	}
	s.reach(n)
	s.fault("reply lost", int(workers.Dropped.Load()+producer.Dropped.Load()))
	workers.DropOneIn.Store(0)
	producer.DropOneIn.Store(0)
	s.finish(promise{rewinds: true}, client(t, srv))
}
