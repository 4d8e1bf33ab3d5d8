package worker

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// Options configure a Pool. Zero values are filled in.
type Options struct {
	Workers  int      // how many tasks run at once; default 4
	Reserved int      // how many more run if they are critical; default 1, negative: none
	Queues   []string // default: "default"
	Name     string   // part of the consumer's name, for people
	// Lease is how long a task is this pool's without a renewal, hence how long
	// it lasts until another takes over what a dead one held; default 5 s.
	Lease time.Duration
	// Grace is how long handlers may go on: after the pool is told to stop, and
	// after a task's timeout, before the task is given up as hung; default 10 s.
	Grace time.Duration
	// Backoff tells how long a task waits after so many attempts failed, from
	// 1; nil: FullJitter.
	Backoff func(attempt int) time.Duration
	// Observer hears what happens; nil: nobody.
	Observer Observer
	// Log gets panics, lost leases and trouble with Redis; nil: slog.Default.
	Log *slog.Logger
}

// Defaults and bounds.
const (
	DefaultWorkers  = 4
	DefaultReserved = 1
	DefaultLease    = 5 * time.Second
	DefaultGrace    = 10 * time.Second
	maxWorkers      = 10_000
	maxGrace        = time.Hour
)

func (o *Options) fill() {
	if o.Workers == 0 {
		o.Workers = DefaultWorkers
	}
	if o.Reserved == 0 {
		o.Reserved = DefaultReserved
	}
	o.Reserved = max(o.Reserved, 0)
	if o.Lease == 0 {
		o.Lease = DefaultLease
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	if o.Backoff == nil {
		o.Backoff = FullJitter
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
}

func (o *Options) check(q queue.Options) error {
	var errs []error
	if q.Conns <= q.Shards && q.Shards > 1 {
		errs = append(errs, fmt.Errorf("%w: Conns = %d of the queue: a pool keeps a connection busy for each of %d shards; allow %d",
			queue.ErrInvalid, q.Conns, q.Shards, 2*q.Shards+16))
	}
	if o.Workers < 1 || o.Workers > maxWorkers {
		errs = append(errs, fmt.Errorf("%w: Workers = %d: must be from 1 to %d", queue.ErrInvalid, o.Workers, maxWorkers))
	}
	if o.Reserved > maxWorkers {
		errs = append(errs, fmt.Errorf("%w: Reserved = %d: must be at most %d", queue.ErrInvalid, o.Reserved, maxWorkers))
	}
	if o.Grace < 0 || o.Grace > maxGrace {
		errs = append(errs, fmt.Errorf("%w: Grace = %v: must be from 0 to %v", queue.ErrInvalid, o.Grace, maxGrace))
	}
	return errors.Join(errs...)
}

const (
	backoffBase = time.Second
	backoffCap  = 10 * time.Minute
)

// FullJitter waits a random time between nothing and 1 s · 2^(attempt-1), 10
// minutes at most.
func FullJitter(attempt int) time.Duration {
	most := backoffCap
	if n := max(attempt, 1) - 1; n < 10 { // 2^10 s are more than the cap
		most = min(most, backoffBase<<n)
	}
	return rand.N(most) + 1
}
