package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

func TestEachTaskRunsOnceAndLeavesNothing(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{Shards: 3})
	ids := enqueue(t, q, 2000, "a", func(x *queue.Task) { x.Class = queue.Class(len(x.Payload) % queue.NumClasses) })
	seen := newTally()
	p := New(q, Options{Observer: seen, Log: quiet()})
	p.Handle("t", func(_ context.Context, d *queue.Delivery) ([]byte, error) {
		if string(d.Payload) != d.ID {
			return nil, Fatal(fmt.Errorf("payload %q of task %s", d.Payload, d.ID))
		}
		return nil, nil
	})
	r := run(t, p)
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	r.halt(t)
	seen.wantOnce(t, ids)
	if got := totals(t, q); got.Done != 2000 || got.Dead != 0 || got.Lost != 0 {
		t.Errorf("done %d, dead %d, lost %d; want 2000, 0, 0", got.Done, got.Dead, got.Lost)
	}
	c := client(t, s)
	for shard := range 3 {
		for _, class := range queue.Classes() {
			key := fmt.Sprintf("ttp:{%d}:default:%s", shard, class)
			if n := c.XLen(t.Context(), key).Val(); n != 0 {
				t.Errorf("%s holds %d entries, want none", key, n)
			}
			g, err := c.XInfoGroups(t.Context(), key).Result()
			if err != nil || len(g) != 1 || g[0].Lag != 0 || g[0].Pending != 0 || g[0].Consumers != 0 {
				t.Errorf("group of %s: %+v, %v; want lag 0, pending 0, no consumers", key, g, err)
			}
		}
	}
}

func TestWhatAHandlerSaysDecides(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{MaxAttempts: 3})
	boom := errors.New("boom")
	seen := newTally()
	p := New(q, Options{Observer: seen, Log: quiet(), Backoff: func(int) time.Duration { return time.Millisecond }})
	p.Handle("t", func(ctx context.Context, d *queue.Delivery) ([]byte, error) {
		switch d.ID {
		case "skip0":
			return nil, fmt.Errorf("nothing to do: %w", Skip)
		case "fatal0":
			return nil, fmt.Errorf("cannot: %w", Fatal(boom))
		case "later0":
			if d.Attempt == 1 {
				return nil, RetryAfter(30*time.Millisecond, boom)
			}
			return nil, nil
		case "twice0":
			if d.Attempt < 3 {
				return nil, boom
			}
			return nil, nil
		case "panic0":
			panic("ouch")
		case "exit0":
			runtime.Goexit()
		case "slow0":
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, boom
	})
	r := run(t, p)
	for _, id := range []string{"skip", "fatal", "later", "twice", "panic", "exit", "always"} {
		enqueue(t, q, 1, id)
	}
	enqueue(t, q, 1, "slow", func(x *queue.Task) { x.Timeout, x.MaxAttempts = 20*time.Millisecond, 1 })
	until(t, "the queue is empty", func() bool { return empty(t, q) && totals(t, q).Done == 3 })
	r.halt(t)
	for id, want := range map[string]struct {
		runs   int
		kind   queue.OutcomeKind
		reason queue.Reason
		err    string
	}{
		"skip0":   {1, queue.Done, "", ""},
		"fatal0":  {1, queue.Dead, queue.Fatal, "cannot: boom"},
		"later0":  {2, queue.Done, "", ""},
		"twice0":  {3, queue.Done, "", ""},
		"always0": {3, queue.Dead, queue.Failed, "boom"},
		"panic0":  {3, queue.Dead, queue.Failed, "panic: ouch"},
		"exit0":   {3, queue.Dead, queue.Failed, "Goexit"},
		"slow0":   {1, queue.Dead, queue.Failed, "timeout of 20ms"},
	} {
		e, _ := seen.end(id)
		if n := seen.counts()[id]; n != want.runs {
			t.Errorf("%s ran %d times, want %d", id, n, want.runs)
		}
		if e.Kind != want.kind || e.Reason != want.reason || !strings.Contains(fmt.Sprint(e.Err), want.err) {
			t.Errorf("%s ended as %v, %q, %v; want %v, %q, %q", id, e.Kind, e.Reason, e.Err, want.kind, want.reason, want.err)
		}
	}
	letter := letterOf(t, q, "always0")
	if len(letter.History) != 3 || letter.Attempt != 3 || letter.Err != "boom" || letter.History[0].Attempt != 1 {
		t.Errorf("dead letter of always0: attempt %d, error %q, history %+v; want 3, boom, 3 failures", letter.Attempt, letter.Err, letter.History)
	}
}

