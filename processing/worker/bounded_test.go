package worker

import (
	"context"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// While one long task keeps all workers busy, the fetcher that looks for
// critical ones asks again and again; that costs no memory.
func TestAFetcherThatWaitsForLongIsNotedOnce(t *testing.T) {
	k, w, other := newDesk(0, 1, 2), make(chan struct{}, 1), make(chan struct{}, 1)
	for range 1000 {
		if !k.await(w) || !k.await(other) {
			t.Fatal("there are credits")
		}
	}
	if n := len(k.wanting); n != 2 {
		t.Errorf("%d are noted, want 2", n)
	}
	k.end(false, 0)
	<-w
	<-other
}

// A long task may make and end any number of contexts of its own.
func TestEndedChildrenOfATaskContextAreForgotten(t *testing.T) {
	c := newContext()
	var last func() bool
	for range 1000 {
		_, cancel := context.WithTimeout(c, time.Minute)
		last = c.AfterFunc(func() { t.Error("called after its stop") })
		c.AfterFunc(func() {})() // stopped out of turn
		cancel()
		if !last() || last() {
			t.Fatal("stop does not stop once")
		}
	}
	if n := len(c.after); n != 0 {
		t.Errorf("%d are kept, want 0", n)
	}
	c.end(context.Canceled)
}

// A task that another worker has taken over while it waited here, behind a
// pause of the whole process, is not begun here.
func TestAWaitingTaskWhoseLeaseIsLostIsNotBegun(t *testing.T) {
	s := redistest.Start(t)
	q, c := openQueue(t, s.URL(), queue.Options{}), client(t, s)
	seen, goOn := newTally(), make(chan struct{})
	p := New(q, Options{Workers: 1, Reserved: -1, Lease: time.Second, Observer: seen, Log: quiet()})
	p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) {
		<-goOn
		return nil, nil
	})
	ids := enqueue(t, q, 2, "a")
	r := run(t, p)
	until(t, "one runs, one waits", func() bool { s := p.Stats(); return s.Running == 1 && s.Waiting == 1 })
	stream := "ttp:{0}:default:normal"
	entries := c.XRange(t.Context(), stream, "-", "+").Val()
	if err := c.Do(t.Context(), "XCLAIM", stream, "ttp", "thief", 0, entries[1].ID, "JUSTID").Err(); err != nil {
		t.Fatal(err)
	}
	until(t, "the loss is found", func() bool { return seen.event(Lost) == 1 })
	close(goOn)
	until(t, "the other has ended", func() bool { return p.Stats().Running == 0 && p.Stats().Waiting == 0 && totals(t, q).Done == 1 })
	seen.wantOnce(t, ids[:1])
	// When the thief gives it back it runs here.
	if err := c.Do(t.Context(), "XCLAIM", stream, "ttp", "released", 0, entries[1].ID, "IDLE", 3600000, "JUSTID").Err(); err != nil {
		t.Fatal(err)
	}
	until(t, "both are done", func() bool { return totals(t, q).Done == 2 })
	seen.wantOnce(t, ids)
	r.halt(t)
}
