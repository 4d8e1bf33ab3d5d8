package queue

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

func mustClock(t *testing.T, r Recurring) *clock {
	t.Helper()
	c, err := r.clock()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	x, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func texts(times []time.Time) (list []string) {
	for _, x := range times {
		list = append(list, x.UTC().Format("02T15:04:05"))
	}
	return list
}

func TestDueByPolicy(t *testing.T) {
	hourly := mustClock(t, Recurring{Cron: "0 * * * *"})
	last := at(t, "2026-11-22T06:00:00Z")
	for _, c := range []struct {
		name   string
		now    string
		policy Misfire
		grace  time.Duration
		want   []string
		mark   string
	}{
		{"nothing due", "2026-11-22T06:59:59Z", FireOne, 0, nil, "22T06:00:00"},
		{"on time", "2026-11-22T07:00:00Z", FireNone, 0, []string{"22T07:00:00"}, "22T07:00:00"},
		{"late within the grace", "2026-11-22T07:00:10Z", FireNone, 0, []string{"22T07:00:00"}, "22T07:00:00"},
		{"later, none", "2026-11-22T07:00:11Z", FireNone, 0, nil, "22T07:00:00"},
		{"later, none, long grace", "2026-11-22T07:20:00Z", FireNone, time.Hour, []string{"22T07:00:00"}, "22T07:00:00"},
		{"later, one", "2026-11-22T07:20:00Z", FireOne, 0, []string{"22T07:00:00"}, "22T07:00:00"},
		{"three missed, one", "2026-11-22T09:20:00Z", FireOne, 0, []string{"22T09:00:00"}, "22T09:00:00"},
		{"three missed, none", "2026-11-22T09:20:00Z", FireNone, 0, nil, "22T09:00:00"},
		{"three missed, all", "2026-11-22T09:20:00Z", FireAll, 0, []string{"22T07:00:00", "22T08:00:00", "22T09:00:00"}, "22T09:00:00"},
	} {
		dues, mark, next := hourly.due(last, at(t, c.now), c.policy, c.grace)
		if got := texts(dues); !slices.Equal(got, c.want) || texts([]time.Time{mark})[0] != c.mark {
			t.Errorf("%s: got %v, mark %v; want %v, mark %s", c.name, got, mark, c.want, c.mark)
		}
		if !next.After(at(t, c.now)) {
			t.Errorf("%s: next is %v", c.name, next)
		}
	}
}

// A long outage is made up for in portions, and costs no walk through it where
// only the last firing counts.
func TestDueAfterALongOutage(t *testing.T) {
	c := mustClock(t, Recurring{Every: time.Second})
	last, now := at(t, "2020-01-01T00:00:00Z"), at(t, "2026-11-22T00:00:00Z")
	dues, mark, next := c.due(last, now, FireAll, 0)
	if len(dues) != tickMost || !mark.Equal(last.Add(tickMost*time.Second)) || next.After(now) {
		t.Errorf("all: got %d, mark %v, next %v", len(dues), mark, next)
	}
	begin := time.Now()
	dues, mark, _ = mustClock(t, Recurring{Cron: "* * * * * *"}).due(last, now, FireOne, 0)
	if len(dues) != 1 || !mark.Equal(now) || time.Since(begin) > 10*time.Second {
		t.Errorf("one: got %v, mark %v after %v", dues, mark, time.Since(begin))
	}
}

// Wall clocks jump in Berlin on 2026-03-29 (02:00 to 03:00) and on 2026-10-25
// (03:00 to 02:00): a daily task fires once a day all the same.
func TestTimeZones(t *testing.T) {
	daily := mustClock(t, Recurring{Cron: "30 2 * * *", Zone: "Europe/Berlin"})
	for _, c := range []struct{ after, want string }{
		{"2026-03-27T12:00:00Z", "2026-03-28T01:30:00Z"},
		{"2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"}, // 03:30, since there is no 02:30
		{"2026-03-29T12:00:00Z", "2026-03-30T00:30:00Z"},
		{"2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
	} {
		if got := daily.next(at(t, c.after)); !got.Equal(at(t, c.want)) {
			t.Errorf("after %s: got %v, want %s", c.after, got, c.want)
		}
	}
	seen := make(map[string]int)
	for x := at(t, "2026-01-01T00:00:00Z"); x.Before(at(t, "2026-12-31T00:00:00Z")); {
		x = daily.next(x)
		seen[x.In(daily.zone).Format("01-02")]++
	}
	if len(seen) != 365 {
		t.Errorf("fires on %d days of the year", len(seen))
	}
	for day, n := range seen {
		if n != 1 {
			t.Errorf("%s: fires %d times", day, n)
		}
	}
	// what fires each hour does so when clocks change, too
	hourly := mustClock(t, Recurring{Cron: "30 * * * *", Zone: "Europe/Berlin"})
	for x := at(t, "2026-10-24T00:30:00Z"); x.Before(at(t, "2026-10-26T00:00:00Z")); x = hourly.next(x) {
		if got := hourly.next(x).Sub(x); got != time.Hour {
			t.Errorf("hourly, after %v: in %v", x, got)
		}
	}
}

func TestLastFiringOfRareSchedules(t *testing.T) {
	now := at(t, "2026-11-22T06:00:00Z")
	for cron, want := range map[string]string{
		"0 0 29 2 *":  "2024-02-29T00:00:00Z",
		"0 0 1 1 *":   "2026-01-01T00:00:00Z",
		"@monthly":    "2026-11-01T00:00:00Z",
		"*/5 * * * *": "2026-11-22T06:00:00Z",
	} {
		if got := mustClock(t, Recurring{Cron: cron}).before(now); !got.Equal(at(t, want)) {
			t.Errorf("%s: got %v, want %s", cron, got, want)
		}
	}
}

func TestScheduleRefuses(t *testing.T) {
	q, err := prepare(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	task := Task{Type: "t"}
	for want, r := range map[string]Recurring{
		`name = "": is missing`:                 {Cron: "@daily", Task: task},
		`cron = "* * *": expected`:              {Name: "r", Cron: "* * *", Task: task},
		`cron = "": `:                           {Name: "r", Task: task},
		"names a day that never comes":          {Name: "r", Cron: "0 0 31 2 *", Task: task},
		"zone and every":                        {Name: "r", Cron: "CRON_TZ=UTC @daily", Task: task},
		`zone = "Mars": unknown time zone Mars`: {Name: "r", Cron: "@daily", Zone: "Mars", Task: task},
		"every = 1ms: must be from 1s":          {Name: "r", Every: time.Millisecond, Task: task},
		"every = 1m0s: stands beside cron":      {Name: "r", Every: time.Minute, Cron: "@daily", Task: task},
		`misfire = "two": must be none`:         {Name: "r", Cron: "@daily", Misfire: "two", Task: task},
		"grace = -1ns":                          {Name: "r", Cron: "@daily", Grace: -1, Task: task},
		"expires = -1ns":                        {Name: "r", Cron: "@daily", Expires: -1, Task: task},
		"each firing gets its own":              {Name: "r", Cron: "@daily", Task: Task{ID: "x", Type: "t"}},
		`type = ""`:                             {Name: "r", Cron: "@daily"},
	} {
		if err := q.Schedule(t.Context(), r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestScheduleAndUnschedule(t *testing.T) {
	q, _ := rig(t, Options{Shards: 4})
	ctx := t.Context()
	for _, name := range []string{"b", "a", "täglich"} {
		if err := q.Schedule(ctx, Recurring{Name: name, Cron: "0 3 * * *", Zone: "Europe/Berlin", Misfire: FireAll, Task: Task{Type: "t", Class: Bulk, Payload: []byte{0, 255}}}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := q.Recurring(ctx)
	if err != nil || len(list) != 3 || list[0].Name != "a" || list[0].Task.Class != Bulk || string(list[0].Task.Payload) != "\x00\xff" || list[0].Next.Before(time.Now()) || time.Since(list[0].Last) > time.Minute {
		t.Errorf("got %+v, %v", list, err)
	}
	if err := q.Unschedule(ctx, "a"); err != nil {
		t.Error(err)
	}
	wantError(t, q.Unschedule(ctx, "a"), ErrNotFound)
	if list, err := q.Recurring(ctx); err != nil || len(list) != 2 {
		t.Errorf("got %+v, %v", list, err)
	}
}

// overdue schedules an interval and sets its mark back by some firings.
func overdue(t *testing.T, q *Queue, r Recurring, firings int) {
	t.Helper()
	if err := q.Schedule(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	shard := q.shardOfRecurring(&r)
	mark := time.Now().Add(-time.Duration(firings) * r.Every).UnixMilli()
	if err := q.client.HSet(t.Context(), q.keys.shards[shard].cron, "m:"+r.Name, mark).Err(); err != nil {
		t.Fatal(err)
	}
}

// Ten schedulers, half of whose replies get lost: each firing is enqueued
// once, and they count together as many as there are.
func TestManySchedulersFireOnce(t *testing.T) {
	s := redistest.Start(t)
	p := redistest.NewProxy(t, s.Addr())
	direct := connect(t, s.URL(), Options{})
	overdue(t, direct, Recurring{Name: "r", Every: 10 * time.Minute, Misfire: FireAll, Task: Task{Type: "t"}}, 50)
	var counted atomic.Int64
	var wg sync.WaitGroup
	for range 10 {
		q := connect(t, "redis://"+p.Addr()+"/0", Options{Retry: time.Minute})
		q.maxPause = firstPause
		wg.Go(func() {
			for range 5 {
				n, _, err := q.Tick(t.Context(), 0)
				if err != nil {
					t.Error(err)
				}
				counted.Add(int64(n))
			}
		})
	}
	p.DropOneIn.Store(2)
	wg.Wait()
	got := direct.all(t, DefaultQueue)
	if len(got) != 50 || counted.Load() != 50 {
		t.Errorf("got %d tasks, %d counted, want 50", len(got), counted.Load())
	}
	for id := range got {
		name, due, _ := strings.Cut(id, "@")
		if x, err := time.Parse(time.RFC3339, due); name != "r" || err != nil || x.Unix()%600 != 0 {
			t.Errorf("ID %s: %v", id, err)
		}
	}
	if p.Dropped.Load() == 0 {
		t.Error("no reply was lost: nothing was tested")
	}
}

func TestTickTellsWhenToComeBack(t *testing.T) {
	q, _ := rig(t, Options{})
	if n, next, err := q.Tick(t.Context(), 0); n != 0 || err != nil || time.Until(next) < tickIdle/2 {
		t.Errorf("nothing scheduled: fired %d, next in %v, %v", n, time.Until(next), err)
	}
	if err := q.Schedule(t.Context(), Recurring{Name: "r", Every: time.Second, Task: Task{Type: "t"}}); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for fired := 0; fired < 2; {
		n, next, err := q.Tick(t.Context(), 0)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("fired %d, %v", fired, err)
		}
		fired += n
		if !wait(t.Context(), time.Until(next)) {
			t.Fatal("test ended")
		}
	}
	for id, e := range q.all(t, DefaultQueue) {
		_, text, _ := strings.Cut(id, "@")
		due, err := time.Parse(time.RFC3339, text)
		if late := e.Enqueued; err != nil || due.Nanosecond() != 0 || !late.IsZero() && late.Sub(due) > 30*time.Second {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// With a unique key no firing begins while the last one waits or runs.
func TestRecurringDoesNotOverlap(t *testing.T) {
	q, _ := rig(t, Options{})
	overdue(t, q, Recurring{Name: "r", Every: time.Minute, Misfire: FireAll, Task: Task{Type: "t", Unique: "r"}}, 5)
	if n, _, err := q.Tick(t.Context(), 0); n != 1 || err != nil {
		t.Errorf("fired %d, %v; want 1", n, err)
	}
	if got := q.all(t, DefaultQueue); len(got) != 1 {
		t.Errorf("got %d tasks, want 1", len(got))
	}
}

// Firings and other tasks of one unique key exclude each other, in whatever
// shards their names would lie; a change of the key leaves no second one behind.
func TestRecurringSharesUniqueKeys(t *testing.T) {
	q, _ := rig(t, Options{Shards: 16})
	for i := range 10 {
		key := fmt.Sprint("key", i)
		r := Recurring{Name: fmt.Sprint("r", i), Every: time.Minute, Task: Task{Type: "t", Unique: "other"}}
		overdue(t, q, r, 1)
		r.Task.Unique = key
		overdue(t, q, r, 1)
		fired := 0
		for shard := range 16 {
			n, _, err := q.Tick(t.Context(), shard)
			if err != nil {
				t.Fatal(err)
			}
			fired += n
		}
		receipt := q.mustEnqueue(t, &Task{Type: "t", Unique: key})[0]
		if fired != 1 || !receipt.Existing || !strings.HasPrefix(receipt.ID, r.Name+"@") {
			t.Errorf("%s: fired %d, then got %+v", key, fired, receipt)
		}
	}
	if list, err := q.Recurring(t.Context()); err != nil || len(list) != 10 {
		t.Errorf("got %+v, %v", list, err)
	}
}

// A program that schedules at each start loses no firing by it; one that
// changes the times begins anew.
func TestScheduleAgainKeepsTheMark(t *testing.T) {
	q, _ := rig(t, Options{})
	r := Recurring{Name: "r", Every: time.Minute, Misfire: FireAll, Task: Task{Type: "t"}}
	overdue(t, q, r, 3)
	r.Task.Class = High
	if err := q.Schedule(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if n, _, err := q.Tick(t.Context(), 0); n != 3 || err != nil {
		t.Errorf("fired %d, %v; want 3", n, err)
	}
	if got := q.entries(t, 0, DefaultQueue, High); len(got) != 3 {
		t.Errorf("got %d of the new class, want 3", len(got))
	}
	overdue(t, q, r, 3)
	r.Every = 2 * time.Minute
	if err := q.Schedule(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if n, _, err := q.Tick(t.Context(), 0); n != 0 || err != nil {
		t.Errorf("after a change: fired %d, %v; want 0", n, err)
	}
}

// What expires in time or was damaged by hand.
func TestTickWithDamage(t *testing.T) {
	q, _ := rig(t, Options{})
	overdue(t, q, Recurring{Name: "good", Every: time.Minute, Expires: time.Hour, Task: Task{Type: "t"}}, 1)
	overdue(t, q, Recurring{Name: "bad", Every: time.Minute, Task: Task{Type: "t"}}, 1)
	q.client.HSet(t.Context(), q.keys.shards[0].cron, "m:bad", "soon")
	n, _, err := q.Tick(t.Context(), 0)
	if n != 1 || err == nil || !strings.Contains(err.Error(), `recurring task bad has the mark "soon"`) {
		t.Errorf("fired %d, %v", n, err)
	}
	for id, e := range q.all(t, DefaultQueue) {
		if e.NotAfter.IsZero() || !strings.HasPrefix(id, "good@") {
			t.Errorf("got %+v", e)
		}
	}
}

// Old cancellations are forgotten.
func TestTickForgetsCancellations(t *testing.T) {
	q, _ := rig(t, Options{})
	key := q.keys.shards[0].canceled
	for i, ms := range []int64{1, time.Now().Add(time.Hour).UnixMilli()} {
		q.client.Do(t.Context(), "ZADD", key, strconv.FormatInt(ms, 10), fmt.Sprint("id", i))
	}
	if _, _, err := q.Tick(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if left := q.client.ZRange(t.Context(), key, 0, -1).Val(); !slices.Equal(left, []string{"id1"}) {
		t.Errorf("left are %v", left)
	}
}
