package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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

func TestReleasedDeliveriesAreTakenAtOnceAndCountAsNoAttempt(t *testing.T) {
	q, _ := rig(t, Options{})
	q.mustEnqueue(t, plainTasks(5)...)
	a, b := mustConsumer(t, q, ConsumerOptions{Lease: time.Hour}), mustConsumer(t, q, ConsumerOptions{Lease: time.Hour})
	ds := mustFetch(t, a, 5)
	if err := a.Release(t.Context(), 0, ds[:3]); err != nil {
		t.Fatal(err)
	}
	if err := a.Release(t.Context(), 0, ds[:3]); err != nil { // again, as after a lost reply
		t.Fatal(err)
	}
	mustFinish(t, a, []Outcome{{Delivery: ds[3], Kind: Released}}, 0)
	got, err := b.Recover(t.Context(), 0, 10, nil)
	if err != nil || len(got) != 4 {
		t.Fatalf("recovered %d, %v; want 4", len(got), err)
	}
	for i := range got {
		if got[i].Attempt != 1 {
			t.Errorf("%s is at attempt %d, want 1", got[i].ID, got[i].Attempt)
		}
	}
	mustFinish(t, a, done(ds[:4]), 4)
	if err := a.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err = b.Recover(t.Context(), 0, 10, nil); err != nil || len(got) != 1 || got[0].ID != "t4" {
		t.Errorf("after leave: %v, %v; want t4", got, err)
	}
	for _, x := range q.client.XInfoConsumers(t.Context(), normal0, group).Val() {
		if x.Name == a.Name() {
			t.Error("the consumer that left is still there")
		}
	}
}

func TestOwnDeliveriesAreReadAgainAfterALostReplyButNotThoseThatRun(t *testing.T) {
	s := redistest.Start(t)
	proxy := redistest.NewProxy(t, s.Addr())
	q := connect(t, "redis://"+proxy.Addr()+"/0", Options{})
	q.mustEnqueue(t, plainTasks(5)...)
	c := mustConsumer(t, q, ConsumerOptions{Lease: time.Hour})
	held := mustFetch(t, c, 5)
	q.mustEnqueue(t, &Task{ID: "x", Type: "t"}, &Task{ID: "y", Type: "t"})
	proxy.DropOneIn.Store(1)
	if _, err := c.Fetch(t.Context(), 0, everything, 0, nil); !errors.Is(err, ErrUnknown) {
		t.Fatalf("fetch: %v, want %v", err, ErrUnknown)
	}
	proxy.DropOneIn.Store(0)
	got, err := c.Recover(t.Context(), 0, 10, nil)
	if err != nil || len(got) != 2 {
		t.Fatalf("recovered %d, %v; want x and y", len(got), err)
	}
	for i := range got {
		if got[i].Attempt != 1 || (got[i].ID != "x" && got[i].ID != "y") {
			t.Errorf("recovered %s at attempt %d", got[i].ID, got[i].Attempt)
		}
		held = append(held, &got[i])
	}
	if again, err := c.Recover(t.Context(), 0, 10, nil); err != nil || len(again) != 0 {
		t.Errorf("recovered again: %v, %v", again, err)
	}
	mustFinish(t, c, done(held), 0)
}

func TestRenewKeepsLeasesAndTellsWhatIsLost(t *testing.T) {
	q, _ := rig(t, Options{})
	q.mustEnqueue(t, plainTasks(4)...)
	a, b := mustConsumer(t, q, ConsumerOptions{Lease: time.Second}), mustConsumer(t, q, ConsumerOptions{Lease: time.Second})
	ds := mustFetch(t, a, 4)
	end := time.Now().Add(1500 * time.Millisecond)
	var taken []Delivery
	for time.Now().Before(end) || len(taken) == 0 {
		if lost, err := a.Renew(t.Context(), 0, ds[:3]); err != nil || len(lost) > 0 {
			t.Fatalf("renew: %v lost, %v", lost, err)
		}
		var err error
		if taken, err = b.Recover(t.Context(), 0, 10, taken); err != nil {
			t.Fatal(err)
		}
		wait(t.Context(), 100*time.Millisecond)
	}
	if len(taken) != 1 || taken[0].ID != ds[3].ID {
		t.Errorf("taken over: %v, want the one that was not renewed", taken)
	}
	lost, err := a.Renew(t.Context(), 0, ds)
	if err != nil || len(lost) != 1 || lost[0] != ds[3] {
		t.Errorf("lost %v, %v; want the fourth", lost, err)
	}
	p := q.client.XPendingExt(t.Context(), &redis.XPendingExtArgs{Stream: normal0, Group: group, Start: "-", End: "+", Count: 10}).Val()
	for _, e := range p {
		if (e.Consumer == b.Name()) != (e.ID == ds[3].entry) || (e.Consumer == a.Name() && e.RetryCount != 1) {
			t.Errorf("pending: %+v", e)
		}
	}
}

