package worker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// holderURL tells the test binary that it is to hold tasks until it is killed.
const holderURL = "TTP_TEST_HOLDER"

// holderLease is short, and longer than a busy machine keeps a process from renewing it.
const holderLease = 2 * time.Second

func TestMain(m *testing.M) {
	if url := os.Getenv(holderURL); url != "" {
		hold(url)
	}
	os.Exit(m.Run())
}

// hold runs a pool whose handlers never return, and says which tasks it has.
func hold(url string) {
	q, err := queue.Open(context.Background(), queue.Options{URL: url})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	p := New(q, Options{Workers: 4, Lease: holderLease, Log: quiet()})
	p.Handle("t", func(_ context.Context, d *queue.Delivery) ([]byte, error) {
		fmt.Println("holds", d.ID)
		select {}
	})
	fmt.Println("error", p.Run(context.Background()))
	os.Exit(1)
}

// fetched is how many tasks somebody has.
func fetched(t *testing.T, q *queue.Queue) int64 {
	s := totals(t, q)
	return s.Running()
}

func TestTasksOfAKilledProcessRunAgainSoonAfterTheirLease(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	ids := enqueue(t, q, 8, "a")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holderURL+"="+s.URL())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range 4 {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), "holds ") {
			t.Fatalf("the other process says %q", lines.Text())
		}
	}
	until(t, "it has fetched all", func() bool { return fetched(t, q) == 8 })
	seen := newTally()
	p := New(q, Options{Lease: holderLease, Observer: seen, Log: quiet()})
	p.Handle("t", func(_ context.Context, d *queue.Delivery) ([]byte, error) {
		if d.Attempt != 2 {
			return nil, Fatal(fmt.Errorf("attempt %d", d.Attempt))
		}
		return nil, nil
	})
	run(t, p)
	// as long as the other one lives, nothing is taken from it
	pause(2*holderLease, nil)
	if n := len(seen.counts()); n != 0 {
		t.Errorf("%d tasks were taken from a living process", n)
	}
	cmd.Process.Kill()
	died := time.Now()
	cmd.Wait()
	until(t, "all are done", func() bool { return totals(t, q).Done == 8 })
	if took := time.Since(died); took > holderLease+10*time.Second {
		t.Errorf("the last was done %v after the kill, want lease (2 s) + 2 s, and 10 s on a busy machine", took)
	}
	seen.wantOnce(t, ids)
	if got := seen.event(Recovered); got != 8 {
		t.Errorf("%d recovered, want 8", got)
	}
}

func TestLostRepliesMakeNothingRunTwice(t *testing.T) {
	s := redistest.Start(t)
	proxy := redistest.NewProxy(t, s.Addr())
	direct := openQueue(t, s.URL(), queue.Options{})
	q := openQueue(t, "redis://"+proxy.Addr()+"/0", queue.Options{})
	seen := newTally()
	p := New(q, Options{Lease: 10 * time.Second, Observer: seen, Log: quiet()})
	p.Handle("t", func(_ context.Context, d *queue.Delivery) ([]byte, error) {
		if d.Attempt != 1 {
			return nil, Fatal(fmt.Errorf("attempt %d", d.Attempt))
		}
		return nil, nil
	})
	run(t, p)
	proxy.DropOneIn.Store(20)
	var ids []string
	for i := range 60 {
		ids = append(ids, enqueue(t, direct, 100, fmt.Sprintf("a%d-", i))...)
		pause(5*time.Millisecond, nil)
	}
	until(t, "enough was lost", func() bool {
		ids = append(ids, enqueue(t, direct, 10, fmt.Sprintf("b%d-", len(ids)))...)
		return proxy.Dropped.Load() > 40
	})
	proxy.DropOneIn.Store(0)
	until(t, "the queue is empty", func() bool { return empty(t, direct) })
	seen.wantOnce(t, ids)
	if got := totals(t, direct); got.Done != int64(len(ids)) || got.Lost != 0 {
		t.Errorf("done %d, lost %d; want %d, 0", got.Done, got.Lost, len(ids))
	}
	t.Logf("%d replies lost, %d deliveries taken back", proxy.Dropped.Load(), seen.event(Recovered))
}

func TestAStopInTheMiddleLosesNothingAndNothingWaitsForALease(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	seen := newTally()
	const lease = 30 * time.Second // longer than the test may take
	handler := func(ctx context.Context, d *queue.Delivery) ([]byte, error) {
		if d.Attempt != 1 {
			return nil, Fatal(fmt.Errorf("attempt %d", d.Attempt))
		}
		pause(time.Millisecond, nil)
		return nil, nil
	}
	ids := enqueue(t, q, 5000, "a")
	begin := time.Now()
	for range 4 { // one after the other is stopped in full run
		p := New(q, Options{Workers: 8, Lease: lease, Observer: seen, Log: quiet()})
		p.Handle("t", handler)
		r := run(t, p)
		at := len(seen.counts())
		until(t, "it works", func() bool { return len(seen.counts()) > at+300 })
		r.halt(t)
		c := client(t, s)
		if owners := c.XPending(t.Context(), "ttp:{0}:default:normal", "ttp").Val().Consumers; owners[p.consumer.Name()] != 0 {
			t.Errorf("%d tasks are still the stopped pool's", owners[p.consumer.Name()])
		}
	}
	p := New(q, Options{Workers: 8, Lease: lease, Observer: seen, Log: quiet()})
	p.Handle("t", handler)
	run(t, p)
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	if took := time.Since(begin); took > lease {
		t.Errorf("it took %v: something waited for its lease", took)
	}
	seen.wantOnce(t, ids)
	t.Logf("%d given back, %d taken over", seen.event(GivenBack), seen.event(Recovered))
}

