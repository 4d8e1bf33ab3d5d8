package queue

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func finish(t *testing.T, c *Consumer, outs ...Outcome) {
	t.Helper()
	if lost, err := c.Finish(t.Context(), 0, outs); lost != 0 || err != nil {
		t.Fatalf("finish: %d lost, %v", lost, err)
	}
}

func TestPauseAndResume(t *testing.T) {
	q, _ := rig(t, Options{})
	c := mustConsumer(t, q, ConsumerOptions{})
	if err := q.Pause(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	q.mustEnqueue(t, &Task{Type: "t"})
	for range 3 { // the first read may only make groups
		if ds, err := c.Fetch(t.Context(), 0, everything, 0, nil); len(ds) != 0 || err != nil {
			t.Errorf("a paused queue gave %d tasks, %v", len(ds), err)
		}
	}
	s, err := q.Stats(t.Context())
	if err != nil || s.Queues[0].Paused.IsZero() || s.Queues[0].Waiting() != 1 {
		t.Errorf("got %+v, %v", s, err)
	}
	if err := q.Resume(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	mustFetch(t, c, 1)
	wantError(t, q.Pause(t.Context(), "a:b"), ErrInvalid)
}

func TestLimit(t *testing.T) {
	q, s := rig(t, Options{Shards: 4})
	if err := q.Limit(t.Context(), "mail", 100, 10); err != nil {
		t.Fatal(err)
	}
	if got := s.Do("HMGET ttp:{3}:mail:state rate burst tokens"); got != "*3\r\n$2\r\n25\r\n$1\r\n3\r\n$1\r\n3\r\n" {
		t.Errorf("a shard's share: %q", got)
	}
	stats, err := q.Stats(t.Context())
	if err != nil || stats.Queues[0].Rate != 100 {
		t.Errorf("got %+v, %v", stats, err)
	}
	if err := q.Limit(t.Context(), "mail", 0, 0); err != nil {
		t.Fatal(err)
	}
	if got := s.Do("EXISTS ttp:{3}:mail:state"); got != ":0\r\n" {
		t.Errorf("after the end: %q", got)
	}
	wantError(t, q.Limit(t.Context(), "mail", -1, 0), ErrInvalid)
	wantError(t, q.Limit(t.Context(), "mail", 1, -1), ErrInvalid)
}

func TestCancelDelayed(t *testing.T) {
	q, _ := rig(t, Options{Shards: 4})
	later := time.Now().Add(time.Hour)
	receipts := q.mustEnqueue(t, &Task{Type: "t", NotBefore: later},
		&Task{ID: "x", Type: "mail", Unique: "u", Keep: time.Minute, NotBefore: later, Payload: []byte("p")})
	for _, r := range receipts {
		if state, err := q.Cancel(t.Context(), r.ID); state != Removed || err != nil {
			t.Errorf("%s: got %q, %v; want removed", r.ID, state, err)
		}
	}
	if info, err := q.Inspect(t.Context(), "x"); err != nil || info.State != StateCanceled {
		t.Errorf("got %+v, %v", info, err)
	}
	if state, err := q.Cancel(t.Context(), "x"); state != Ended || err != nil {
		t.Errorf("again: got %q, %v; want ended", state, err)
	}
	ds, _, err := q.DeadLetters(t.Context(), Filter{Type: "mail"}, Page{})
	if err != nil || len(ds) != 1 || ds[0].Reason != Canceled || string(ds[0].Payload) != "p" || ds[0].Unique != "u" {
		t.Errorf("dead letters: %+v, %v", ds, err)
	}
	if r := q.mustEnqueue(t, &Task{Type: "t", Unique: "u"})[0]; r.Existing {
		t.Errorf("the unique key is still held: %+v", r)
	}
	if s, err := q.Stats(t.Context()); err != nil || s.Queues[0].Canceled != 2 || s.Queues[0].Delayed != 0 {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestCancelWaiting(t *testing.T) {
	q, _ := rig(t, Options{})
	c := mustConsumer(t, q, ConsumerOptions{})
	r := q.mustEnqueue(t, &Task{Type: "t"})[0]
	if state, err := q.Cancel(t.Context(), r.ID); state != Marked || err != nil {
		t.Fatalf("got %q, %v; want marked", state, err)
	}
	if info, err := q.Inspect(t.Context(), r.ID); err != nil || !info.CancelRequested || info.State != StateWaiting {
		t.Errorf("got %+v, %v", info, err)
	}
	ds := mustFetch(t, c, 1)
	if ds[0].Refused != Canceled {
		t.Fatalf("got %+v, want one that is refused", ds[0])
	}
	finish(t, c, Outcome{Delivery: ds[0], Kind: Dead})
	if info, err := q.Inspect(t.Context(), r.ID); err != nil || info.State != StateCanceled {
		t.Errorf("got %+v, %v", info, err)
	}
	_, err := q.Cancel(t.Context(), "a b")
	wantError(t, err, ErrInvalid)
}

func TestInspect(t *testing.T) {
	q, _ := rig(t, Options{Shards: 3})
	ctx := t.Context()
	_, err := q.Inspect(ctx, "nobody")
	wantError(t, err, ErrNotFound)
	due := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	q.mustEnqueue(t, &Task{ID: "late", Type: "t", NotBefore: due, Queue: "mail", Class: High, Payload: []byte("p")})
	info, err := q.Inspect(ctx, "late")
	if err != nil || info.State != StateDelayed || !info.Due.Equal(due) || info.Queue != "mail" || info.Class != High || string(info.Payload) != "p" {
		t.Errorf("delayed: got %+v, %v", info, err)
	}
	var tasks []*Task
	for range 1200 { // more than one call looks at
		tasks = append(tasks, &Task{Type: "t"})
	}
	receipts := q.mustEnqueue(t, append(tasks, &Task{ID: "own", Type: "t", Unique: "elsewhere"})...)
	for _, r := range []Receipt{receipts[0], receipts[777], receipts[1199], receipts[1200]} {
		if info, err := q.Inspect(ctx, r.ID); err != nil || info.State != StateWaiting || info.ID != r.ID || info.Enqueued.IsZero() {
			t.Errorf("waiting: got %+v, %v", info, err)
		}
	}
}

func TestInspectAlongALife(t *testing.T) {
	q, _ := rig(t, Options{})
	ctx := t.Context()
	c := mustConsumer(t, q, ConsumerOptions{})
	r := q.mustEnqueue(t, &Task{ID: "a", Type: "t", Keep: time.Hour, MaxAttempts: 2})[0]
	state := func(want State) Info {
		t.Helper()
		info, err := q.Inspect(ctx, r.ID)
		if err != nil || info.State != want {
			t.Fatalf("got %+v, %v; want %s", info, err, want)
		}
		return info
	}
	state(StateWaiting)
	ds := mustFetch(t, c, 1)
	if err := c.Release(ctx, 0, ds); err != nil {
		t.Fatal(err)
	}
	state(StateWaiting) // it was given back
	again, err := c.Recover(ctx, 0, 10, nil)
	if err != nil || len(again) != 1 {
		t.Fatalf("recovered %d, %v; want 1", len(again), err)
	}
	ds = []*Delivery{&again[0]}
	if info := state(StateRunning); info.Consumer != c.Name() {
		t.Errorf("consumer: got %q, want %q", info.Consumer, c.Name())
	}
	if err := q.Progress(ctx, ds[0], 0.5, "half"); err != nil {
		t.Fatal(err)
	}
	if info := state(StateRunning); info.Progress != 0.5 || info.Note != "half" {
		t.Errorf("progress: got %v %q", info.Progress, info.Note)
	}
	finish(t, c, Outcome{Delivery: ds[0], Kind: Retry, Err: "no luck", After: time.Hour})
	if info := state(StateRetrying); info.Attempt != 2 || len(info.History) != 1 || info.History[0].Err != "no luck" {
		t.Errorf("retrying: got %+v", info)
	}
	promoteAll(t, q)
	state(StateWaiting)
	waited := make(chan Info)
	go func() {
		info, err := q.Wait(ctx, "a")
		if err != nil {
			t.Error(err)
		}
		waited <- info
	}()
	ds = mustFetch(t, c, 1)
	finish(t, c, Outcome{Delivery: ds[0], Kind: Done, Result: []byte("42")})
	if info := <-waited; info.State != StateDone || string(info.Result) != "42" || info.Ended.IsZero() {
		t.Errorf("wait: got %+v", info)
	}
	state(StateDone)
}

// promoteAll makes all delayed tasks due and promotes them.
func promoteAll(t *testing.T, q *Queue) {
	t.Helper()
	for shard := range q.o.Shards {
		key := q.keys.of(shard, DefaultQueue).delay
		ids, err := q.client.ZRange(t.Context(), key, 0, -1).Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			q.client.ZIncrBy(t.Context(), key, -1e10, id)
		}
		if moved, _, err := q.Promote(t.Context(), shard); moved != len(ids) || err != nil {
			t.Fatalf("promoted %d, %v; want %d", moved, err, len(ids))
		}
	}
}

func TestWait(t *testing.T) {
	q, _ := rig(t, Options{})
	_, err := q.Wait(t.Context(), "nobody")
	wantError(t, err, ErrNotFound)
	r := q.mustEnqueue(t, &Task{Type: "t"})[0]
	if _, err := q.Wait(t.Context(), r.ID); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "with Keep") {
		t.Errorf("got %v", err)
	}
}

func TestStats(t *testing.T) {
	q, _ := rig(t, Options{Shards: 2})
	if s, err := q.Stats(t.Context()); err != nil || len(s.Queues) != 0 {
		t.Errorf("empty: got %+v, %v", s, err)
	}
	for range 4 {
		q.mustEnqueue(t, &Task{Type: "t"}, &Task{Type: "t", Class: Critical}, &Task{Type: "t", NotBefore: time.Now().Add(time.Hour)})
	}
	c := mustConsumer(t, q, ConsumerOptions{})
	ds := mustFetch(t, c, 4) // of shard 0
	finish(t, c, Outcome{Delivery: ds[0], Kind: Done}, Outcome{Delivery: ds[1], Kind: Dead, Err: "x"}, Outcome{Delivery: ds[2], Kind: Retry, Err: "y", After: time.Hour})
	s, err := q.Stats(t.Context())
	if err != nil || len(s.Queues) != 1 {
		t.Fatalf("got %+v, %v", s, err)
	}
	x := s.Queues[0]
	if x.Name != DefaultQueue || x.Waiting() != 4 || x.Running() != 1 || x.Delayed != 5 || x.Dead != 1 || x.Done != 1 || x.Died != 1 || x.Retried != 1 || x.NextDue.IsZero() {
		t.Errorf("got %+v", x)
	}
	for i, class := range Classes() {
		if x.Classes[i].Class != class {
			t.Errorf("class %d is %v, want %v", i, x.Classes[i].Class, class)
		}
	}
	if added := x.Classes[0].Added + x.Classes[2].Added; added != 8 {
		t.Errorf("added: got %d, want 8", added)
	}
}
