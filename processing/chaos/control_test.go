package chaos

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// TestControl leaves out what the other scenarios rely on: the producer offers
// nothing again, and the handler has no ledger. Then a server that loses the end of its
// log must cost tasks, and effects must be there twice; otherwise the audit could
// not see either.
func TestControl(t *testing.T) {
	s := newScene(t, "control: no ledger, nothing offered again")
	srv := redistest.Start(t, everysec...)
	s.open(srv.URL())
	// Slower than the producer, so that tasks wait.
	c := s.newCrew(2, role{URL: srv.URL(), Bare: true, Workers: 5, Takes: 40 * time.Millisecond})
	s.produce(endless, 300)
	s.reach(200)
	s.crash(srv, true)
	s.producer.enough.Store(true)
	s.produced()
	s.settle([]*redis.Client{client(t, srv)})
	c.stop()
	all, distinct := s.effects()
	if lost, twice := s.producer.n-distinct, all-distinct; lost == 0 || twice == 0 {
		t.Errorf("%d tasks lost, %d effects twice: want some of both", lost, twice)
	}
}