// letterOf returns the dead letter of a task.
func letterOf(t *testing.T, q *queue.Queue, id string) queue.DeadLetter {
	t.Helper()
	info, err := q.Inspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if info.State != queue.StateDead {
		t.Errorf("%s is %s, want dead", id, info.State)
	}
	return queue.DeadLetter{Task: info.Task, Attempt: info.Attempt, Err: info.Err, History: info.History}
}

func TestWhatCannotRunBecomesADeadLetterWithTheReason(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	c := client(t, s)
	const stream = "ttp:{0}:default:normal"
	c.XAdd(t.Context(), addArgs(stream, "who", "me", "what", "\x00\xff"))
	c.XAdd(t.Context(), addArgs(stream, "t", "9nonsense", "d", "x"))
	c.XAdd(t.Context(), addArgs(stream, "t", "1n", "d", "x"))
	c.XAdd(t.Context(), addArgs(stream, "d", "x", "t", "y"))
	c.XAdd(t.Context(), addArgs(stream, "t", ""))
	enqueue(t, q, 1, "old", func(x *queue.Task) { x.NotAfter = time.Now().Add(time.Millisecond) })
	enqueue(t, q, 1, "unknown", func(x *queue.Task) { x.Type = "nobody" })
	ids := enqueue(t, q, 10, "good")
	seen := newTally()
	p := New(q, Options{Observer: seen, Log: quiet()})
	p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) { return nil, nil })
	pause(2*time.Millisecond, nil)
	run(t, p)
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	seen.wantOnce(t, ids)
	reasons := make(map[string]int)
	for _, m := range c.XRange(t.Context(), "ttp:{0}:default:dlq", "-", "+").Val() {
		reasons[fmt.Sprint(m.Values["why"])]++
		if m.Values["why"] == "malformed" && !strings.Contains(fmt.Sprint(m.Values["err"]), "entry ") {
			t.Errorf("error of a malformed entry is %q", m.Values["err"])
		}
	}
	if reasons["malformed"] != 5 || reasons["expired"] != 1 || reasons["unhandled"] != 1 {
		t.Errorf("dead letters by reason: %v; want 5 malformed, 1 expired, 1 unhandled", reasons)
	}
}

func TestATaskThatExpiresWhileItWaitsHereDoesNotRun(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	seen := newTally()
	p := New(q, Options{Workers: 1, Observer: seen, Log: quiet()})
	began, goOn := make(chan struct{}), make(chan struct{})
	p.Handle("first", func(context.Context, *queue.Delivery) ([]byte, error) {
		close(began)
		<-goOn
		return nil, nil
	})
	p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) { return nil, nil })
	enqueue(t, q, 1, "first", func(x *queue.Task) { x.Type = "first" })
	late := time.Now().Add(300 * time.Millisecond)
	enqueue(t, q, 1, "late", func(x *queue.Task) { x.NotAfter = late })
	run(t, p)
	<-began
	until(t, "it is fetched", func() bool { return p.Stats().Waiting == 1 })
	pause(time.Until(late)+time.Millisecond, nil)
	close(goOn)
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	if e, _ := seen.end("late0"); e.Reason != queue.Expired || e.Ran {
		t.Errorf("it ended as %+v, want expired and not run", e)
	}
}

func TestResultsProgressAndUniqueKeys(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	p := New(q, Options{Log: quiet()})
	half, goOn := make(chan struct{}), make(chan struct{})
	p.Handle("t", func(ctx context.Context, d *queue.Delivery) ([]byte, error) {
		if err := Progress(ctx, 0.5, "half way"); err != nil {
			return nil, err
		}
		half <- struct{}{}
		<-goOn
		return []byte("result of " + d.ID), nil
	})
	run(t, p)
	keep := func(x *queue.Task) { x.Keep, x.Unique = time.Minute, "only" }
	enqueue(t, q, 1, "one", keep)
	<-half
	info, err := q.Inspect(t.Context(), "one0")
	if err != nil || info.State != queue.StateRunning || info.Progress != 0.5 || info.Note != "half way" {
		t.Errorf("inspect: %+v, %v; want running, half way", info, err)
	}
	got, err := q.Enqueue(t.Context(), &queue.Task{ID: "two", Type: "t", Unique: "only"})
	if err != nil || !got[0].Existing || got[0].ID != "one0" {
		t.Errorf("second of the unique key: %+v, %v; want one0, existing", got, err)
	}
	goOn <- struct{}{}
	info, err = q.Wait(t.Context(), "one0")
	if err != nil || string(info.Result) != "result of one0" || info.State != queue.StateDone {
		t.Errorf("wait: %+v, %v; want the result", info, err)
	}
	got, err = q.Enqueue(t.Context(), &queue.Task{ID: "three", Type: "t", Unique: "only"})
	if err != nil || got[0].Existing {
		t.Errorf("after the end: %+v, %v; want the key to be free", got, err)
	}
	<-half
	goOn <- struct{}{}
	if err := Progress(t.Context(), 0, ""); err == nil {
		t.Error("progress without a handler's context succeeded")
	}
}

