package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Backlog is a run of critical tasks at a fixed rate while workers are busy
// with a backlog of bulk ones.
type Backlog struct {
	Bulk     int     `json:"bulk"`     // queued before
	Left     int     `json:"left"`     // not executed yet when the last critical task was sent
	Rate     float64 `json:"rate"`     // of critical tasks
	Critical Latency `json:"critical"` // wait
	// BulkPerSecond is how fast the backlog went meanwhile.
	BulkPerSecond float64 `json:"bulk_per_second"`
	Audit         Audit   `json:"audit"`
}

// backlog queues bulk tasks, starts the workers, and sends critical ones for d.
func (p place) backlog(ctx context.Context, c Contender, k Case, rate float64, d time.Duration) (b Backlog, err error) {
	critical := max(int(rate*d.Seconds()), 1)
	n := k.Tasks + critical
	s, err := p.begin(ctx, c, k.AOF, n, OpenOptions{Classes: true})
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.produce(ctx, 0, k.Tasks, k.Payload, func(_ int, j *Job) { j.Bulk = true }); err != nil {
		return b, err
	}
	stop, err := s.sys.Work(ctx, k.Workers, s.ledger.handler(k.Handler))
	if err != nil {
		return b, err
	}
	start := time.Now()
	err = s.open(ctx, k.Tasks, n, k.Payload, pace{start, rate}, func(j *Job) { j.Critical = true })
	took, left := time.Since(start), int(s.ledger.left.Load())
	if err == nil {
		err = s.await(ctx)
	}
	if err = errors.Join(err, stop()); err != nil {
		return b, err
	}
	return Backlog{
		Bulk: k.Tasks, Left: left, Rate: rate, Critical: s.ledger.Waits(k.Tasks, n),
		BulkPerSecond: quotient(float64(n-left-critical), took.Seconds()), Audit: s.ledger.Audit(),
	}, nil
}

// Late is a run of scheduled tasks.
type Late struct {
	Lateness Latency `json:"lateness"` // from a task's due moment to its start
	Early    int     `json:"early"`    // started before it was due
	Audit    Audit   `json:"audit"`
}

// earliest is how soon after it is queued a scheduled task is due.
const earliest = 2 * time.Second

// late schedules tasks for moments spread over d by chance.
func (p place) late(ctx context.Context, c Contender, k Case, d time.Duration) (x Late, err error) {
	s, err := p.begin(ctx, c, k.AOF, k.Tasks, OpenOptions{})
	if err != nil {
		return x, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	stop, err := s.sys.Work(ctx, k.Workers, s.ledger.handler(k.Handler))
	if err != nil {
		return x, err
	}
	from := time.Now().Add(earliest)
	err = s.produce(ctx, 0, k.Tasks, k.Payload, func(n int, j *Job) {
		// Milliseconds, as Redis' clock is kept; asynq has seconds, and rounds down.
		j.Due = from.Add(time.Duration(rand.Int64N(d.Milliseconds())) * time.Millisecond).Truncate(time.Millisecond)
		PutHead(j.Payload, n, j.Due)
	})
	if err == nil {
		err = s.await(ctx)
	}
	if err = errors.Join(err, stop()); err != nil {
		return x, err
	}
	for i := range s.ledger.wait {
		if s.ledger.wait[i].Load() < 0 {
			x.Early++
		}
	}
	x.Lateness, x.Audit = s.ledger.Waits(0, k.Tasks), s.ledger.Audit()
	return x, nil
}
