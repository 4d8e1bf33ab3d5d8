package chaos

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// promise is what else a scenario has to keep.
type promise struct {
	// quiet: no task is executed more than once.
	quiet bool
	// rewinds: a server came back without its last moments, so that the queue may
	// have forgotten an attempt, or that a task was done.
	rewinds bool
	// endless: the producer goes on until now.
	endless bool
}

// tally is what the workers have written down.
type tally struct {
	started, effects, known, failed int
	tasks                           map[string]uint64 // by ID: which attempts there were, a bit each
	unaware                         int               // executions of an attempt that there was before
	open                            int               // begun, and no word of the end
	openAlive                       int               // of those: of workers that nobody has killed
}

// finish waits until all is done, stops everything and judges.
func (s *scene) finish(p promise, servers ...*redis.Client) {
	s.t.Helper()
	s.producer.enough.Store(p.endless)
	s.produced()
	s.row.Tasks = s.producer.n
	if err := s.producer.close(s.t.Context()); err != nil {
		s.t.Error(err)
	}
	s.reach(s.producer.n)
	s.settle(servers)
	for _, c := range s.crews {
		c.stop()
	}
	s.empty(servers)
	s.judge(p)
	if !s.t.Failed() {
		s.row.Audit = "exact"
	}
	s.row.close(s)
	table.add(s.row)
}

// settle waits until nothing is pending any more: an effect can be there
// before its task is finished in Redis, and again when a server rewinds.
func (s *scene) settle(servers []*redis.Client) {
	s.t.Helper()
	eventually(s.t, "an empty queue", func() bool {
		left, err := leftovers(s.t.Context(), servers)
		return err == nil && len(left) == 0
	})
}

// empty demands that nothing waits, is delayed, pending or dead.
func (s *scene) empty(servers []*redis.Client) {
	s.t.Helper()
	left, err := leftovers(s.t.Context(), servers)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, x := range left {
		s.t.Errorf("left in the queue: %s", x)
	}
}

// leftovers lists what streams and sets of delayed tasks still hold, read
// without the queue's own code.
func leftovers(ctx context.Context, servers []*redis.Client) (left []string, err error) {
	for _, c := range servers {
		for _, kind := range []string{"stream", "zset"} {
			it := c.ScanType(ctx, 0, "ttp:*", 1000, kind).Iterator()
			for it.Next(ctx) {
				var n int64
				if kind == "stream" {
					n, err = c.XLen(ctx, it.Val()).Result()
				} else {
					n, err = c.ZCard(ctx, it.Val()).Result()
				}
				if err != nil {
					return left, err
				}
				if n > 0 {
					left = append(left, fmt.Sprintf("%d in %s", n, it.Val()))
				}
			}
			if err := it.Err(); err != nil {
				return left, err
			}
		}
	}
	return left, nil
}

// judge compares what was enqueued, what was executed and what took effect.
func (s *scene) judge(p promise) {
	s.t.Helper()
	all, distinct := s.effects()
	r, n := &s.row, s.producer.n
	r.Lost, r.Twice = n-distinct, all-distinct
	if r.Lost != 0 || r.Twice != 0 {
		s.t.Errorf("%d tasks lost, %d effects too many, of %d tasks", r.Lost, r.Twice, n)
	}
	y := s.tally()
	r.Executed, r.Again, r.Known, r.Failed, r.Open = y.started, y.started-len(y.tasks), y.known, y.failed, y.open
	if len(y.tasks) != n {
		s.t.Errorf("workers have seen %d tasks, want %d", len(y.tasks), n)
	}
	if y.started != y.effects+y.known+y.failed+y.open {
		s.t.Errorf("%d executions, but %d effects, %d known, %d failed, %d without an end", y.started, y.effects, y.known, y.failed, y.open)
	}
	// An effect whose worker died before it wrote that down is one of the open.
	if missing := n - y.effects; missing < 0 || missing > y.open {
		s.t.Errorf("%d effects were written down for %d tasks, and %d executions have no end", y.effects, n, y.open)
	}
	if y.openAlive > 0 {
		s.t.Errorf("%d executions of workers that nobody killed have no end", y.openAlive)
	}
	if r.Unaware = y.unaware; !p.rewinds && r.Unaware > 0 {
		s.t.Errorf("%d executions had the number of an attempt that there had been before", r.Unaware)
	}
	if p.quiet && r.Again > 0 {
		s.t.Errorf("%d executions too many", r.Again)
	}
	if k := s.producer.keeper; k != nil {
		stats := k.Stats()
		r.Offered, r.Renewed = int(stats.Offered), int(stats.Renewed)
	}
}

// tally reads the workers' logs.
func (s *scene) tally() *tally {
	s.t.Helper()
	y := &tally{tasks: make(map[string]uint64)}
	for _, c := range s.crews {
		for _, h := range c.all {
			if err := y.read(h); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return y
}

func (y *tally) read(h *hand) error {
	f, err := os.Open(h.role.Log)
	if os.IsNotExist(err) {
		return nil // it has not begun, or was killed before it could
	}
	if err != nil {
		return err
	}
	defer f.Close()
	open := 0
	for sc := bufio.NewScanner(f); sc.Scan(); {
		what, rest, _ := strings.Cut(sc.Text(), " ")
		id, attempt, ok := strings.Cut(rest, " ")
		n, err := strconv.Atoi(attempt)
		i := strings.Index("sdke", what)
		if !ok || err != nil || i < 0 || len(what) != 1 {
			return fmt.Errorf("%s: %q", h.role.Log, sc.Text())
		}
		if i == 0 {
			y.started++
			open++
			bit := uint64(1) << (n & 63)
			if y.tasks[id]&bit != 0 {
				y.unaware++
			}
			y.tasks[id] |= bit
			continue
		}
		open--
		*[]*int{1: &y.effects, 2: &y.known, 3: &y.failed}[i]++
	}
	y.open += open
	if !h.killed {
		y.openAlive += open
	}
	return nil
}