func TestSweepTakesOutOnlyWhatOwnsNothing(t *testing.T) {
	q, s := rig(t, Options{})
	q.mustEnqueue(t, plainTasks(2)...)
	owner, idle := mustConsumer(t, q, ConsumerOptions{Name: "owner"}), mustConsumer(t, q, ConsumerOptions{Name: "idle"})
	mustFetch(t, owner, 2)
	q.mustEnqueue(t, &Task{Type: "t"})
	mustFinish(t, idle, done(mustFetch(t, idle, 1)), 0)
	args := []any{group, owner.Name(), 0, idle.Name(), 0, "nobody", 0}
	v, err := q.run(t.Context(), idle.s.leave, []string{normal0}, args...)
	if err != nil || fmt.Sprint(v) != "1" {
		t.Errorf("leave: %v, %v; want 1", v, err)
	}
	if err := idle.Sweep(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if got := s.Do("XPENDING " + normal0 + " " + group); !strings.Contains(got, owner.Name()) {
		t.Errorf("pending: %q", got)
	}
}

func TestForeignEntriesKeepTheirFieldsAsDeadLetters(t *testing.T) {
	q, _ := rig(t, Options{})
	q.client.XAdd(t.Context(), &redis.XAddArgs{Stream: normal0, Values: []string{"a", "1", "b\x00", "\xff\n"}})
	c := mustConsumer(t, q, ConsumerOptions{})
	ds := mustFetch(t, c, 1)
	if ds[0].Refused != Malformed {
		t.Fatalf("refused: %q, want malformed", ds[0].Refused)
	}
	mustFinish(t, c, []Outcome{{Delivery: ds[0], Kind: Retry}}, 0) // what is no task cannot be tried again
	letters, _, err := q.DeadLetters(t.Context(), Filter{}, Page{})
	if err != nil || len(letters) != 1 {
		t.Fatalf("dead letters: %+v, %v", letters, err)
	}
	d := letters[0]
	if d.Reason != Malformed || d.Fields["a"] != "1" || d.Fields["b\x00"] != "\xff\n" || d.Class != Normal {
		t.Errorf("dead letter: %+v", d)
	}
}

func TestLongErrorsAreCut(t *testing.T) {
	long := strings.Repeat("ä", maxErrorBytes)
	if got := cut(long); len(got) > maxErrorBytes || !strings.HasSuffix(got, "ä…") {
		t.Errorf("cut to %d bytes, ends with %q", len(got), got[len(got)-8:])
	}
	d := Delivery{Attempt: 9}
	for i := range 9 {
		d.History = d.failed(strconv.Itoa(i))
	}
	var got []string
	for _, f := range d.History {
		got = append(got, f.Err)
	}
	if want := []string{"4", "5", "6", "7", "8"}; !slices.Equal(got, want) {
		t.Errorf("history %v, want %v", got, want)
	}
}

func TestAFetchThatWaitsIsQuickAndEnds(t *testing.T) {
	q, _ := rig(t, Options{})
	c := mustConsumer(t, q, ConsumerOptions{})
	if _, err := c.Fetch(t.Context(), 0, everything, 0, nil); err != nil { // makes the groups
		t.Fatal(err)
	}
	begin := time.Now()
	if ds, err := c.Fetch(t.Context(), 0, everything, 50*time.Millisecond, nil); err != nil || len(ds) != 0 || time.Since(begin) < 50*time.Millisecond {
		t.Errorf("got %v, %v after %v; want nothing after 50 ms", ds, err, time.Since(begin))
	}
	go q.Enqueue(context.WithoutCancel(t.Context()), &Task{Type: "t", Class: Bulk})
	if ds, err := c.Fetch(t.Context(), 0, everything, time.Second, nil); err != nil || len(ds) != 1 {
		t.Errorf("got %v, %v; want one", ds, err)
	}
}

func FuzzReply(f *testing.F) {
	f.Add([]byte("*1\r\n*2\r\n$22\r\n" + normal0 + "\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*4\r\n$1\r\nt\r\n$8\r\n1n\x00\x00\x01a\x01b\r\n$1\r\nd\r\n$1\r\nx\r\n"))
	f.Add([]byte("*-1\r\n"))
	f.Add([]byte("-NOGROUP x\r\n"))
	f.Add([]byte("*1\r\n*2\r\n$22\r\n" + normal0 + "\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*-1\r\n"))
	q, err := prepare(Options{})
	if err != nil {
		f.Fatal(err)
	}
	defer q.Close()
	c := mustConsumer(f, q, ConsumerOptions{})
	f.Fuzz(func(t *testing.T, b []byte) {
		p := parser{c: c, x: c.shard[0], now: time.Now()}
		ds, err := p.streams(resp{b}, nil)
		for i := range ds {
			if d := &ds[i]; err == nil && d.Refused == "" && (d.ID == "" || d.Type == "") {
				t.Errorf("a task without ID or type: %+v", d)
			}
		}
	})
}

func TestReplyFromTheSeedIsATask(t *testing.T) {
	q, err := prepare(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	c := mustConsumer(t, q, ConsumerOptions{})
	header := string(appendHeader(nil, &Task{ID: "a", Type: "b"}, "a", 1, 0, nil))
	b := fmt.Appendf(nil, "*1\r\n*2\r\n$%d\r\n%s\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*4\r\n$1\r\nt\r\n$%d\r\n%s\r\n$1\r\nd\r\n$1\r\nx\r\n", len(normal0), normal0, len(header), header)
	p := parser{c: c, x: c.shard[0], now: time.Now()}
	ds, err := p.streams(resp{b}, make([]Delivery, 0, 1))
	if err != nil || len(ds) != 1 || ds[0].ID != "a" || string(ds[0].Payload) != "x" || ds[0].Refused != "" {
		t.Fatalf("got %+v, %v", ds, err)
	}
	room := make([]Delivery, 0, 1)
	if n := testing.AllocsPerRun(100, func() { p.streams(resp{b}, room) }); n != 0 {
		t.Errorf("reading a task allocates %v times, want 0", n)
	}
	for i := range b {
		if _, err := p.streams(resp{b[:i]}, nil); err == nil {
			t.Errorf("a reply cut after %d bytes is taken", i)
		}
	}
}
