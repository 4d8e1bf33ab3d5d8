package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// Handler runs a task. The delivery and its payload are the handler's until it
// returns. result is kept if the task asks for that. An error is an attempt
// that failed, unless it is or wraps Skip, or is made by Fatal or RetryAfter. ctx
// ends at the task's timeout, when the task is canceled, when its lease is lost,
// and when the pool was told to stop and its grace is over.
type Handler func(ctx context.Context, t *queue.Delivery) (result []byte, err error)

// Middleware wraps handlers.
type Middleware func(Handler) Handler

// Skip is returned by a handler that finds nothing to do: the task is done.
//
//lint:ignore ST1012 a handler reads better that returns worker.Skip, as filepath.SkipDir is returned
var Skip = errors.New("skip")

// fatalError and laterError are what Fatal and RetryAfter make.
type (
	fatalError struct{ error }
	laterError struct {
		error
		after time.Duration
	}
)

func (e fatalError) Unwrap() error { return e.error }
func (e laterError) Unwrap() error { return e.error }

// Fatal marks an error that no further attempt can mend: the task becomes a
// dead letter at once. It returns nil for nil.
func Fatal(err error) error {
	if err == nil {
		return nil
	}
	return fatalError{err}
}

// RetryAfter marks an error after which the next attempt begins so much later,
// instead of after the pool's backoff. It returns nil for nil.
func RetryAfter(d time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return laterError{err, max(d, 0)}
}

// Handle sets the handler of a type of tasks, wrapped by m and inside of what
// Use was given, the first one outermost. It is a programmer's error, and
// panics, to set one twice or while the pool runs.
func (p *Pool) Handle(taskType string, h Handler, m ...Middleware) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.running:
		panic("worker: Handle while the pool runs")
	case taskType == "" || h == nil:
		panic("worker: Handle without a type or a handler")
	case p.handlers[taskType] != nil:
		panic("worker: two handlers for tasks of type " + taskType)
	}
	p.handlers[taskType] = wrap(h, m)
}

// Use wraps all handlers, whether set before or after.
func (p *Pool) Use(m ...Middleware) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running {
		panic("worker: Use while the pool runs")
	}
	p.use = append(p.use, m...)
}

// Types are the types of tasks that have a handler, in no order.
func (p *Pool) Types() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	types := make([]string, 0, len(p.handlers))
	for t := range p.handlers {
		types = append(types, t)
	}
	return types
}

func wrap(h Handler, m []Middleware) Handler {
	for i := len(m) - 1; i >= 0; i-- {
		h = m[i](h)
	}
	return h
}

// Handle sets a handler of tasks whose payload is JSON of T. A payload that is
// not makes a dead letter: it will not be better next time.
func Handle[T any](p *Pool, taskType string, h func(context.Context, T) error, m ...Middleware) {
	p.Handle(taskType, func(ctx context.Context, d *queue.Delivery) ([]byte, error) {
		var v T
		if err := json.Unmarshal(d.Payload, &v); err != nil {
			return nil, Fatal(fmt.Errorf("payload of %s is no JSON of %T: %w", taskType, v, err))
		}
		return nil, h(ctx, v)
	}, m...)
}
