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
	var ds []Delivery
	for err := error(nil); len(ds) == 0; {
		if ds, err = c.Fetch(t.Context(), 0, everything, time.Second, nil); err != nil || time.Since(begin) > time.Minute {
			t.Fatalf("got %v, %v; want one", ds, err)
		}
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
