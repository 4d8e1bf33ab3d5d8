package queue

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// What was canceled, became a dead letter for it and is replayed runs: the
// cancellation is over with the task.
func TestACanceledTaskThatIsReplayedRuns(t *testing.T) {
	q, _ := rig(t, Options{})
	c := mustConsumer(t, q, ConsumerOptions{})
	id := q.mustEnqueue(t, &Task{Type: "t"})[0].ID
	if state, err := q.Cancel(t.Context(), id); state != Marked || err != nil {
		t.Fatalf("got %q, %v; want marked", state, err)
	}
	finish(t, c, Outcome{Delivery: mustFetch(t, c, 1)[0], Kind: Dead})
	if n := q.client.ZCard(t.Context(), q.keys.shards[0].canceled).Val(); n != 0 {
		t.Errorf("%d cancellations are remembered of tasks that have ended", n)
	}
	// One of which nobody knew: it had ended before.
	if _, err := q.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if n, err := q.Replay(t.Context(), Filter{ID: id}); n != 1 || err != nil {
		t.Fatalf("replay: got %d, %v", n, err)
	}
	if d := mustFetch(t, c, 1)[0]; d.Refused != "" {
		t.Errorf("the replayed task is refused: %s", d.Refused)
	}
}

// A task that is done after a replay shows nothing of how it died.
func TestAReplayedTaskForgetsHowItDied(t *testing.T) {
	q, _ := rig(t, Options{})
	c := mustConsumer(t, q, ConsumerOptions{})
	id := bury(t, q, c, Failed, "no paper", &Task{Type: "t", Keep: time.Hour})[0].ID
	if n, err := q.Replay(t.Context(), Filter{ID: id}); n != 1 || err != nil {
		t.Fatalf("replay: got %d, %v", n, err)
	}
	if info, err := q.Inspect(t.Context(), id); err != nil || info.Err != "" || !info.Ended.IsZero() || info.State != StateWaiting {
		t.Errorf("waiting: got %+v, %v", info, err)
	}
	finish(t, c, Outcome{Delivery: mustFetch(t, c, 1)[0], Kind: Done, Result: []byte("x")})
	if info, err := q.Inspect(t.Context(), id); err != nil || info.Err != "" || info.State != StateDone || info.Queue != DefaultQueue {
		t.Errorf("done: got %+v, %v", info, err)
	}
}

// A server whose memory is full of delayed tasks gives them to the workers,
// which is the only way in which it gets empty.
func TestAServerWithoutMemoryLetsDelayedTasksRun(t *testing.T) {
	q, s := rig(t, Options{})
	c := mustConsumer(t, q, ConsumerOptions{})
	mustFetch(t, c, 0)
	q.mustEnqueue(t, &Task{Type: "t", NotBefore: time.Now().Add(time.Hour)})
	k := q.keys.of(0, DefaultQueue)
	for _, id := range q.client.ZRange(t.Context(), k.delay, 0, -1).Val() {
		q.client.ZIncrBy(t.Context(), k.delay, -1e9, id)
	}
	s.Do("CONFIG SET maxmemory 1")
	if moved, _, err := q.Promote(t.Context(), 0); moved != 1 || err != nil {
		t.Fatalf("moved %d, %v; want 1", moved, err)
	}
	finish(t, c, done(mustFetch(t, c, 1))...)
}

// A promoter that died while the server's clock was put back is not waited for.
func TestAPromoterOfTheFutureIsNotWaitedFor(t *testing.T) {
	q, _ := rig(t, Options{})
	// as it stands there an hour before its end
	q.client.Set(t.Context(), q.keys.shards[0].promoter, "gone", time.Hour)
	if _, next, err := q.Promote(t.Context(), 0); err != nil || time.Until(next) > promoteIdle {
		t.Errorf("next in %v, %v; want this one to promote", time.Until(next), err)
	}
}

