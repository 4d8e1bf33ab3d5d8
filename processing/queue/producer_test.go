package queue

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// producer makes a producer that looks often and keeps for a second.
func (q *Queue) producer(t *testing.T, o ProducerOptions) *Producer {
	t.Helper()
	o.Horizon, o.Every = time.Second, minLook
	p, err := q.Producer(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		p.Close(ctx)
	})
	return p
}

func some(n, payload int) []*Task {
	tasks := make([]*Task, n)
	for i := range tasks {
		tasks[i] = &Task{Type: "t", Payload: []byte(strings.Repeat("x", payload))}
	}
	return tasks
}

// until waits for what must come.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s within 30 s", what)
		}
	}
}

// A server without persistence that is killed has forgotten all.
func TestWhatAServerForgotIsOfferedAgain(t *testing.T) {
	q, srv := rig(t, Options{Shards: 4})
	p := q.producer(t, ProducerOptions{})
	want := make(map[string]bool)
	enqueue := func(tasks []*Task) {
		t.Helper()
		receipts, err := p.Enqueue(t.Context(), tasks...)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range receipts {
			want[r.ID] = true
		}
	}
	enqueue(some(300, 10))
	enqueue([]*Task{{ID: "mine", Type: "t"}, {Type: "t", Unique: "u"}, {Type: "t", NotBefore: time.Now().Add(time.Hour)}})
	for round := range 2 {
		srv.Kill()
		srv.Start()
		enqueue(some(10, 10)) // to the server that has forgotten: not to come twice
		until(t, "renewal", func() bool { return p.Stats().Renewed == uint64(303+(round)*313) })
	}
	got := q.all(t, "default")
	if len(got) != len(want)-1 { // one is delayed
		t.Errorf("%d tasks are there, want %d", len(got), len(want)-1)
	}
	for id := range got {
		if !want[id] {
			t.Errorf("task %s was never enqueued", id)
		}
	}
	if s := p.Stats(); s.Losses != 2 || s.Err != nil {
		t.Errorf("got %+v", s)
	}
}

func TestAProducerForgetsAfterAHorizon(t *testing.T) {
	q, srv := rig(t, Options{})
	p := q.producer(t, ProducerOptions{})
	if _, err := p.Enqueue(t.Context(), some(5, 0)...); err != nil {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Kept != 5 || s.KeptBytes != 5*taskOverhead {
		t.Errorf("got %+v", s)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
	if s := p.Stats(); s.Kept != 0 || s.KeptBytes != 0 || s.Offered != 0 {
		t.Errorf("got %+v", s)
	}
	if _, err := p.Enqueue(t.Context(), some(1, 0)...); err != ErrProducerClosed {
		t.Errorf("after close: %v", err)
	}
	srv.Kill()
}

// Close says what it leaves to luck.
func TestCloseOfAProducerWithoutPatience(t *testing.T) {
	q, _ := rig(t, Options{})
	p := q.producer(t, ProducerOptions{})
	if _, err := p.Enqueue(t.Context(), some(5, 0)...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Close(ctx); err == nil || !strings.Contains(err.Error(), "before 5 tasks") {
		t.Errorf("got %v", err)
	}
}

func TestAProducerIsBounded(t *testing.T) {
	q, _ := rig(t, Options{})
	p := q.producer(t, ProducerOptions{MaxBytes: minKept})
	if _, err := p.Enqueue(t.Context(), some(6, minKept/5)...); err == nil || !strings.Contains(err.Error(), "MaxBytes") {
		t.Errorf("more than it may ever keep: %v", err)
	}
	big := some(4, minKept*3/16)
	if _, err := p.Enqueue(t.Context(), big...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Enqueue(ctx, big...); err == nil || !strings.Contains(err.Error(), "reached") {
		t.Errorf("without room: %v", err)
	}
	start := time.Now()
	if _, err := p.Enqueue(t.Context(), big...); err != nil || time.Since(start) < 500*time.Millisecond {
		t.Errorf("after %v: %v; want it after the horizon of 1 s", time.Since(start), err)
	}
}

// What was not taken is the caller's, and is not kept.
func TestAProducerKeepsWhatWasTaken(t *testing.T) {
	q, _ := rig(t, Options{MaxLen: 2})
	p := q.producer(t, ProducerOptions{})
	receipts, err := p.Enqueue(t.Context(), &Task{ID: "a", Type: "t"}, &Task{}, nil, &Task{ID: "b", Type: "t"})
	wantError(t, err, ErrInvalid)
	if s := p.Stats(); len(receipts) != 4 || s.Kept != 2 || s.KeptBytes != 2*taskOverhead {
		t.Errorf("got %+v of %+v", s, receipts)
	}
	_, err = p.Enqueue(t.Context(), some(1, 0)...)
	wantError(t, err, ErrFull)
	if s := p.Stats(); s.Kept != 2 || s.KeptBytes != 2*taskOverhead {
		t.Errorf("got %+v", s)
	}
}

func TestAProducersOptions(t *testing.T) {
	q, _ := rig(t, Options{Dedup: 10 * time.Second})
	for _, o := range []ProducerOptions{{Horizon: time.Millisecond}, {Horizon: 6 * time.Second}, {MaxBytes: 1}, {Every: 1}} {
		if _, err := q.Producer(t.Context(), o); err == nil {
			t.Errorf("%+v is taken", o)
		} else {
			wantError(t, err, ErrInvalid)
		}
	}
}

func TestAProducerNeedsTheServersMemoryOfIDs(t *testing.T) {
	q, _ := rig(t, Options{Dedup: time.Second})
	if _, err := q.Producer(t.Context(), ProducerOptions{}); err == nil || !strings.Contains(err.Error(), "Dedup is 1s") {
		t.Errorf("got %v", err)
	}
}

// A user who may not ask who the server is learns which right is missing.
func TestAProducerWithoutInfo(t *testing.T) {
	srv := redistest.Start(t)
	srv.Do("ACL SETUSER p on >p ~* &* +@all -info")
	q := connect(t, fmt.Sprintf("redis://p:p@%s", srv.Addr()), Options{})
	if _, err := q.Producer(t.Context(), ProducerOptions{}); err == nil || !strings.Contains(err.Error(), "+info") {
		t.Errorf("got %v", err)
	}
}

func TestAProducerOnACluster(t *testing.T) {
	c := redistest.StartCluster(t, 3)
	awaitEpochs(c)
	q := connect(t, "redis+cluster://"+c.Addrs()[0], Options{Shards: 4})
	p := q.producer(t, ProducerOptions{})
	if _, err := p.Enqueue(t.Context(), some(1000, 0)...); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(t.Context()); err != nil || p.Stats().Losses != 0 {
		t.Errorf("%v, %+v", err, p.Stats())
	}
}
