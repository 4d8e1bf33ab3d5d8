package postgres

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// Redis loses power and has forgotten its tasks, and the dispatcher ended before
// it noticed: the next one sends again what was sent last. What is older was
// on disk, and is not sent again.
func TestAlarmsThatRedisForgotAreSentAgain(t *testing.T) {
	srv := redistest.Start(t) // without a log: it forgets all
	pool := migrated(t)
	q, err := queue.Open(t.Context(), queue.Options{URL: srv.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	d := NewDispatcher(pool, q, DispatcherOptions{Class: queue.Critical})
	store(t, NewAlarms(pool, 0, nil), alarmFrame("pi-01", 1, "high", "clear"), alarmFrame("pi-01", 2, "low"))
	if n, err := d.Dispatch(t.Context()); n != 3 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if _, err := pool.Exec(t.Context(), "UPDATE telhub.outbox SET sent = sent - interval '1 minute' WHERE id LIKE '%/1#0'"); err != nil {
		t.Fatal(err)
	}
	srv.Kill()
	srv.Start()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { NewDispatcher(pool, q, DispatcherOptions{Class: queue.Critical}).Run(ctx) })
	defer wg.Wait()
	defer cancel()
	c := client(t, srv.Addr())
	eventually(t, "the alarms", func() bool { return c.XLen(t.Context(), "ttp:{0}:default:critical").Val() >= 2 })
	want(t, pool, "3|3", "SELECT count(*), count(sent) FROM telhub.outbox")
	if n := c.XLen(t.Context(), "ttp:{0}:default:critical").Val(); n != 2 {
		t.Errorf("%d tasks, want the 2 that were sent last", n)
	}
}

// What the queue may have forgotten the ID of would run twice: it stays sent.
func TestAlarmsOfLongAgoAreNotSentAgain(t *testing.T) {
	pool := migrated(t)
	q := &counter{tasks: map[string]int{}}
	d := NewDispatcher(pool, q, DispatcherOptions{Dedup: time.Minute})
	store(t, NewAlarms(pool, 0, nil), alarmFrame("pi-01", 1, "high"))
	if n, err := d.Dispatch(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	for after, want := range map[string]int{"40 seconds": 1, "20 seconds": 0} {
		if _, err := pool.Exec(t.Context(), "UPDATE telhub.outbox SET sent = now() - $1::interval", after); err != nil {
			t.Fatal(err)
		}
		if _, err := pool.Exec(t.Context(), outboxRecall, recallTime, d.o.Dedup/2); err != nil {
			t.Fatal(err)
		}
		if got := value(t, pool, "SELECT count(sent) FROM telhub.outbox"); got != fmt.Sprint(want) {
			t.Errorf("sent %s ago: %s stay sent, want %d", after, got, want)
		}
	}
}
