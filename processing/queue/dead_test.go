package queue

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// bury enqueues tasks of a queue and makes them dead letters.
func bury(t *testing.T, q *Queue, c *Consumer, reason Reason, why string, tasks ...*Task) []Receipt {
	t.Helper()
	receipts := q.mustEnqueue(t, tasks...)
	var outs []Outcome
	for _, d := range mustFetch(t, c, len(tasks)) {
		outs = append(outs, Outcome{Delivery: d, Kind: Dead, Reason: reason, Err: why})
	}
	finish(t, c, outs...)
	return receipts
}

func TestDeadLettersAreListedInPages(t *testing.T) {
	q, _ := rig(t, Options{Shards: 3})
	var want []string
	for i := range 50 { // some in the same millisecond, over shards and queues
		k := q.keys.of(i%3, []string{DefaultQueue, "mail"}[i%2])
		task := &Task{Type: fmt.Sprint("t", i%5)}
		id := fmt.Sprint("task", i)
		entry := fmt.Sprintf("%d-%d", int64(1_793_700_000_000)+int64(i/4), i)
		err := q.client.XAdd(t.Context(), &redis.XAddArgs{Stream: k.dlq, ID: entry, Values: []any{
			"why", "failed", "err", fmt.Sprint("e", i), "from", "normal", "t", appendHeader(nil, task, id, 2, 1, nil), "d", "p",
		}}).Err()
		if err != nil {
			t.Fatal(err)
		}
		q.client.SAdd(t.Context(), q.keys.shards[i%3].queues, k.name)
		want = append([]string{id}, want...)
	}
	for _, limit := range []int{1, 7, 50, 1000} {
		var got []string
		page := Page{Limit: limit}
		for {
			ds, next, err := q.DeadLetters(t.Context(), Filter{}, page)
			if err != nil || len(ds) > limit {
				t.Fatalf("got %d, %v", len(ds), err)
			}
			for _, d := range ds {
				got = append(got, d.ID)
			}
			if page = next; page.Cursor == "" {
				break
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("pages of %d: got %v, want %v", limit, got, want)
		}
	}
	ds, _, err := q.DeadLetters(t.Context(), Filter{
		Queue: "mail", Type: "t3", Err: "e", Since: time.UnixMilli(1_793_700_000_002), Until: time.UnixMilli(1_793_700_000_008),
	}, Page{})
	if err != nil || len(ds) != 2 || ds[0].ID != "task23" || ds[1].ID != "task13" || ds[0].Attempt != 2 {
		t.Errorf("filtered: got %+v, %v", ds, err)
	}
	_, _, err = q.DeadLetters(t.Context(), Filter{}, Page{Cursor: "x"})
	wantError(t, err, ErrInvalid)
	_, _, err = q.DeadLetters(t.Context(), Filter{Reason: "bored"}, Page{})
	wantError(t, err, ErrInvalid)
}

func TestReplay(t *testing.T) {
	q, _ := rig(t, Options{})
	c := mustConsumer(t, q, ConsumerOptions{})
	bury(t, q, c, Fatal, "no such customer", &Task{ID: "a", Type: "mail", Class: Bulk, Payload: []byte("x\x00"), NotAfter: time.Now().Add(time.Hour), Keep: time.Hour}, &Task{ID: "b", Type: "mail"})
	bury(t, q, c, Failed, "timeout", &Task{ID: "c", Type: "report"})
	if n, err := q.Replay(t.Context(), Filter{Type: "mail", Reason: Fatal}); n != 2 || err != nil {
		t.Fatalf("got %d, %v; want 2", n, err)
	}
	if n, err := q.Replay(t.Context(), Filter{Type: "mail"}); n != 0 || err != nil {
		t.Errorf("again: got %d, %v; want 0", n, err)
	}
	for _, d := range mustFetch(t, c, 2) {
		if d.Attempt != 1 || len(d.History) != 1 || d.History[0].Err != "no such customer" || !d.NotAfter.IsZero() || d.Enqueued.IsZero() {
			t.Errorf("got %+v", d)
		}
		if d.ID == "a" && (d.Class != Bulk || string(d.Payload) != "x\x00" || d.Keep != time.Hour) {
			t.Errorf("got %+v", d)
		}
		finish(t, c, Outcome{Delivery: d, Kind: Done})
	}
	if info, err := q.Inspect(t.Context(), "a"); err != nil || info.State != StateDone {
		t.Errorf("got %+v, %v", info, err)
	}
	if ds, _, err := q.DeadLetters(t.Context(), Filter{}, Page{}); err != nil || len(ds) != 1 || ds[0].ID != "c" {
		t.Errorf("left: %+v, %v", ds, err)
	}
}

// More than a portion, and what dies again meanwhile is left alone.
func TestReplayOfMany(t *testing.T) {
	q, _ := rig(t, Options{})
	c := mustConsumer(t, q, ConsumerOptions{})
	var tasks []*Task
	for i := range 350 {
		tasks = append(tasks, &Task{Type: "t", Payload: fmt.Append(nil, i)})
	}
	bury(t, q, c, Failed, "x", tasks...)
	if n, err := q.Replay(t.Context(), Filter{}); n != 350 || err != nil {
		t.Fatalf("got %d, %v; want 350", n, err)
	}
	ds := mustFetch(t, c, 350)
	for i, d := range ds {
		if string(d.Payload) != fmt.Sprint(i) {
			t.Fatalf("number %d is %s: not in order", i, d.Payload)
		}
	}
}

func TestReplayRespectsUniqueKeys(t *testing.T) {
	q, _ := rig(t, Options{})
	c := mustConsumer(t, q, ConsumerOptions{})
	bury(t, q, c, Failed, "x", &Task{ID: "old", Type: "t", Unique: "u"}, &Task{ID: "free", Type: "t", Unique: "v"})
	if r := q.mustEnqueue(t, &Task{ID: "new", Type: "t", Unique: "u"})[0]; r.Existing {
		t.Fatalf("a dead letter holds its unique key: %+v", r)
	}
	n, err := q.Replay(t.Context(), Filter{})
	wantError(t, err, ErrHeld)
	if n != 1 {
		t.Errorf("got %d, want 1", n)
	}
	if r := q.mustEnqueue(t, &Task{Type: "t", Unique: "v"})[0]; !r.Existing || r.ID != "free" {
		t.Errorf("the replayed task does not hold its key: %+v", r)
	}
}

func TestPurge(t *testing.T) {
	q, _ := rig(t, Options{Shards: 2})
	c := mustConsumer(t, q, ConsumerOptions{})
	for len(q.entries(t, 0, DefaultQueue, Normal)) < 3 {
		q.mustEnqueue(t, &Task{Type: "a"}, &Task{Type: "b"}, &Task{Type: "a"})
	}
	var outs []Outcome
	for _, d := range mustFetch(t, c, 3) {
		outs = append(outs, Outcome{Delivery: d, Kind: Dead, Err: "x"})
	}
	finish(t, c, outs...)
	if n, err := q.Purge(t.Context(), Filter{Type: "a"}); n != 2 || err != nil {
		t.Errorf("got %d, %v; want 2", n, err)
	}
	if n, err := q.Purge(t.Context(), Filter{}); n != 1 || err != nil {
		t.Errorf("the rest: got %d, %v; want 1", n, err)
	}
}

// An entry that is no task is shown with its fields, and cannot be replayed.
func TestForeignDeadLetter(t *testing.T) {
	q, s := rig(t, Options{})
	c := mustConsumer(t, q, ConsumerOptions{})
	s.Do("XADD ttp:{0}:default:high * hello world n 1")
	ds := mustFetch(t, c, 1)
	finish(t, c, Outcome{Delivery: ds[0], Kind: Dead})
	q.mustEnqueue(t, &Task{Type: "t"}) // the queue has a name
	list, _, err := q.DeadLetters(t.Context(), Filter{Reason: Malformed}, Page{})
	if err != nil || len(list) != 1 || list[0].Fields["hello"] != "world" || list[0].Fields["n"] != "1" || list[0].Class != High {
		t.Fatalf("got %+v, %v", list, err)
	}
	if n, err := q.Replay(t.Context(), Filter{}); n != 0 || err != nil {
		t.Errorf("replay: got %d, %v; want 0", n, err)
	}
	if n, err := q.Purge(t.Context(), Filter{}); n != 1 || err != nil {
		t.Errorf("purge: got %d, %v; want 1", n, err)
	}
}

// Above MaxDead the eldest dead letters make room, and are counted: what fails
// for ever must not fill the server.
func TestDeadLettersAreBounded(t *testing.T) {
	q, _ := rig(t, Options{MaxDead: 3})
	c := mustConsumer(t, q, ConsumerOptions{})
	for i := range 5 {
		bury(t, q, c, Fatal, "no", &Task{ID: fmt.Sprint("a", i), Type: "t"})
	}
	q.mustEnqueue(t, &Task{ID: "late", Type: "t", NotBefore: time.Now().Add(time.Hour)})
	if state, err := q.Cancel(t.Context(), "late"); state != Removed || err != nil {
		t.Fatal(state, err)
	}
	ds, _, err := q.DeadLetters(t.Context(), Filter{}, Page{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range ds {
		got = append(got, d.ID)
	}
	if want := "late a4 a3"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	s, err := q.Stats(t.Context())
	if err != nil || len(s.Queues) != 1 || s.Queues[0].Dead != 3 || s.Queues[0].Dropped != 3 || s.Queues[0].Died != 5 {
		t.Errorf("got %+v, %v", s, err)
	}
}