func TestAStopEndsHandlersAfterTheGrace(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	deaf := make(chan struct{})
	defer close(deaf)
	seen := newTally()
	p := New(q, Options{Workers: 2, Grace: 100 * time.Millisecond, Lease: 30 * time.Second, Observer: seen, Log: quiet()})
	p.Handle("t", func(ctx context.Context, d *queue.Delivery) ([]byte, error) {
		if d.ID == "deaf0" {
			<-deaf
			return nil, nil
		}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	enqueue(t, q, 1, "deaf")
	enqueue(t, q, 1, "hears")
	r := run(t, p)
	until(t, "both run", func() bool { return p.Stats().Running == 2 })
	r.halt(t)
	next := newTally()
	p = New(q, Options{Observer: next, Lease: 30 * time.Second, Log: quiet()})
	p.Handle("t", func(_ context.Context, d *queue.Delivery) ([]byte, error) {
		if d.Attempt != 1 {
			return nil, Fatal(fmt.Errorf("attempt %d", d.Attempt))
		}
		return nil, nil
	})
	begin := time.Now()
	run(t, p)
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	if took := time.Since(begin); took > 25*time.Second {
		t.Errorf("they were run again after %v; want at once, not after their lease", took)
	}
	next.wantOnce(t, []string{"deaf0", "hears0"})
	if got := totals(t, q); got.Done != 2 {
		t.Errorf("%d done, want 2", got.Done)
	}
}

func TestTwoPoolsShareWithoutDuplicates(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{Shards: 2})
	seen := newTally()
	var by [2]atomic.Int64
	for i := range by {
		p := New(openQueue(t, s.URL(), queue.Options{Shards: 2}), Options{Observer: seen, Log: quiet()})
		p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) {
			by[i].Add(1)
			pause(time.Millisecond, nil)
			return nil, nil
		})
		run(t, p)
	}
	ids := enqueue(t, q, 3000, "a")
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	seen.wantOnce(t, ids)
	if a, b := by[0].Load(), by[1].Load(); a < 300 || b < 300 {
		t.Errorf("one ran %d, the other %d; want both to work", a, b)
	}
	if got := totals(t, q); got.Done != 3000 || got.Lost != 0 {
		t.Errorf("done %d, lost %d; want 3000, 0", got.Done, got.Lost)
	}
}

func TestARestartOfRedisLosesNothing(t *testing.T) {
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	q := openQueue(t, s.URL(), queue.Options{})
	seen := newTally()
	p := New(q, Options{Observer: seen, Log: quiet(), Backoff: func(int) time.Duration { return time.Millisecond }})
	p.Handle("t", func(_ context.Context, d *queue.Delivery) ([]byte, error) {
		pause(time.Millisecond, nil)
		if d.ID[len(d.ID)-1] == '7' && d.Attempt == 1 {
			return nil, errors.New("once more")
		}
		return nil, nil
	})
	run(t, p)
	ids := enqueue(t, q, 3000, "a")
	for i := range 3 {
		at := len(seen.counts())
		until(t, "it works", func() bool { return len(seen.counts()) > at+200 })
		if i == 1 {
			s.Kill()
		} else {
			s.Stop()
		}
		s.Start()
	}
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	got := seen.counts()
	for _, id := range ids {
		want := 1
		if id[len(id)-1] == '7' {
			want = 2
		}
		if got[id] != want {
			t.Errorf("%s ran %d times, want %d", id, got[id], want)
		}
	}
	if n := totals(t, q); n.Done != 3000 || n.Dead != 0 {
		t.Errorf("done %d, dead %d; want 3000, 0", n.Done, n.Dead)
	}
}

func TestFlushAllIsSurvived(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	seen := newTally()
	p := New(q, Options{Workers: 2, Observer: seen, Log: quiet()})
	began, goOn := make(chan struct{}, 2), make(chan struct{})
	p.Handle("t", func(_ context.Context, d *queue.Delivery) ([]byte, error) {
		if strings.HasPrefix(d.ID, "held") {
			began <- struct{}{}
			<-goOn
		}
		return nil, nil
	})
	run(t, p)
	enqueue(t, q, 2, "held")
	<-began
	<-began
	s.Do("FLUSHALL")
	s.Do("SCRIPT FLUSH")
	close(goOn)
	until(t, "what was held counts as lost", func() bool { return seen.event(Lost) >= 2 })
	ids := enqueue(t, q, 500, "new")
	until(t, "the new ones are done", func() bool { return totals(t, q).Done == 500 })
	seen.wantOnce(t, append(ids, "held0", "held1"))
}

func TestAGroupThatWasDeletedHealsAndNothingRunsTwiceHere(t *testing.T) {
	s := redistest.Start(t)
	q := openQueue(t, s.URL(), queue.Options{})
	seen := newTally()
	p := New(q, Options{Workers: 4, Observer: seen, Log: quiet()})
	began, goOn := make(chan struct{}, 2), make(chan struct{})
	p.Handle("t", func(_ context.Context, d *queue.Delivery) ([]byte, error) {
		if strings.HasPrefix(d.ID, "held") {
			began <- struct{}{}
			<-goOn
		}
		return nil, nil
	})
	run(t, p)
	ids := enqueue(t, q, 2, "held")
	<-began
	<-began
	for _, class := range queue.Classes() {
		s.Do("XGROUP DESTROY ttp:{0}:default:" + class.String() + " ttp")
	}
	ids = append(ids, enqueue(t, q, 500, "new")...)
	until(t, "the new ones are done", func() bool { return totals(t, q).Done == 500 })
	close(goOn)
	until(t, "the queue is empty", func() bool { return empty(t, q) })
	seen.wantOnce(t, ids)
}
