package chaos

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/telhub/telhub/processing/queue"
)

// scene is what all scenarios have in common. The test's goroutine owns it.
type scene struct {
	t        *testing.T
	name     string
	dir      string
	begin    time.Time
	database string
	pool     *pgxpool.Pool
	shards   int

	q        *queue.Queue
	producer *producer
	crews    []*crew
	row      row
}

// newScene begins a scenario with a table of effects in a PostgreSQL of its own.
// Brief ones, which mostly wait, run two at a time.
func newScene(t *testing.T, name string) *scene {
	t.Helper()
	if !full {
		t.Parallel()
	}
	s := &scene{t: t, name: name, dir: t.TempDir(), begin: time.Now(), shards: 1}
	s.row.Scenario = name
	s.database, s.pool = newDatabase(t)
	if _, err := s.pool.Exec(t.Context(), "CREATE TABLE effects (scene text NOT NULL, task text NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	return s
}

// open connects the producer.
func (s *scene) open(url string) {
	s.t.Helper()
	q, err := queue.Open(s.t.Context(), queue.Options{URL: url, Shards: s.shards, Retry: 30 * time.Second})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { q.Close() })
	s.q = q
}

// fault notes what was done to the system.
func (s *scene) fault(kind string, n int) { s.row.fault(kind, n) }

// effects counts the rows, all and different ones.
func (s *scene) effects() (all, distinct int) {
	s.t.Helper()
	err := s.pool.QueryRow(s.t.Context(), "SELECT count(*), count(DISTINCT task) FROM effects WHERE scene = $1", s.name).Scan(&all, &distinct)
	if err != nil {
		s.t.Fatal(err)
	}
	return all, distinct
}

// progress is how many rows there are: cheap enough to be asked often.
func (s *scene) progress() (n int) {
	s.t.Helper()
	if err := s.pool.QueryRow(s.t.Context(), "SELECT count(*) FROM effects WHERE scene = $1", s.name).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// reach waits until n tasks have taken effect, as long as it goes on.
func (s *scene) reach(n int) {
	s.t.Helper()
	last, since := -1, time.Now()
	for {
		now := s.progress()
		if now >= n {
			return
		}
		if now > last {
			last, since = now, time.Now()
		}
		if time.Since(since) > patience {
			s.t.Fatalf("%d of %d tasks have taken effect, and no more in %v\n%s", now, n, patience, s.complaints())
		}
		wait(s.t, 50*time.Millisecond)
	}
}

// complaints is what workers that have ended had to say.
func (s *scene) complaints() (text string) {
	for _, c := range s.crews {
		for i, h := range c.all {
			select {
			case <-h.ended:
				if !h.killed {
					text += fmt.Sprintf("worker %d: %v: %s\n", i, h.err, &h.stderr)
				}
			default:
			}
		}
	}
	return text
}

// produced waits until the producer has its receipts for all tasks.
func (s *scene) produced() {
	s.t.Helper()
	p := s.producer
	for last, since := int64(-1), time.Now(); ; {
		select {
		case <-p.done:
			if p.err != nil {
				s.t.Fatalf("producer: %v", p.err)
			}
			return
		case <-time.After(100 * time.Millisecond):
		}
		if now := p.taken.Load(); now > last {
			last, since = now, time.Now()
		}
		if time.Since(since) > patience {
			s.t.Fatalf("producer: %d tasks taken, and no more in %v", last, patience)
		}
	}
}

// started is how many times handlers have begun so far.
func (s *scene) started() int {
	s.t.Helper()
	return s.tally().started
}
