package queue

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// everything is credit for whatever there is.
var everything = Credits{1000, 1000, 1000, 1000}

func mustConsumer(tb testing.TB, q *Queue, o ConsumerOptions) *Consumer {
	tb.Helper()
	c, err := q.Consumer(o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// mustFetch fetches until n deliveries are there; the first read may only make
// groups.
func mustFetch(tb testing.TB, c *Consumer, n int) []*Delivery {
	tb.Helper()
	var all []*Delivery
	for range 100 {
		ds, err := c.Fetch(tb.Context(), 0, everything, 0, nil)
		if err != nil {
			tb.Fatal(err)
		}
		for i := range ds {
			all = append(all, &ds[i])
		}
		if len(all) >= n {
			break
		}
	}
	if len(all) != n {
		tb.Fatalf("fetched %d, want %d", len(all), n)
	}
	return all
}

func done(ds []*Delivery) []Outcome {
	outs := make([]Outcome, len(ds))
	for i, d := range ds {
		outs[i] = Outcome{Delivery: d}
	}
	return outs
}

func mustFinish(tb testing.TB, c *Consumer, outs []Outcome, wantLost int) {
	tb.Helper()
	lost, err := c.Finish(tb.Context(), 0, outs)
	if err != nil || lost != wantLost {
		tb.Errorf("finish: %d lost, %v; want %d", lost, err, wantLost)
	}
}

func plainTasks(n int) []*Task {
	tasks := make([]*Task, n)
	for i := range tasks {
		tasks[i] = &Task{ID: "t" + strconv.Itoa(i), Type: "t", Payload: []byte{byte(i)}}
	}
	return tasks
}

const normal0 = "ttp:{0}:default:normal"

func TestFetchGivesAllThatATaskHolds(t *testing.T) {
	q, _ := rig(t, Options{})
	late := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	want := Task{
		ID: "x", Type: "t", Class: High, Payload: []byte("a\r\n\x00b"), NotAfter: late, Timeout: time.Minute, MaxAttempts: 7,
		Unique: "u", Keep: time.Hour, Correlation: "c", Trace: "tr",
	}
	q.mustEnqueue(t, &want, &Task{ID: "y", Type: "t2"})
	c := mustConsumer(t, q, ConsumerOptions{})
	ds := mustFetch(t, c, 2)
	got := ds[0].Task
	want.Queue = DefaultQueue
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if ds[0].Attempt != 1 || time.Since(ds[0].Enqueued).Abs() > time.Minute || time.Since(ds[0].Ready()).Abs() > time.Minute || ds[0].Refused != "" {
		t.Errorf("delivery is %+v", ds[0])
	}
	if ds[1].Timeout != q.o.Timeout || ds[1].MaxAttempts != q.o.MaxAttempts || len(ds[1].Payload) != 0 {
		t.Errorf("defaults are not filled in: %+v", ds[1])
	}
}

func TestFetchKeepsToItsCredits(t *testing.T) {
	q, _ := rig(t, Options{})
	for _, class := range Classes() {
		for range 20 {
			q.mustEnqueue(t, &Task{Type: "t", Class: class}, &Task{Type: "t", Class: class, Queue: "other"})
		}
	}
	c := mustConsumer(t, q, ConsumerOptions{Queues: []string{DefaultQueue, "other"}})
	var ds []Delivery
	for len(ds) == 0 {
		var err error
		if ds, err = c.Fetch(t.Context(), 0, Credits{Normal: 5, Critical: 3, Bulk: 1}, 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	got, queues := Credits{}, make(map[string]int)
	for i := range ds {
		got[ds[i].Class]++
		queues[ds[i].Queue]++
	}
	if want := (Credits{Normal: 5, Critical: 3, Bulk: 1}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if queues["other"] < 3 || queues[DefaultQueue] < 3 {
		t.Errorf("the queues got %v, want about as many of each", queues)
	}
	// a read that waits hears of any queue, be it with a single credit
	q.mustEnqueue(t, &Task{Type: "t", Class: High, Queue: "other"})
	if ds, err := c.Fetch(t.Context(), 0, Credits{High: 1}, time.Second, nil); err != nil || len(ds) < 1 || ds[0].Class != High {
		t.Errorf("got %v, %v; want one of class high", ds, err)
	}
}

func TestFinishIsAcceptedFromTheOwnerOnly(t *testing.T) {
	q, _ := rig(t, Options{})
	q.mustEnqueue(t, plainTasks(10)...)
	a, b := mustConsumer(t, q, ConsumerOptions{Lease: time.Second}), mustConsumer(t, q, ConsumerOptions{Lease: time.Second})
	as := mustFetch(t, a, 10)
	var bs []Delivery
	for len(bs) < 4 { // b takes over what is past its lease
		var err error
		if bs, err = b.Recover(t.Context(), 0, 4-len(bs), bs); err != nil {
			t.Fatal(err)
		}
	}
	for i := range bs {
		if bs[i].Attempt != 2 {
			t.Errorf("attempt %d, want 2", bs[i].Attempt)
		}
	}
	outs := done(as)
	outs[0].Kind, outs[0].Err = Dead, "no"    // b's by now
	outs[9].Kind, outs[9].Err = Retry, "once" // still a's
	mustFinish(t, a, outs, 4)
	if n := q.client.XLen(t.Context(), normal0).Val(); n != 4 {
		t.Errorf("%d entries are left, want b's 4", n)
	}
	if n := q.client.XLen(t.Context(), "ttp:{0}:default:dlq").Val(); n != 0 {
		t.Errorf("%d dead letters, want none", n)
	}
	if n := q.client.ZCard(t.Context(), "ttp:{0}:default:delay").Val(); n != 1 {
		t.Errorf("%d delayed, want 1", n)
	}
	var refs []*Delivery
	for i := range bs {
		refs = append(refs, &bs[i])
	}
	mustFinish(t, b, done(refs), 0)
	g := q.client.XInfoGroups(t.Context(), normal0).Val()
	if len(g) != 1 || g[0].Pending != 0 || g[0].Lag != 0 {
		t.Errorf("group: %+v", g)
	}
	wantStats(t, q, 9, 1, 0, 4)
}

func wantStats(t *testing.T, q *Queue, done, retried, died, lost int64) {
	t.Helper()
	s, err := q.Stats(t.Context())
	if err != nil || len(s.Queues) != 1 {
		t.Fatalf("stats: %+v, %v", s, err)
	}
	if x := &s.Queues[0]; x.Done != done || x.Retried != retried || x.Died != died || x.Lost != lost {
		t.Errorf("done %d, retried %d, died %d, lost %d; want %d, %d, %d, %d", x.Done, x.Retried, x.Died, x.Lost, done, retried, died, lost)
	}
}

func TestARepeatedFinishAnswersAsTheFirst(t *testing.T) {
	s := redistest.Start(t)
	proxy := redistest.NewProxy(t, s.Addr())
	q := connect(t, "redis://"+proxy.Addr()+"/0", Options{})
	q.mustEnqueue(t, plainTasks(50)...)
	c := mustConsumer(t, q, ConsumerOptions{})
	ds := mustFetch(t, c, 50)
	outs := done(ds)
	for i := range outs {
		switch i % 5 {
		case 1:
			outs[i].Kind, outs[i].Err, outs[i].After = Retry, "again", time.Hour
		case 2:
			outs[i].Kind, outs[i].Err = Dead, "no"
		}
	}
	repeats := q.Repeats()
	proxy.DropOneIn.Store(2)
	for i := 0; i < len(outs); i += 5 {
		mustFinish(t, c, outs[i:i+5], 0)
	}
	proxy.DropOneIn.Store(0)
	if q.Repeats() == repeats {
		t.Error("nothing was lost, so this test tested nothing")
	}
	wantStats(t, q, 30, 10, 10, 0)
	if n := q.client.XLen(t.Context(), "ttp:{0}:default:dlq").Val(); n != 10 {
		t.Errorf("%d dead letters, want 10", n)
	}
	if n := q.client.ZCard(t.Context(), "ttp:{0}:default:delay").Val(); n != 10 {
		t.Errorf("%d delayed, want 10", n)
	}
}

func TestFinishAfterTheGroupWasMadeAnewDeletesNothingThatNobodyRead(t *testing.T) {
	for _, second := range []bool{false, true} { // with another consumer that has something pending
		q, _ := rig(t, Options{})
		q.mustEnqueue(t, plainTasks(10)...)
		c := mustConsumer(t, q, ConsumerOptions{})
		ds := mustFetch(t, c, 10)
		q.client.XGroupDestroy(t.Context(), normal0, group)
		q.client.XGroupCreate(t.Context(), normal0, group, "0")
		name := c.Name()
		if second {
			name = "other"
		}
		// the new group has come to the third entry
		q.client.XReadGroup(t.Context(), &redis.XReadGroupArgs{Group: group, Consumer: name, Streams: []string{normal0, ">"}, Count: 3})
		lost, left := 7, int64(7)
		if second {
			lost, left = 10, 10
		}
		mustFinish(t, c, done(ds), lost)
		if n := q.client.XLen(t.Context(), normal0).Val(); n != left {
			t.Errorf("second %v: %d entries are left, want %d", second, n, left)
		}
	}
}
