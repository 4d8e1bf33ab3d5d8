package telemetry

import (
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/telemetry/streamtest"
)

// fillNodes makes a stream of many nodes, so that approximate trimming bites.
func fillNodes(a *streamtest.Agent, n int) {
	for range n {
		a.Frame(live, 1)
	}
}

func TestTrimmingLeavesWhatAnyGroupStillNeeds(t *testing.T) {
	srv, c, a := rig(t)
	key := StreamKey(stream, 0, live)
	srv.Do("CONFIG SET stream-node-max-entries 10")
	fillNodes(a, 200)
	ctx := t.Context()
	tr := &Trimmer{Client: c, Stream: stream, Shards: 1}
	tr.Groups[live] = []string{"storage", "other"}
	must := func(args ...any) {
		t.Helper()
		if err := c.Do(ctx, args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	trim := func(want int64) {
		t.Helper()
		if _, err := tr.Trim(ctx); err != nil {
			t.Fatal(err)
		}
		if n := c.XLen(ctx, key).Val(); n != want {
			t.Errorf("%d entries are left, want %d", n, want)
		}
	}
	trim(200) // no group
	must("XGROUP", "CREATE", key, "storage", "0")
	must("XREADGROUP", "GROUP", "storage", "a", "COUNT", 150, "STREAMS", key, ">")
	ids := c.XRange(ctx, key, "-", "+").Val()
	for i := range 150 {
		if i != 57 {
			must("XACK", key, "storage", ids[i].ID)
		}
	}
	trim(200) // the other group is missing
	must("XGROUP", "CREATE", key, "other", "0")
	trim(200) // and has read nothing
	must("XREADGROUP", "GROUP", "other", "b", "COUNT", 190, "NOACK", "STREAMS", key, ">")
	trim(150) // 57 is pending: its node of ten stays
	must("XACK", key, "storage", ids[57].ID)
	trim(50) // storage has read up to 150
	must("XGROUP", "SETID", key, "storage", ids[199].ID)
	tr.Keep = time.Hour
	trim(50)
	tr.Keep = 0
	trim(10) // other has read up to 190
	must("XGROUP", "SETID", key, "other", ids[199].ID)
	srv.Do("CONFIG SET stream-node-max-entries 1")
	a.Frame(live, 1)
	must("XGROUP", "SETID", key, "storage", "$")
	must("XGROUP", "SETID", key, "other", "$")
	if _, err := tr.Trim(ctx); err != nil {
		t.Fatal(err)
	}
	if n := c.XLen(ctx, key).Val(); n < 1 {
		t.Error("a stream that is read to its end was emptied: an audit would miss the end")
	}
}

// A limit on length has taken what was delivered and not stored: that is a
// loss, and is said to be one.
func TestTrimmedEntriesAreCountedAndNotWaitedFor(t *testing.T) {
	_, c, a := rig(t)
	key := StreamKey(stream, 0, live)
	fillNodes(a, 20)
	ctx := t.Context()
	c.XGroupCreate(ctx, key, "storage", "0")
	if err := c.Do(ctx, "XREADGROUP", "GROUP", "storage", "me", "COUNT", 10, "STREAMS", key, ">").Err(); err != nil {
		t.Fatal(err)
	}
	c.XTrimMaxLen(ctx, key, 15)
	s := newShelf()
	consumer, _ := begin(t, Options{Client: c, Sink: s, Name: "me"})
	await(t, consumer, s, 15)
	if st := consumer.Stats(); st.Trimmed != 5 || st.Dead != 0 {
		t.Errorf("stats %+v, want 5 trimmed", st)
	}
}

func TestForgettingTakesNoConsumerThatHoldsEntries(t *testing.T) {
	_, c, a := rig(t)
	key := StreamKey(stream, 0, live)
	fillNodes(a, 5)
	ctx := t.Context()
	c.XGroupCreate(ctx, key, "storage", "0")
	c.Do(ctx, "XREADGROUP", "GROUP", "storage", "holds", "COUNT", 2, "STREAMS", key, ">")
	c.XGroupCreateConsumer(ctx, key, "storage", "idle")
	c.XGroupCreateConsumer(ctx, key, "storage", "self")
	n, err := forget.Run(ctx, c, []string{key}, "storage", "self", "", 0).Int()
	if err != nil || n != 1 {
		t.Errorf("%d removed, %v; want the idle one", n, err)
	}
	var left []string
	for _, x := range c.XInfoConsumers(ctx, key, "storage").Val() {
		left = append(left, x.Name)
	}
	if got := strings.Join(left, " "); got != "holds self" {
		t.Errorf("left: %s", got)
	}
}
