package queue

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestEnqueueKeepsOrderAndPayload(t *testing.T) {
	q, _ := rig(t, Options{})
	var tasks []*Task
	for i := range 600 {
		tasks = append(tasks, &Task{Type: "test", Payload: fmt.Appendf(nil, "p%d\x00\xff", i)})
	}
	receipts := q.mustEnqueue(t, tasks...)
	got := q.all(t, DefaultQueue)
	if len(got) != 600 {
		t.Fatalf("got %d entries, want 600", len(got))
	}
	for i, r := range receipts {
		e, found := got[r.ID]
		if want := string(tasks[i].Payload); !found || e.payload != want || e.Type != "test" || e.Attempt != 1 || r.Existing || r.Err != nil {
			t.Fatalf("task %d: got %+v for %+v", i, e, r)
		}
	}
	for i, e := range q.entries(t, 0, DefaultQueue, Normal) {
		if e.ID != receipts[i].ID {
			t.Fatalf("entry %d is %s, want %s", i, e.ID, receipts[i].ID)
		}
	}
}

// Many calls, tasks with and without IDs or payloads that fill a call: in each
// shard they lie in the order in which they were given.
func TestOrderWithinAShard(t *testing.T) {
	q, _ := rig(t, Options{Shards: 3})
	var tasks []*Task
	for i := range 1500 {
		task := &Task{Type: "t", Payload: fmt.Appendf(nil, "%d ", i)}
		switch {
		case i%3 == 1:
			task.ID = fmt.Sprint("mine", i)
		case i%7 == 2:
			task.Unique = fmt.Sprint("key", i)
		}
		if i%10 == 0 {
			task.Payload = append(task.Payload, make([]byte, callBytes/40)...)
		}
		tasks = append(tasks, task)
	}
	q.mustEnqueue(t, tasks...)
	all := 0
	for shard := range 3 {
		last := -1
		for _, e := range q.entries(t, shard, DefaultQueue, Normal) {
			text, _, _ := strings.Cut(e.payload, " ")
			n, err := strconv.Atoi(text)
			if err != nil || n <= last {
				t.Fatalf("shard %d: %d lies behind %d, %v", shard, n, last, err)
			}
			last = n
			all++
		}
	}
	if all != len(tasks) {
		t.Errorf("got %d tasks, want %d", all, len(tasks))
	}
}

func TestEnqueueByClassAndQueue(t *testing.T) {
	q, s := rig(t, Options{Shards: 3})
	var tasks []*Task
	for i := range 40 {
		tasks = append(tasks, &Task{Type: "t", Class: Class(i % NumClasses), Queue: []string{"", "mail"}[i/4%2], Payload: fmt.Appendf(nil, "%d", i)})
	}
	receipts := q.mustEnqueue(t, tasks...)
	for name, want := range map[string]int{DefaultQueue: 20, "mail": 20} {
		got := q.all(t, name)
		if len(got) != want {
			t.Errorf("queue %s: got %d, want %d", name, len(got), want)
		}
		for i, r := range receipts {
			if e, found := got[r.ID]; found && (e.Class != tasks[i].Class || orDefault(tasks[i].Queue) != name) {
				t.Errorf("task %d lies in %s as %v", i, name, e.Class)
			}
		}
	}
	shard := q.ShardOf("", receipts[0].ID)
	if got := s.Do(fmt.Sprintf("SMEMBERS ttp:{%d}:queues", shard)); !strings.Contains(got, "mail") || !strings.Contains(got, "default") {
		t.Errorf("queues of the shard: %q", got)
	}
}

// A batch without IDs is one call in one shard; shards take turns.
func TestBatchesTakeTurns(t *testing.T) {
	q, _ := rig(t, Options{Shards: 4})
	count := make(map[int]int)
	for range 8 {
		receipts := q.mustEnqueue(t, &Task{Type: "t"}, &Task{Type: "t"}, &Task{Type: "t"})
		shard := q.ShardOf("", receipts[0].ID)
		for _, r := range receipts {
			if got := q.ShardOf("", r.ID); got != shard {
				t.Errorf("one batch lies in shards %d and %d", shard, got)
			}
		}
		count[shard]++
	}
	for shard := range 4 {
		if count[shard] != 2 {
			t.Errorf("shard %d got %d batches of 8, want 2", shard, count[shard])
		}
	}
}

func TestCallersID(t *testing.T) {
	q, _ := rig(t, Options{Shards: 2})
	task := &Task{ID: "order-7", Type: "t"}
	if r := q.mustEnqueue(t, task, task); r[0].Existing || !r[1].Existing || r[1].ID != "order-7" {
		t.Errorf("twice in a batch: got %+v", r)
	}
	if r := q.mustEnqueue(t, task); !r[0].Existing || r[0].ID != "order-7" {
		t.Errorf("again: got %+v", r)
	}
	if got := q.all(t, DefaultQueue); len(got) != 1 {
		t.Errorf("got %d tasks, want 1", len(got))
	}
}

