package bench

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// lanes is an uplink over a real store with a backlog, beside a real Redis. It
// notes every append and every commit, and how long each frame of the lanes
// live and alarm took from Submit until Redis had accepted it.
type lanes struct {
	t     testing.TB
	store *store.Store
	sink  *redis.Sink
	up    *uplink.Uplink
	pool  *frame.Pool
	ctl   *client.Client // counts what the server received
	stop  context.CancelFunc
	done  chan bool

	mu      sync.Mutex // guards what follows
	waiting [frame.Lanes][]time.Time
	took    [frame.Lanes][]time.Duration
	appends []appended
	commits []span
	puts    []time.Time // of alarms into the store

	link  time.Duration // what every batch takes besides
	wire  bool          // appends of backlog ask what the server received
	asked int64         // bytes
}

type span struct{ begin, end time.Time }

// appended is a batch that Redis took.
type appended struct {
	span
	lane     frame.Lane
	samples  uint64
	payload  int64
	wire     int   // bytes, as the sink counts them
	received int64 // by the server before it; with wire
}

// infoBytes is what asking costs: "*2\r\n$4\r\ninfo\r\n$5\r\nstats\r\n".
const infoBytes = 28

// newLanes stocks a store and opens an uplink over it, which Redis does not
// hear of before begin.
func newLanes(t testing.TB, srv *redistest.Server, samples int, bytes, rate int64) *lanes {
	t.Helper()
	dir := t.TempDir()
	fillStore(t, dir, samples, bytes)
	l := &lanes{t: t, ctl: client.NewClient(&client.Options{Addr: srv.Addr(), MaxRetries: -1}), done: make(chan bool, 1)}
	t.Cleanup(func() { l.ctl.Close() })
	st, report, err := store.Open(store.Options{
		Dir: dir, MaxBytes: 8 << 30, PendingBytes: 512 << 10, Boot: bootID(t), Now: nowMilli,
	})
	if err != nil {
		t.Fatal(err)
	}
	carried, err := st.Samples()
	if err != nil {
		t.Fatal(err)
	}
	l.sink, err = redis.New(redis.Options{
		Server: redis.Address{Network: "tcp", Addrs: []string{srv.Addr()}}, Device: "lanes", Stream: "telhub", Shards: 1, Durability: "memory",
	})
	if err != nil {
		t.Fatal(err)
	}
	l.store = st
	l.pool = frame.NewPool(frame.PoolSize{Small: 512, SmallBytes: 512, Large: 4, LargeBytes: 64 << 10})
	l.up = uplink.New(uplink.Options{
		Device: "lanes", Boot: bootID(t), Epoch: report.Epoch, Encoding: "compact",
		Flush: 10 * time.Millisecond, Frame: 256, LargeFrame: 4096, LargeBytes: 64 << 10, MaxLoss: 5 * time.Second,
		BackfillRate: rate, Carried: carried,
		Breaker: uplink.BreakerOptions{Failures: 3, Open: time.Second, OpenMax: time.Second},
		Store:   kept{Store: st, put: l.watchPut, commit: l.watchCommit}, Sink: watched{l.sink, l},
		Pool: l.pool, Frames: 516, Boottime: clock.Boottime, Dates: right(bootID(t)), Seed: 1,
	})
	return l
}

// begin lets the uplink run. The test ends it, unless end does.
func (l *lanes) begin() {
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	go func() { l.done <- l.up.Run(ctx) }()
}

// end ends the uplink and closes what it used.
func (l *lanes) end() {
	l.t.Helper()
	l.stop()
	if !<-l.done {
		l.t.Error("the run did not end with everything safe")
	}
	l.sink.Close()
	if err := l.store.Close(); err != nil {
		l.t.Error(err)
	}
}

// watched is the sink with its watcher.
type watched struct {
	*redis.Sink
	l *lanes
}

// Append implements uplink.Sink.
func (w watched) Append(ctx context.Context, b *uplink.Batch) error {
	l := w.l
	a := appended{lane: b.Lane}
	if b.Lane == frame.Backfill {
		if l.wire {
			a.received = l.received()
		}
	}
	a.begin = time.Now()
	if l.link > 0 {
		<-time.After(l.link)
	}
	err := w.Sink.Append(ctx, b)
	a.end, a.wire = time.Now(), b.Wire
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range b.Items {
		a.samples += uint64(b.Items[i].N)
		a.payload += int64(len(b.Items[i].Data))
		if q := &l.waiting[b.Lane]; len(*q) > 0 {
			l.took[b.Lane] = append(l.took[b.Lane], a.end.Sub((*q)[0]))
			*q = (*q)[1:]
		}
	}
	l.appends = append(l.appends, a)
	return nil
}

func (l *lanes) watchPut(f *frame.Frame) {
	if f.Lane != frame.Alarm {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.puts = append(l.puts, time.Now())
}

func (l *lanes) watchCommit(commit func() error) error {
	s := span{begin: time.Now()}
	err := commit()
	s.end = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commits = append(l.commits, s)
	return err
}

// received is how many bytes the server has read from its clients, but for
// these questions.
func (l *lanes) received() int64 {
	text, err := l.ctl.Info(context.Background(), "stats").Result()
	if err != nil {
		l.t.Errorf("INFO: %v", err)
		return 0
	}
	_, rest, _ := strings.Cut(text, "\ntotal_net_input_bytes:")
	line, _, _ := strings.Cut(rest, "\r\n")
	n, err := strconv.ParseInt(line, 10, 64)
	if err != nil {
		l.t.Errorf("INFO stats: %v", err)
	}
	l.asked += infoBytes
	return n - l.asked
}

// submit submits a frame of so many samples, taken now.
func (l *lanes) submit(enc *frame.Encoder, samples int, class frame.Class) {
	f := l.pool.Get(512)
	if f == nil {
		l.t.Error("no frame is free")
		return
	}
	var s [8]drivers.Sample
	for i := range s[:samples] {
		s[i] = drivers.Sample{Stamp: clock.Boottime(), Channel: uint16(i % 4), Value: float64(i)}
	}
	if err := enc.Encode(f, s[:samples]); err != nil {
		l.t.Error(err)
		return
	}
	f.Class = class
	lane := frame.Live
	if class == frame.Urgent {
		lane = frame.Alarm
	}
	l.mu.Lock()
	l.waiting[lane] = append(l.waiting[lane], time.Now())
	l.mu.Unlock()
	l.up.Submit(f)
}

// wait waits until a condition of the status holds.
func (l *lanes) wait(what string, ok func(uplink.Status) bool) {
	l.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !ok(l.up.Status()); <-tick.C {
		if time.Now().After(deadline) {
			l.t.Fatalf("waiting for %s: %+v", what, l.up.Status())
		}
	}
}

func drained(s uplink.Status) bool { return s.Connected && s.Stored == 0 }

// of returns the appends of a lane.
func (l *lanes) of(lane frame.Lane) (all []appended) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.appends {
		if a.lane == lane {
			all = append(all, a)
		}
	}
	return all
}

// quantile returns the q-quantile of durations, of none 0.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(all))
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

func summary(all []time.Duration) string {
	us := func(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }
	return fmt.Sprintf("p50 %s p99 %s max %s of %d", us(quantile(all, .5)), us(quantile(all, .99)), us(quantile(all, 1)), len(all))
}
