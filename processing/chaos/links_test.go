package chaos

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// TestConnectionsCut closes all connections again and again, those of the
// producer and those of the workers.
func TestConnectionsCut(t *testing.T) {
	s := newScene(t, "connections cut")
	srv := redistest.Start(t)
	workers, producer := redistest.NewProxy(t, srv.Addr()), redistest.NewProxy(t, srv.Addr())
	s.open("redis://" + producer.Addr() + "/0")
	s.newCrew(2, role{URL: "redis://" + workers.Addr() + "/0", Takes: time.Millisecond})
	s.produce(endless, 2000)
	for range pick(6, 300) {
		wait(t, 50*time.Millisecond+rand.N(100*time.Millisecond))
		workers.Cut()
		producer.Cut()
	}
	s.fault("all connections cut", pick(6, 300))
	s.finish(promise{endless: true}, client(t, srv))
}

// TestRepliesLost loses replies at random after the server has done what it was
// asked: of enqueues, fetches, completions, renewals.
func TestRepliesLost(t *testing.T) {
	s := newScene(t, "replies lost after execution")
	srv := redistest.Start(t)
	workers, producer := redistest.NewProxy(t, srv.Addr()), redistest.NewProxy(t, srv.Addr())
	s.open("redis://" + producer.Addr() + "/0")
	workers.DropOneIn.Store(pick[int64](10, 20))
	producer.DropOneIn.Store(5)
	s.newCrew(2, role{URL: "redis://" + workers.Addr() + "/0", Takes: time.Millisecond})
	n := pick(2500, 200_000)
	s.produce(n, 3000)
	s.reach(n)
	s.fault("reply to a worker lost", int(workers.Dropped.Load()))
	s.fault("reply to the producer lost", int(producer.Dropped.Load()))
	workers.DropOneIn.Store(0)
	if producer.Dropped.Load() == 0 || workers.Dropped.Load() == 0 {
		t.Error("no reply was lost: this shows nothing")
	}
	s.finish(promise{}, client(t, srv))
	if s.producer.early != 0 {
		t.Errorf("%d tasks were said to be there before: a lost reply is answered like the first time", s.producer.early)
	}
}
