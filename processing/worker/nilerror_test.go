package worker

import (
	"context"
	"testing"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// refusal is an error whose zero pointer cannot tell what it is.
type refusal struct{ why string }

func (r *refusal) Error() string { return r.why }

// A handler that returns a nil pointer as its error, a common mistake, fails
// like one that panics: the process lives on.
func TestAnErrorThatPanicsIsCaught(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	seen := newTally()
	p := New(q, Options{Observer: seen, Log: quiet()})
	p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) {
		var r *refusal
		return nil, r
	})
	ids := enqueue(t, q, 1, "a", func(t *queue.Task) { t.MaxAttempts = 1 })
	run(t, p)
	until(t, "the task ends", func() bool { _, ok := seen.end(ids[0]); return ok })
	if e, _ := seen.end(ids[0]); e.Kind != queue.Dead || e.Reason != queue.Failed || !e.Panic {
		t.Errorf("got %+v", e)
	}
}
