//go:build chaos

package chaos

import (
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// TestWorkersStopped stops workers in order, all through the load, and starts
// others: nothing is executed twice, nothing waits for a lease.
func TestWorkersStopped(t *testing.T) {
	s := newScene(t, "workers stopped and started")
	srv := redistest.Start(t)
	s.open(srv.URL())
	const lease = time.Minute // whatever waited for it would be noticed
	c := s.newCrew(2, role{URL: srv.URL(), Lease: lease, Takes: 2 * time.Millisecond})
	n := pick(4000, 100_000)
	s.produce(n, 0)
	for i := range pick(4, 40) {
		s.reach(n * (i + 1) / pick(6, 50))
		at := i % 2
		c.hands[at].stop()
		s.fault("worker stopped", 1)
		c.hands[at] = c.hire()
	}
	s.reach(n)
	if took := time.Since(s.begin); took > lease {
		t.Logf("took %v: whether something waited for its lease cannot be told", took)
	}
	s.finish(promise{quiet: true}, client(t, srv))
}
