package queue

import (
	"fmt"
	"testing"
	"time"
)

func TestPromoteMovesWhatIsDue(t *testing.T) {
	q, _ := rig(t, Options{})
	soon := time.Now().Add(30 * time.Millisecond)
	receipts := q.mustEnqueue(t,
		&Task{Type: "t", NotBefore: soon, Payload: []byte("1\x00:2"), Class: High},
		&Task{Type: "t", NotBefore: soon.Add(time.Millisecond), Queue: "mail"},
		&Task{Type: "t", NotBefore: soon.Add(time.Hour)})
	moved, next, err := q.Promote(t.Context(), 0)
	if moved != 0 || err != nil || time.Until(next) > promoteIdle {
		t.Fatalf("before it is due: moved %d, next in %v, %v", moved, time.Until(next), err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for moved = 0; moved < 2 && time.Now().Before(deadline); {
		n, _, err := q.Promote(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		moved += n
	}
	if moved != 2 || time.Now().Before(soon) {
		t.Fatalf("moved %d, want 2, none of them before %v", moved, soon)
	}
	got := q.entries(t, 0, DefaultQueue, High)
	if len(got) != 1 || got[0].ID != receipts[0].ID || got[0].payload != "1\x00:2" || got[0].Enqueued.IsZero() || !got[0].NotBefore.Equal(soon.Truncate(time.Millisecond)) {
		t.Errorf("got %+v", got)
	}
	if got := q.entries(t, 0, "mail", Normal); len(got) != 1 {
		t.Errorf("the other queue has %d, want 1", len(got))
	}
	for key, want := range map[string]int64{"delay": 1, "body": 1} {
		var n int64
		if key == "delay" {
			n = q.client.ZCard(t.Context(), q.keys.of(0, DefaultQueue).delay).Val()
		} else {
			n = q.client.HLen(t.Context(), q.keys.of(0, DefaultQueue).body).Val()
		}
		if n != want {
			t.Errorf("%s holds %d, want %d", key, n, want)
		}
	}
}

// A backlog of due tasks is moved in portions, in the order of their dues.
func TestPromoteIsBounded(t *testing.T) {
	q, _ := rig(t, Options{})
	var tasks []*Task
	base := time.Now().Add(time.Hour)
	for i := range 600 {
		tasks = append(tasks, &Task{Type: "t", NotBefore: base.Add(time.Duration(600-i) * time.Second), Payload: fmt.Append(nil, 600-i)})
	}
	q.mustEnqueue(t, tasks...)
	for _, r := range q.client.ZRange(t.Context(), q.keys.of(0, DefaultQueue).delay, 0, -1).Val() {
		q.client.ZIncrBy(t.Context(), q.keys.of(0, DefaultQueue).delay, -1e9, r)
	}
	for _, want := range []int{256, 256, 88, 0} {
		moved, next, err := q.Promote(t.Context(), 0)
		if moved != want || err != nil {
			t.Errorf("moved %d, %v; want %d", moved, err, want)
		}
		if want == 256 && time.Until(next) > 0 {
			t.Errorf("there is more, but the next call is due in %v", time.Until(next))
		}
	}
	for i, e := range q.entries(t, 0, DefaultQueue, Normal) {
		if want := fmt.Sprint(i + 1); e.payload != want {
			t.Fatalf("entry %d is %s, want %s", i, e.payload, want)
		}
	}
}

// Of several promoters of a shard one works; when it is gone another takes
// over.
func TestOnePromoter(t *testing.T) {
	a, s := rig(t, Options{})
	b := connect(t, s.URL(), Options{})
	if _, next, err := a.Promote(t.Context(), 0); err != nil || time.Until(next) > promoteIdle {
		t.Fatalf("the first: next in %v, %v", time.Until(next), err)
	}
	moved, next, err := b.Promote(t.Context(), 0)
	if moved != 0 || err != nil || time.Until(next) < promoteIdle {
		t.Errorf("the second: moved %d, next in %v, %v", moved, time.Until(next), err)
	}
	if ms := a.client.PTTL(t.Context(), a.keys.shards[0].promoter).Val(); ms <= 0 || ms > promoterTime {
		t.Errorf("the first stays promoter for %v", ms)
	}
	s.Do("DEL ttp:{0}:promoter")
	if _, next, err := b.Promote(t.Context(), 0); err != nil || time.Until(next) > promoteIdle {
		t.Errorf("after the first has gone: next in %v, %v", time.Until(next), err)
	}
}