func TestUniqueKey(t *testing.T) {
	q, _ := rig(t, Options{Shards: 8})
	first := q.mustEnqueue(t, &Task{Type: "t", Unique: "customer-1"})[0]
	again := q.mustEnqueue(t, &Task{Type: "t", Unique: "customer-1"}, &Task{ID: "mine", Type: "t", Unique: "customer-1"})
	for _, r := range again {
		if !r.Existing || r.ID != first.ID {
			t.Errorf("got %+v, want the holder %s", r, first.ID)
		}
	}
	if r := q.mustEnqueue(t, &Task{Type: "t", Unique: "customer-2"})[0]; r.Existing {
		t.Errorf("another key: got %+v", r)
	}
	// "mine" was not taken, so its ID is free
	if r := q.mustEnqueue(t, &Task{ID: "mine", Type: "t", Unique: "customer-3"})[0]; r.Existing {
		t.Errorf("the ID of a refused task: got %+v", r)
	}
	if got := q.all(t, DefaultQueue); len(got) != 3 {
		t.Errorf("got %d tasks, want 3", len(got))
	}
}

func TestDelayedTasksWait(t *testing.T) {
	q, s := rig(t, Options{})
	due := time.Now().Add(time.Hour)
	q.mustEnqueue(t, &Task{Type: "t", NotBefore: due, Payload: []byte("x")}, &Task{ID: "a", Type: "t", NotBefore: due}, &Task{Type: "past", NotBefore: time.Now().Add(-time.Hour)})
	if r := q.mustEnqueue(t, &Task{ID: "a", Type: "t", NotBefore: due})[0]; !r.Existing {
		t.Errorf("again: got %+v", r)
	}
	if got := q.all(t, DefaultQueue); len(got) != 1 {
		t.Errorf("got %d ready, want 1", len(got))
	}
	if got := s.Do("ZCOUNT ttp:{0}:default:delay " + fmt.Sprint(due.UnixMilli()) + " " + fmt.Sprint(due.UnixMilli())); got != ":2\r\n" {
		t.Errorf("delayed: %q", got)
	}
	if got := s.Do("HLEN ttp:{0}:default:body"); got != ":2\r\n" {
		t.Errorf("bodies: %q", got)
	}
}

func TestFullStream(t *testing.T) {
	q, _ := rig(t, Options{MaxLen: 10})
	many := func(n int, change func(*Task)) (tasks []*Task) {
		for range n {
			task := &Task{Type: "t"}
			change(task)
			tasks = append(tasks, task)
		}
		return tasks
	}
	plain := func(*Task) {}
	q.mustEnqueue(t, many(8, plain)...)
	receipts, err := q.Enqueue(t.Context(), append(many(1, func(t *Task) { t.Class = High }), many(3, plain)...)...)
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "3 of 4 tasks not taken, the first is number 2") || !strings.Contains(err.Error(), "ttp:{0}:default:normal has 10 tasks") {
		t.Errorf("got %v", err)
	}
	if receipts[0].Err != nil || !errors.Is(receipts[1].Err, ErrFull) {
		t.Errorf("got %+v", receipts)
	}
	q.mustEnqueue(t, many(2, func(t *Task) { t.Unique = "u" })...) // the second is refused by its key, not by the length
	q.mustEnqueue(t, many(1, plain)...)
	_, err = q.Enqueue(t.Context(), &Task{ID: "x", Type: "t"})
	wantError(t, err, ErrFull)
	if got := len(q.entries(t, 0, DefaultQueue, Normal)); got != 10 {
		t.Errorf("got %d tasks, want 10", got)
	}
	later := func(t *Task) { t.NotBefore = time.Now().Add(time.Hour) }
	q.mustEnqueue(t, many(10, later)...)
	_, err = q.Enqueue(t.Context(), many(1, later)...)
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "delayed") {
		t.Errorf("got %v", err)
	}
}

func TestInvalidTaskDoesNotStopOthers(t *testing.T) {
	q, _ := rig(t, Options{})
	receipts, err := q.Enqueue(t.Context(), &Task{Type: "t"}, &Task{}, nil, &Task{Type: "t"})
	if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "2 of 4 tasks not taken, the first is number 2: ") {
		t.Errorf("got %v", err)
	}
	if receipts[0].Err != nil || receipts[1].Err == nil || receipts[2].Err == nil || receipts[3].Err != nil {
		t.Errorf("got %+v", receipts)
	}
	if got := q.all(t, DefaultQueue); len(got) != 2 {
		t.Errorf("got %d tasks, want 2", len(got))
	}
	if receipts, err := q.Enqueue(t.Context()); err != nil || len(receipts) != 0 {
		t.Errorf("no tasks: got %v, %v", receipts, err)
	}
}

// What a task of a generated ID costs is one XADD: no key of its own stays.
func TestPlainTasksLeaveNoKeys(t *testing.T) {
	q, s := rig(t, Options{})
	for range 50 {
		q.mustEnqueue(t, &Task{Type: "t"}, &Task{Type: "t"})
	}
	if got := s.Do("DBSIZE"); got != ":4\r\n" { // the stream, the set of queues, one lane and the number of shards
		t.Errorf("got %q keys, want 4", got)
	}
}

func TestEnqueueAllocations(t *testing.T) {
	q, _ := rig(t, Options{})
	tasks := make([]*Task, 100)
	for i := range tasks {
		tasks[i] = &Task{Type: "t", Payload: []byte("x")}
	}
	q.mustEnqueue(t, tasks...)
	n := testing.AllocsPerRun(20, func() { q.mustEnqueue(t, tasks...) })
	if n > 180 { // an ID each, and some forty of go-redis and the call
		t.Errorf("got %v allocations for 100 tasks, want 180 at most", n)
	}
}
