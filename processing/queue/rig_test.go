package queue

import (
	"errors"
	"testing"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// connect connects to a server with the options, whose URL it sets.
func connect(tb testing.TB, url string, o Options) *Queue {
	tb.Helper()
	o.URL = url
	q, err := Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { q.Close() })
	return q
}

// rig is a queue on a server of its own.
func rig(tb testing.TB, o Options) (*Queue, *redistest.Server) {
	tb.Helper()
	s := redistest.Start(tb)
	return connect(tb, s.URL(), o), s
}

// stored is what an entry or a delayed task turns out to be.
type stored struct {
	Delivery
	payload string
}

// entries reads all of a stream.
func (q *Queue) entries(tb testing.TB, shard int, name string, c Class) []stored {
	tb.Helper()
	list, err := q.client.XRange(tb.Context(), q.keys.of(shard, name).stream[c], "-", "+").Result()
	if err != nil {
		tb.Fatal(err)
	}
	got := make([]stored, len(list))
	for i, m := range list {
		got[i].payload, _ = m.Values["d"].(string)
		header, _ := m.Values["t"].(string)
		if err := parseHeader(header, &got[i].Delivery); err != nil {
			tb.Fatalf("entry %s: %v", m.ID, err)
		}
	}
	return got
}

// all reads the streams of a queue in all shards, by ID; an ID twice fails the
// test.
func (q *Queue) all(tb testing.TB, name string) map[string]stored {
	tb.Helper()
	got := make(map[string]stored)
	for shard := range q.o.Shards {
		for _, c := range Classes() {
			for _, e := range q.entries(tb, shard, name, c) {
				if _, twice := got[e.ID]; twice {
					tb.Errorf("task %s is there twice", e.ID)
				}
				got[e.ID] = e
			}
		}
	}
	return got
}

// mustEnqueue enqueues and returns the receipts.
func (q *Queue) mustEnqueue(tb testing.TB, tasks ...*Task) []Receipt {
	tb.Helper()
	got, err := q.Enqueue(tb.Context(), tasks...)
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

func wantError(tb testing.TB, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Errorf("got error %v, want %v", err, want)
	}
}
