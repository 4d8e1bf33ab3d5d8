package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// worker runs tasks one after the other. Run starts it; closing stop ends it
// after the task that it runs.
func (p *Pool) worker(reserved bool) {
	orderly := false
	defer func() {
		if !orderly { // a handler ended the goroutine: runtime.Goexit
			p.workers.Go(func() { p.worker(reserved) })
		}
	}()
	for {
		t := p.desk.next(reserved, p.stop)
		if t == nil {
			break
		}
		p.execute(t, reserved)
	}
	orderly = true
}

// execute runs a task and hands its outcome to the committer.
func (p *Pool) execute(t *task, reserved bool) {
	now := time.Now()
	p.desk.begin(t, reserved)
	a := &t.attempt
	a.p, a.t = p, t
	a.end.Wait = max(0, now.Sub(t.d.Ready()))
	defer func() {
		p.desk.end(reserved, a.end.Took)
		a.decide()
	}()
	if a.refused(now) {
		return
	}
	a.run(now)
}

// attempt is one run of a handler.
type attempt struct {
	p      *Pool
	t      *task
	result []byte
	err    error
	end    End
}

// refused finds tasks that are not to be run.
func (a *attempt) refused(now time.Time) bool {
	d := a.t.d
	switch {
	case d.Refused != "":
		a.dead(d.Refused, errors.New(d.RefusedFor))
	case d.Late(now):
		a.dead(queue.Expired, fmt.Errorf("not wanted after %s", d.NotAfter.UTC().Format(time.RFC3339Nano)))
	case a.p.handle[d.Type] == nil:
		a.dead(queue.Unhandled, fmt.Errorf("no handler for tasks of type %q", d.Type))
	default:
		return false
	}
	return true
}

func (a *attempt) dead(why queue.Reason, err error) {
	a.end.Kind, a.end.Reason, a.end.Err, a.err = queue.Dead, why, err, err
}

// run calls the handler.
func (a *attempt) run(now time.Time) {
	d := a.t.d
	if !a.t.begin(now) {
		return
	}
	defer a.t.ctx.end(context.Canceled)
	a.end.Ran = true
	a.p.o.Observer.Began(d)
	returned := false
	defer func() {
		a.end.Took = time.Since(now)
		if returned {
			return
		}
		a.end.Panic = true
		if v := recover(); v != nil {
			a.err = fmt.Errorf("panic: %v", v)
		} else {
			a.err = errors.New("the handler ended its goroutine (runtime.Goexit)")
		}
		a.p.o.Log.Error("worker: handler panicked", "task", d.ID, "type", d.Type, "queue", d.Queue,
			"attempt", d.Attempt, "correlation", d.Correlation, "error", a.err, "stack", string(debug.Stack()))
	}()
	a.result, a.err = a.p.handle[d.Type](&a.t.ctx, d)
	if a.err != nil {
		_ = a.err.Error() // a nil pointer as an error panics here, where that is caught
	}
	if a.err != nil && a.t.ctx.Err() == context.DeadlineExceeded {
		a.err = fmt.Errorf("timeout of %v: %w", d.Timeout, a.err)
	}
	returned = true
}

// decide turns what the handler said into an outcome. It runs once a task.
func (a *attempt) decide() {
	cause, counts := a.t.end()
	if !counts { // it was given back
		a.t.s.forget(a.t)
		return
	}
	if a.end.Ran {
		a.judge(cause)
	}
	o := queue.Outcome{Delivery: a.t.d, Kind: a.end.Kind, Result: a.result, Reason: a.end.Reason, After: a.end.After}
	if a.end.Err != nil {
		o.Err = a.end.Err.Error()
	}
	a.p.o.Observer.Ended(a.t.d, &a.end)
	a.t.s.finish(a.t, o)
}

// judge decides by the handler's error.
func (a *attempt) judge(cause error) {
	if a.err == nil || errors.Is(a.err, Skip) {
		a.end.Kind = queue.Done
		if most := a.p.q.Options().MaxPayload; len(a.result) > most {
			a.end.Err = fmt.Errorf("the result has %d bytes and is not kept: %d are allowed", len(a.result), most)
			a.result = nil
		}
		return
	}
	d := a.t.d
	var later laterError
	var fatal fatalError
	switch {
	case errors.Is(cause, errCanceled):
		a.dead(queue.Canceled, a.err)
	case errors.Is(cause, errStopping):
		a.end.Kind, a.end.Err = queue.Released, errStopping
	case errors.As(a.err, &fatal):
		a.dead(queue.Fatal, a.err)
	case d.Attempt >= d.MaxAttempts:
		a.dead(queue.Failed, a.err)
	case errors.As(a.err, &later):
		a.end.Kind, a.end.Err, a.end.After = queue.Retry, a.err, later.after
	default:
		a.end.Kind, a.end.Err, a.end.After = queue.Retry, a.err, a.p.o.Backoff(d.Attempt)
	}
}