func TestCanceledTasksDoNotRunOrStop(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	seen := newTally()
	p := New(q, Options{Observer: seen, Log: quiet()})
	began := make(chan struct{})
	p.Handle("t", func(ctx context.Context, d *queue.Delivery) ([]byte, error) {
		close(began)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	enqueue(t, q, 1, "waits", func(x *queue.Task) { x.Keep = time.Minute })
	if state, err := q.Cancel(t.Context(), "waits0"); err != nil || state != queue.Marked {
		t.Fatalf("cancel: %v, %v", state, err)
	}
	run(t, p)
	enqueue(t, q, 1, "runs")
	<-began
	if _, err := q.Cancel(t.Context(), "runs0"); err != nil {
		t.Fatal(err)
	}
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	for id, ran := range map[string]bool{"waits0": false, "runs0": true} {
		if e, _ := seen.end(id); e.Reason != queue.Canceled || e.Ran != ran {
			t.Errorf("%s ended as %+v, want canceled, ran %v", id, e, ran)
		}
	}
	if info, err := q.Inspect(t.Context(), "waits0"); err != nil || info.State != queue.StateCanceled {
		t.Errorf("inspect: %+v, %v; want canceled", info, err)
	}
}

func TestPausedAndLimitedQueues(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	seen := newTally()
	p := New(q, Options{Queues: []string{"default", "slow"}, Observer: seen, Log: quiet()})
	p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) { return nil, nil })
	run(t, p)
	until(t, "the pool reads", func() bool {
		return client(t, s).Exists(t.Context(), "ttp:{0}:slow:bulk").Val() == 1
	})
	if err := q.Pause(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	enqueue(t, q, 50, "paused")
	if err := q.Limit(t.Context(), "slow", 100, 5); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	enqueue(t, q, 55, "slow", func(x *queue.Task) { x.Queue = "slow" })
	until(t, "the limited ones are done", func() bool { return totals(t, q).Done == 55 })
	// 5 at once and up to a read's worth that came before the limit was seen
	if took := time.Since(begin); took < 300*time.Millisecond {
		t.Errorf("55 tasks at 100/s took %v, want about 0.5 s", took)
	}
	for id := range seen.counts() {
		if strings.HasPrefix(id, "paused") {
			t.Errorf("%s ran while its queue was paused", id)
		}
	}
	if err := q.Resume(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	until(t, "the others are done", func() bool { return totals(t, q).Done == 105 })
	for id, n := range seen.counts() {
		if n != 1 {
			t.Errorf("%s ran %d times", id, n)
		}
	}
}

func TestJSONHandlersAndMiddleware(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	seen := newTally()
	p := New(q, Options{Observer: seen, Log: quiet()})
	type order struct{ Amount int }
	amounts, trail := make(chan int, 4), make(chan string, 16)
	mark := func(name string) Middleware {
		return func(next Handler) Handler {
			return func(ctx context.Context, d *queue.Delivery) ([]byte, error) {
				trail <- name
				return next(ctx, d)
			}
		}
	}
	Handle(p, "order", func(_ context.Context, o order) error {
		amounts <- o.Amount
		return nil
	}, mark("b"))
	p.Use(mark("a"))
	run(t, p)
	good := func(payload string) func(*queue.Task) {
		return func(x *queue.Task) { x.Type, x.Payload = "order", []byte(payload) }
	}
	enqueue(t, q, 1, "good", good(`{"Amount":7}`))
	if got := <-amounts; got != 7 {
		t.Errorf("got %d, want 7", got)
	}
	if got := <-trail + <-trail; got != "ab" {
		t.Errorf("middleware ran as %q, want ab", got)
	}
	enqueue(t, q, 1, "bad", good(`{"Amount":"seven"}`))
	until(t, "the bad one is dead", func() bool { e, ok := seen.end("bad0"); return ok && e.Reason == queue.Fatal })
}

func TestOptionsAreChecked(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	for _, o := range []Options{{Workers: -1}, {Grace: -1}, {Lease: 1}, {Queues: []string{"a b"}}, {Queues: []string{"x", "x"}}, {Name: "a:b"}} {
		err := New(q, o).Run(t.Context())
		if !errors.Is(err, queue.ErrInvalid) {
			t.Errorf("%+v: got %v, want an error that names the field", o, err)
		}
	}
}
