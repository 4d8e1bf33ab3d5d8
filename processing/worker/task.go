package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// task is a delivery from its fetch until Redis knows what came of it.
type task struct {
	d *queue.Delivery
	s *shard

	index int // in s.live; guarded by its mu

	ctx     taskContext // of its handler
	attempt attempt     // owned by the worker that runs it

	mu    sync.Mutex // guards all below
	begun time.Time  // zero: it waits
	ended bool       // its outcome is decided
	given bool       // it was given back: what the handler says counts for nothing
	hung  bool
	cause error // why its context was canceled
}

// Why a handler's context was canceled.
var (
	errLost     = errors.New("the lease was lost: another worker may run the task")
	errCanceled = errors.New("the task was canceled")
	errStopping = errors.New("the pool stops, and its grace is over")
)

// begin notes that the handler runs, and makes its context; false: the task was
// given back.
func (t *task) begin(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.given {
		return false
	}
	t.begun = now
	t.ctx.pool, t.ctx.task, t.ctx.deadline = t.s.p.work, t, now.Add(t.d.Timeout)
	if t.s.p.work.Err() != nil {
		t.cause = errStopping
		t.ctx.end(context.Canceled)
	}
	return true
}

// end notes that the outcome is decided; false: it counts for nothing any more.
func (t *task) end() (cause error, counts bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	return t.cause, !t.given
}

// stop ends a running handler's context, for the first cause that comes.
func (t *task) stop(cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || t.begun.IsZero() || t.cause != nil {
		return
	}
	t.cause = cause
	t.ctx.end(context.Canceled)
}

// give marks a task as given back unless it has ended.
func (t *task) give() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || t.given {
		return false
	}
	t.given = true
	return true
}

// open reports whether the outcome is not decided yet.
func (t *task) open() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.ended && !t.given
}

// waits reports whether it was not begun.
func (t *task) waits() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.begun.IsZero()
}

// overdue reports whether the handler should have returned long ago, and
// whether that is new.
func (t *task) overdue(now time.Time, grace time.Duration) (hung, fresh bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.begun.IsZero() || t.ended || now.Sub(t.begun) <= t.d.Timeout+grace {
		return false, false
	}
	fresh = !t.hung
	t.hung = true
	return true, fresh
}

// errNoTask: Progress was called with a context that is not a handler's.
var errNoTask = errors.New("progress: the context is not that of a handler")

// Progress notes how far a task is, for those who Inspect it; done is from 0 to
// 1. It does nothing for a task that keeps no state. An error tells that it was
// not noted, which is no reason to stop.
func Progress(ctx context.Context, done float64, note string) error {
	t, ok := ctx.Value(taskKey{}).(*task)
	if !ok {
		return errNoTask
	}
	return t.s.p.q.Progress(ctx, t.d, done, note)
}
