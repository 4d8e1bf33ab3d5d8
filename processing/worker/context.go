package worker

import (
	"context"
	"sync"
	"time"
)

// taskContext is a handler's context. It is a part of its task, and begins a
// timer only when somebody waits for its end: a handler that does not ask
// costs no allocation (context.WithDeadline: 5, and 0.4 µs).
type taskContext struct {
	pool     context.Context // whose values it has
	task     *task
	deadline time.Time

	mu    sync.Mutex    // guards all below
	done  chan struct{} // nil until somebody asks
	err   error
	timer *time.Timer
	after []*afterEnd
}

// afterEnd is a function to be called at the end.
type afterEnd struct {
	f     func() // nil: stopped, or called
	index int    // in after
}

var _ context.Context = (*taskContext)(nil)

// Deadline implements context.Context.
func (c *taskContext) Deadline() (time.Time, bool) { return c.deadline, true }

// Done implements context.Context.
func (c *taskContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	c.watchLocked()
	return c.done
}

// watchLocked begins the timer.
func (c *taskContext) watchLocked() {
	if c.err == nil && c.timer == nil {
		c.timer = time.AfterFunc(time.Until(c.deadline), func() { c.end(context.DeadlineExceeded) })
	}
}

// Err implements context.Context.
func (c *taskContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && !time.Now().Before(c.deadline) {
		c.endLocked(context.DeadlineExceeded)
	}
	return c.err
}

// Value implements context.Context.
func (c *taskContext) Value(key any) any {
	if _, ok := key.(taskKey); ok {
		return c.task
	}
	return c.pool.Value(key)
}

// AfterFunc has f called in a goroutine of its own at the end, unless stop is
// called sooner. Package context looks for this method, and saves a goroutine
// for each context made of this one.
func (c *taskContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	c.watchLocked()
	a := &afterEnd{f, len(c.after)}
	c.after = append(c.after, a)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if a.f == nil {
			return false
		}
		c.dropLocked(a)
		return true
	}
}

// dropLocked forgets a: a long task may make any number of contexts of this one.
func (c *taskContext) dropLocked(a *afterEnd) {
	last := len(c.after) - 1
	c.after[a.index] = c.after[last]
	c.after[a.index].index = a.index
	c.after[last] = nil
	c.after = c.after[:last]
	a.f = nil
}

// end ends the context for the first reason that comes.
func (c *taskContext) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked(err)
}

func (c *taskContext) endLocked(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	for _, a := range c.after {
		go a.f()
		a.f = nil
	}
	c.after = nil
}

type taskKey struct{}