// As many deliveries as a Fetch can bring can be finished in one call, and
// given back in one.
func TestFinishOfManyAtOnce(t *testing.T) {
	const n = maxReadCount
	q, _ := rig(t, Options{})
	c := mustConsumer(t, q, ConsumerOptions{})
	tasks := make([]*Task, n)
	for i := range tasks {
		tasks[i] = &Task{Type: "t"}
	}
	q.mustEnqueue(t, tasks...)
	var ds []Delivery
	for range 2 { // the first read makes the group
		var err error
		if ds, err = c.Fetch(t.Context(), 0, Credits{n, n, n, n}, 0, ds); err != nil {
			t.Fatal(err)
		}
	}
	refs := make([]*Delivery, len(ds))
	for i := range ds {
		refs[i] = &ds[i]
	}
	mustFinish(t, c, done(refs), 0)
	wantStats(t, q, n, 0, 0, 0)
}

// A consumer does not read keys that mean something else.
func TestConsumerRefusesReservedNames(t *testing.T) {
	q, _ := rig(t, Options{})
	for _, name := range []string{"id", "u", "r", "batch"} {
		if _, err := q.Consumer(ConsumerOptions{Queues: []string{name}}); err == nil || !strings.Contains(err.Error(), "take another name") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// losing runs call while the first reply to it gets lost.
func losing(t *testing.T, p *redistest.Proxy, call func()) {
	t.Helper()
	before := p.Dropped.Load()
	p.DropOneIn.Store(1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		call()
	}()
	for p.Dropped.Load() == before {
		select {
		case <-ended:
			t.Fatal("the call ended, and no reply was lost")
		case <-time.After(time.Millisecond):
		}
	}
	p.DropOneIn.Store(0)
	<-ended
}

// What was taken over by a call whose reply was lost is given out at once, and
// not after a lease, as if a worker had died.
func TestALostReplyOfATakeoverCostsNoLeaseAndNoAttempt(t *testing.T) {
	q, direct, p, _ := lossy(t, Options{Retry: time.Minute})
	ctx := t.Context()
	other, c := mustConsumer(t, direct, ConsumerOptions{}), mustConsumer(t, q, ConsumerOptions{Lease: time.Hour})
	q.mustEnqueue(t, plainTasks(3)...)
	if err := other.Release(ctx, 0, mustFetch(t, other, 3)); err != nil {
		t.Fatal(err)
	}
	x := c.shard[0]
	idle, err := c.pending(ctx, x, c.o.Lease, "", 10)
	if err != nil || len(idle) != 3 {
		t.Fatalf("%d entries, %v; want 3", len(idle), err)
	}
	args := c.claims(x, idle, make([]bool, 1), 10, nil)
	if err := q.client.ScriptLoad(ctx, c.s.claim.text).Err(); err != nil {
		t.Fatal(err)
	}
	var got []Delivery
	losing(t, p, func() { got, err = c.claim(ctx, x, args, nil) })
	if err != nil {
		t.Fatal(err)
	}
	more, err := c.Recover(ctx, 0, 10, nil)
	got = append(got, more...)
	if err != nil || len(got) != 3 {
		t.Fatalf("got %d deliveries, %v; want 3", len(got), err)
	}
	for _, d := range got {
		if d.Attempt != 1 {
			t.Errorf("%s is attempt %d, want 1", d.ID, d.Attempt)
		}
	}
}

// What comes from a queue that was paused meanwhile and cannot be given back is
// not forgotten: nobody else would find that it is not worked on.
func TestWhatCannotBeGivenBackIsTakenUpAgain(t *testing.T) {
	q, _ := rig(t, Options{})
	c := mustConsumer(t, q, ConsumerOptions{})
	q.mustEnqueue(t, plainTasks(2)...)
	var ds []Delivery
	for _, d := range mustFetch(t, c, 2) {
		ds = append(ds, *d)
	}
	x := c.shard[0]
	x.read.mode[0] = paused
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if left, err := c.withdraw(ended, x, ds, 0); len(left) != 0 || err == nil {
		t.Fatalf("got %d, %v; want an error and none", len(left), err)
	}
	if n := c.Held(0); n != 0 {
		t.Errorf("%d are held that nobody has", n)
	}
	got, err := c.Recover(t.Context(), 0, 10, nil)
	if err != nil || len(got) != 2 {
		t.Errorf("got %d, %v; want 2", len(got), err)
	}
}

// A call that fails half way and whose reply is lost is not answered as if it
// had succeeded.
func TestALostReplyOfAFailureIsNoSuccess(t *testing.T) {
	q, direct, p, s := lossy(t, Options{Retry: time.Minute})
	q.mustEnqueue(t, &Task{Type: "t", Class: High}) // the server knows the script now
	s.Do("SET ttp:{0}:default:normal x")
	var err error
	losing(t, p, func() { _, err = q.Enqueue(t.Context(), &Task{ID: "a", Type: "t"}) })
	if err == nil {
		t.Errorf("no error, and there is no task: %v", direct.client.Type(t.Context(), "ttp:{0}:default:normal").Val())
	}
}

// One recurring task that cannot be read does not stop the others.
func TestOneUnreadableScheduleStopsNoOther(t *testing.T) {
	q, _ := rig(t, Options{})
	overdue(t, q, Recurring{Name: "good", Every: time.Minute, Task: Task{Type: "t"}}, 1)
	q.client.HSet(t.Context(), q.keys.shards[0].cron, "d:bad", "{", "m:bad", "1")
	n, _, err := q.Tick(t.Context(), 0)
	if n != 1 || err == nil || !strings.Contains(err.Error(), `recurring task "bad" is not understood`) {
		t.Errorf("fired %d, %v", n, err)
	}
	if got := fmt.Sprint(len(q.all(t, DefaultQueue))); got != "1" {
		t.Errorf("%s tasks, want 1", got)
	}
}

// Dead letters that fill a server's memory can be purged.
func TestAServerWithoutMemoryLetsDeadLettersBePurged(t *testing.T) {
	q, s := rig(t, Options{})
	bury(t, q, mustConsumer(t, q, ConsumerOptions{}), Failed, "no paper", plainTasks(3)...)
	s.Do("CONFIG SET maxmemory 1")
	if n, err := q.Purge(t.Context(), Filter{}); n != 3 || err != nil {
		t.Errorf("got %d, %v; want 3", n, err)
	}
}

// Among the delayed may be what is no task: it becomes a dead letter, as in the
// streams, and holds up no other.
func TestPromoteWithForeignEntries(t *testing.T) {
	q, _ := rig(t, Options{})
	c := mustConsumer(t, q, ConsumerOptions{})
	q.mustEnqueue(t, &Task{ID: "good", Type: "t", NotBefore: time.Now().Add(time.Hour)})
	k := q.keys.of(0, DefaultQueue)
	for id, body := range map[string]string{"a": "", "b": "rubbish", "c": "9999999999999999999999:x", "d": "4:1"} {
		q.client.HSet(t.Context(), k.body, id, body)
	}
	for i, id := range []string{"a", "b", "c", "d", "good"} {
		q.client.Do(t.Context(), "ZADD", k.delay, i+1, id)
	}
	if moved, _, err := q.Promote(t.Context(), 0); moved != 5 || err != nil {
		t.Fatalf("moved %d, %v; want 5", moved, err)
	}
	var why []Reason
	for _, d := range mustFetch(t, c, 5) {
		if why = append(why, d.Refused); d.Refused == "" && d.ID != "good" {
			t.Errorf("got %+v", d)
		}
	}
	for i, want := range []Reason{Malformed, Malformed, Malformed, Malformed, ""} {
		if why[i] != want {
			t.Errorf("entry %d: got %q, want %q", i, why[i], want)
		}
	}
}
