//go:build chaos

package chaos

import (
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// TestSchedulers lets three processes fire a recurring task each second, and
// kills them one by one: each second has exactly one firing.
func TestSchedulers(t *testing.T) {
	s := newScene(t, "three schedulers, killed by turns")
	srv := redistest.Start(t)
	s.open(srv.URL())
	c := s.newCrew(3, role{URL: srv.URL(), Lease: time.Second})
	err := s.q.Schedule(t.Context(), queue.Recurring{
		Name: "tick", Every: time.Second, Misfire: queue.FireAll,
		Task: queue.Task{Type: taskType, Payload: []byte("1")},
	})
	if err != nil {
		t.Fatal(err)
	}
	seconds := pick(10, 120)
	for i := range pick(4, 60) {
		s.reach(seconds * (i + 1) / pick(6, 70))
		c.crash(i % 3)
	}
	s.reach(seconds)
	if err := s.q.Unschedule(t.Context(), "tick"); err != nil {
		t.Fatal(err)
	}
	fired := s.firings()
	s.producer = doneProducer(len(fired))
	s.finish(promise{}, client(t, srv))
	for i := 1; i < len(fired); i++ {
		if fired[i]-fired[i-1] != 1000 {
			t.Errorf("the firing after %d ms is of %d ms, want a second later", fired[i-1], fired[i])
		}
	}
}

// doneProducer stands for tasks that somebody else has enqueued.
func doneProducer(n int) *producer {
	p := &producer{n: n, done: make(chan struct{})}
	close(p.done)
	return p
}

// firings returns the moments that the tasks' IDs name, in order, when nothing
// fires any more.
func (s *scene) firings() (ms []int64) {
	s.t.Helper()
	for before := -1; ; wait(s.t, 2*time.Second) { // longer than a task may take
		if now := s.progress(); now == before {
			break
		} else {
			before = now
		}
	}
	rows, err := s.pool.Query(s.t.Context(), "SELECT DISTINCT task FROM effects WHERE scene = $1 ORDER BY task", s.name)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			s.t.Fatal(err)
		}
		_, at, ok := strings.Cut(id, "@")
		due, err := time.Parse(time.RFC3339Nano, at)
		if !ok || err != nil {
			s.t.Fatalf("a firing has the ID %q, want name@time", id)
		}
		ms = append(ms, due.UnixMilli())
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return ms
}
