package uplink_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

const (
	perFrame = 10 // samples in a test's frame
	frames   = 64 // in the pool
)

var (
	schema = frame.Schema{Channels: []frame.Channel{{Name: "test/counter"}}}
	boot   = frame.BootID{1, 2, 3}
)

// rig is an uplink with the real store and the real sink, fed with frames
// whose samples count up, so that each can be told from all others.
type rig struct {
	t      *testing.T
	dir    string
	addr   string
	wrap   func(uplink.Store) uplink.Store // what its store is wrapped in; may be nil
	tweak  func(*uplink.Options, *store.Options)
	put    func(*frame.Frame) // told of each frame that goes to the store; may be nil
	pool   *frame.Pool
	store  *store.Store
	sink   *redis.Sink
	up     *uplink.Uplink
	stop   context.CancelFunc
	done   chan struct{}
	enc    *frame.Encoder
	next   uint64 // next counter value
	events chan uplink.Event
}

func newRig(t *testing.T, addr string) *rig {
	return &rig{t: t, dir: t.TempDir(), addr: addr, enc: frame.NewEncoder(&schema, perFrame)}
}

// start opens the store and runs an uplink over it.
func (r *rig) start() {
	r.t.Helper()
	r.pool = frame.NewPool(frame.PoolSize{
		Small: frames, SmallBytes: 512, Large: 4, LargeBytes: 1024,
	})
	so := store.Options{
		Dir: r.dir, MaxBytes: 16 << 20, PendingBytes: 64 << 10, Boot: boot, Now: func() int64 { return clock.Boottime() / 1e6 },
	}
	o := uplink.Options{
		Device: "pi-01", Boot: boot, Epoch: 1, Encoding: "compact",
		Flush: 20 * time.Millisecond, Frame: perFrame, LargeFrame: perFrame, LargeBytes: 1024,
		MaxLoss: 100 * time.Millisecond,
		Breaker: uplink.BreakerOptions{Failures: 2, Open: 20 * time.Millisecond, OpenMax: 100 * time.Millisecond},
		Pool:    r.pool, Frames: frames + 4, Boottime: clock.Boottime,
		Dating: func() frame.Dating { return frame.Dating{Offset: 1e12, Quality: frame.NTP} },
		Seed:   1,
	}
	r.events = make(chan uplink.Event, 1000)
	o.Event = func(e uplink.Event) {
		select {
		case r.events <- e:
		default:
		}
	}
	if r.tweak != nil {
		r.tweak(&o, &so)
	}
	if so.Dir != "" {
		s, report, err := store.Open(so)
		if err != nil {
			r.t.Fatal(err)
		}
		r.store, o.Store, o.Epoch = s, pending{s, r.put}, report.Epoch
		if r.wrap != nil {
			o.Store = r.wrap(o.Store)
		}
		if o.Carried, err = s.Samples(); err != nil {
			r.t.Fatal(err)
		}
	}
	sink, err := redis.New(redis.Options{
		Server: redis.Address{Network: "tcp", Addrs: []string{r.addr}}, Device: o.Device, Stream: "telhub", Shards: 1, Durability: "auto",
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.sink, o.Sink = sink, sink
	r.up = uplink.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	r.stop, r.done = cancel, make(chan struct{})
	go func() {
		r.up.Run(ctx)
		close(r.done)
	}()
}

// pending maps the store's error as the agent does.
type pending struct {
	*store.Store
	put func(*frame.Frame)
}

func (p pending) Put(f *frame.Frame) error {
	if p.put != nil {
		p.put(f)
	}
	err := p.Store.Put(f)
	if errors.Is(err, store.ErrPendingFull) {
		return uplink.ErrPending
	}
	return err
}

// shutdown ends the run in order; crash leaves the store as a power cut would.
func (r *rig) shutdown() {
	r.t.Helper()
	r.stop()
	select {
	case <-r.done:
	case <-time.After(30 * time.Second):
		r.t.Fatal("the uplink does not end")
	}
	r.sink.Close()
	if r.store != nil {
		if err := r.store.Close(); err != nil {
			r.t.Fatal(err)
		}
	}
}

// feed submits n frames, waiting for free ones.
func (r *rig) feed(n int) {
	r.t.Helper()
	var samples [perFrame]drivers.Sample
	for range n {
		f := r.frame()
		for i := range samples {
			samples[i] = drivers.Sample{Stamp: clock.Boottime(), Value: float64(r.next)}
			r.next++
		}
		if err := r.enc.Encode(f, samples[:]); err != nil {
			r.t.Fatal(err)
		}
		r.up.Submit(f)
	}
}

func (r *rig) frame() *frame.Frame {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		if f := r.pool.Get(frame.MaxPayload(&schema, perFrame)); f != nil {
			return f
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("no frame is free: %+v", r.up.Status())
		}
		time.Sleep(time.Millisecond)
	}
}

// wait waits until a condition of the status holds.
func (r *rig) wait(what string, ok func(s uplink.Status) bool) {
	r.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok(r.up.Status()) {
		if time.Now().After(deadline) {
			var st store.Stats
			if r.store != nil {
				st = r.store.Stats()
			}
			r.t.Fatalf("waiting for %s:\nuplink %+v\nstore %+v", what, r.up.Status(), st)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// settled waits until everything that was fed is delivered or lost.
func (r *rig) settled() {
	r.t.Helper()
	r.wait("delivery", func(s uplink.Status) bool {
		n := s.Counters.LostTotal()
		for _, x := range s.Counters.Delivered {
			n += x
		}
		return s.Connected && s.Memory == 0 && s.Stored == 0 && n >= r.next && s.Held == 0
	})
}

// audit is what the streams alone tell.
type audit struct {
	seen  map[uint64]string // counter value → where it stands
	gaps  []gap
	lanes [frame.Lanes][]frame.ID
}

type gap struct {
	lane  frame.Lane
	id    frame.ID
	Cause string `json:"cause"`
	N     *int64 `json:"n"`
	T0    *int64 `json:"t0"`
	T1    int64  `json:"t1"`
}

// read reads all streams and fails on anything that is there twice or out of
// order.
func (r *rig) read() *audit {
	r.t.Helper()
	a := &audit{seen: make(map[uint64]string)}
	reader := redis.NewReader(redis.Options{
		Server: redis.Address{Network: "tcp", Addrs: []string{r.addr}}, Device: "pi-01", Stream: "telhub", Shards: 1,
	}, false)
	defer reader.Close()
	var dec frame.Decoder
	for {
		some, err := reader.Next(r.t.Context(), 20*time.Millisecond, func(l frame.Lane, _ string, e redis.Entry) error {
			return a.add(l, &e, &dec)
		})
		if err != nil {
			r.t.Fatal(err)
		}
		if !some {
			return a
		}
	}
}

func (a *audit) add(l frame.Lane, e *redis.Entry, dec *frame.Decoder) error {
	if ids := a.lanes[l]; len(ids) > 0 && !ids[len(ids)-1].Less(e.ID) {
		return fmt.Errorf("%s: %v follows %v", l, e.ID, ids[len(ids)-1])
	}
	a.lanes[l] = append(a.lanes[l], e.ID)
	if e.Encoding == "gap" {
		g := gap{lane: l, id: e.ID}
		a.gaps = append(a.gaps, g)
		return json.Unmarshal(e.Data, &a.gaps[len(a.gaps)-1])
	}
	samples, err := e.Samples(dec)
	if err != nil {
		return err
	}
	for _, s := range samples {
		where := fmt.Sprint(l, "/", e.ID)
		if other, twice := a.seen[uint64(s.Value)]; twice {
			return fmt.Errorf("sample %v stands in %s and in %s", s.Value, other, where)
		}
		a.seen[uint64(s.Value)] = where
	}
	return nil
}

// declared sums the samples that gap records declare; unknown says how many
// of them do not know.
func (a *audit) declared() (n int64, unknown int) {
	for _, g := range a.gaps {
		if g.N == nil {
			unknown++
		} else {
			n += *g.N
		}
	}
	return n, unknown
}

// complete fails unless every sample that was fed is there.
func (r *rig) complete() *audit {
	r.t.Helper()
	a := r.read()
	if len(a.seen) != int(r.next) || len(a.gaps) != 0 {
		r.t.Errorf("%d of %d samples are in the streams, gaps %+v", len(a.seen), r.next, a.gaps)
	}
	return a
}

func TestFramesArriveLiveAndInOrder(t *testing.T) {
	r := newRig(t, redistest.Start(t).Addr())
	// a busy machine must not make frames old enough for the store
	r.tweak = func(o *uplink.Options, _ *store.Options) { o.MaxLoss = time.Minute }
	r.start()
	for range 20 {
		r.feed(10)
		r.settled()
	}
	r.shutdown()
	if a := r.complete(); len(a.lanes[frame.Live]) != 200 {
		t.Errorf("%d frames went live, want 200", len(a.lanes[frame.Live]))
	}
	if small, large := r.pool.Available(); small != frames || large != 4 {
		t.Errorf("%d small and %d large frames came back to the pool", small, large)
	}
}

func TestAnOutageGoesThroughTheStore(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newRig(t, srv.Addr())
	r.start()
	r.feed(20)
	srv.Stop()
	r.feed(20)
	r.wait("the breaker", func(s uplink.Status) bool { return s.Breaker == uplink.Open })
	r.feed(300)
	r.wait("the store", func(s uplink.Status) bool { return s.Counters.Spooled >= 250*perFrame })
	srv.Start()
	r.feed(20)
	r.settled()
	r.shutdown()
	if a := r.complete(); len(a.lanes[frame.Backfill]) < 250 {
		t.Errorf("%d frames came by the store, want at least 250", len(a.lanes[frame.Backfill]))
	}
}

func TestLostRepliesAreNeitherDoubledNorLost(t *testing.T) {
	srv := redistest.Start(t)
	proxy := redistest.NewProxy(t, srv.Addr())
	r := newRig(t, proxy.Addr())
	r.start()
	r.feed(10)
	r.settled()
	proxy.DropOneIn.Store(8)
	for range 150 {
		r.feed(10) // a burst would travel in few calls
		time.Sleep(2 * time.Millisecond)
	}
	proxy.DropOneIn.Store(0)
	r.settled()
	r.shutdown()
	if proxy.Dropped.Load() < 10 {
		t.Errorf("only %d replies were lost", proxy.Dropped.Load())
	}
	r.addr = srv.Addr()
	r.complete()
}

func TestAServerThatLosesEverythingGetsADeclaredGap(t *testing.T) {
	srv := redistest.Start(t)
	r := newRig(t, srv.Addr())
	r.tweak = func(o *uplink.Options, _ *store.Options) { o.MaxLoss = time.Minute }
	r.start()
	for range 5 {
		r.feed(10)
		r.settled()
	}
	c := goredis.NewClient(&goredis.Options{Addr: srv.Addr()})
	defer c.Close()
	if err := c.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		r.feed(10)
		r.settled()
	}
	r.shutdown()
	a := r.read()
	if len(a.seen) != 50*perFrame {
		t.Errorf("%d samples after the loss, want %d", len(a.seen), 50*perFrame)
	}
	if len(a.gaps) != 1 || a.gaps[0].Cause != string(frame.ServerRewind) || a.gaps[0].id != (frame.ID{Epoch: 1, Seq: 50}) {
		t.Errorf("gaps %+v, want one by server_rewind up to 1/50", a.gaps)
	}
}

func TestARestartDeliversWhatWasStoredFirst(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newRig(t, srv.Addr())
	r.start()
	r.feed(20)
	r.settled()
	srv.Stop()
	r.feed(100)
	r.shutdown()
	r.start()
	r.feed(50)
	srv.Start()
	r.feed(50)
	r.wait("the backlog", func(s uplink.Status) bool {
		return s.Connected && s.Memory == 0 && s.Stored == 0 && s.Held == 0 && s.Counters.Received == 100*perFrame
	})
	r.shutdown()
	r.complete()
}

func TestAFreshStoreTakesAnEpochThatRedisHasNotSeen(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newRig(t, srv.Addr())
	for range 3 {
		r.start()
		r.feed(10)
		r.wait("delivery", func(s uplink.Status) bool { return s.Counters.Delivered[frame.Live] == 10*perFrame })
		r.shutdown()
	}
	r.dir = t.TempDir() // a new SD card
	srv.Stop()
	r.start()
	r.feed(40) // stored under an epoch that Redis has seen
	srv.Start()
	r.feed(40)
	r.wait("delivery", func(s uplink.Status) bool {
		return s.Connected && s.Memory == 0 && s.Stored == 0 && s.Held == 0 && s.Epoch > 3
	})
	r.shutdown()
	r.complete()
}

func TestAnAgentOfTheSameNameFencesTheFirst(t *testing.T) {
	srv := redistest.Start(t)
	first, second := newRig(t, srv.Addr()), newRig(t, srv.Addr())
	first.start()
	first.feed(10)
	first.settled()
	second.next = 1 << 20
	second.start() // fresh: takes a higher epoch
	second.feed(10)
	second.wait("delivery", func(s uplink.Status) bool { return s.Counters.Delivered[frame.Live] == 10*perFrame })
	first.feed(10)
	first.wait("the fence", func(s uplink.Status) bool { return s.Fenced })
	first.feed(100) // go to the store: nothing blocks
	first.wait("the store", func(s uplink.Status) bool { return s.Counters.Spooled >= 90*perFrame })
	first.shutdown()
	second.shutdown()
	if a := first.read(); len(a.seen) != 20*perFrame {
		t.Errorf("%d samples in the streams, want those of before and of the second, %d", len(a.seen), 20*perFrame)
	}
}

func TestAFullStoreDeclaresWhatItDrops(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newRig(t, srv.Addr())
	r.tweak = func(_ *uplink.Options, so *store.Options) {
		so.MaxBytes, so.SegmentBytes, so.PendingBytes = 1<<20, 64<<10, 32<<10
	}
	r.start()
	r.feed(5)
	r.settled()
	srv.Stop()
	for r.store.Stats().Dropped == 0 {
		r.feed(50)
		if r.next > 2e6 {
			t.Fatal("the store never fills")
		}
	}
	srv.Start()
	r.feed(20)
	r.wait("delivery", func(s uplink.Status) bool {
		return s.Connected && s.Memory == 0 && s.Held == 0 && s.Stored == 0
	})
	r.shutdown()
	a := r.read()
	n, unknown := a.declared()
	if unknown > 0 || uint64(len(a.seen))+uint64(n) != r.next || n == 0 {
		t.Errorf("delivered %d + declared %d (%d gaps without a number), acquired %d", len(a.seen), n, unknown, r.next)
	}
}

func TestWithoutAStoreTheOldestIsGivenUpAndDeclared(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newRig(t, srv.Addr())
	r.tweak = func(_ *uplink.Options, so *store.Options) { so.Dir = "" }
	r.start()
	r.feed(5)
	r.settled()
	srv.Stop()
	r.feed(300)
	srv.Start()
	r.feed(5)
	r.settled()
	r.shutdown()
	a := r.read()
	n, unknown := a.declared()
	if unknown > 0 || uint64(len(a.seen))+uint64(n) != r.next || n < 200*perFrame {
		t.Errorf("delivered %d + declared %d (%d gaps without a number), acquired %d", len(a.seen), n, unknown, r.next)
	}
	if _, ok := a.seen[r.next-1]; !ok {
		t.Error("the newest sample is missing: the oldest should give way")
	}
}

func TestSubmitAndStatusAreSafeFromManyGoroutines(t *testing.T) {
	r := newRig(t, redistest.Start(t).Addr())
	r.start()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				r.up.Status()
				r.up.Shape()
			}
		})
	}
	r.feed(200)
	wg.Wait()
	r.settled()
	r.shutdown()
	r.complete()
}

func TestAPowerCutIsDeclaredFromWhereTheStreamEnds(t *testing.T) {
	srv := redistest.Start(t)
	r := newRig(t, srv.Addr())
	r.start()
	r.feed(5)
	r.settled()
	end := clock.Boottime() / 1e6
	copied := t.TempDir() // what a power cut leaves: the files as they are now
	if err := os.CopyFS(copied, os.DirFS(r.dir)); err != nil {
		t.Fatal(err)
	}
	r.shutdown()
	r.dir = copied
	r.tweak = func(o *uplink.Options, _ *store.Options) {
		o.PowerCut = &frame.GapInfo{Cause: frame.PowerCut, N: -1, T0: end - 1e6, T0Known: true, T1: end + 5}
	}
	r.start()
	r.feed(5)
	r.wait("the gap record", func(s uplink.Status) bool { return s.Counters.Declared == 1 && s.Memory == 0 })
	r.shutdown()
	a := r.read()
	if len(a.gaps) != 1 || a.gaps[0].Cause != string(frame.PowerCut) || a.gaps[0].N != nil || a.gaps[0].T0 == nil {
		t.Fatalf("gaps %+v, want one by power_cut with a beginning and no number", a.gaps)
	}
	// 30 s and twice MaxLoss before the last sample
	if got := end + 1e12 - *a.gaps[0].T0; got < 30_000 || got > 31_000 {
		t.Errorf("the gap begins %d ms before the last sample, want about 30,200", got)
	}
	if a.gaps[0].T1 != end+5+1e12 {
		t.Errorf("the gap ends at %d, want %d", a.gaps[0].T1, int64(end+5+1e12))
	}
}

func TestFramesAwaitingDurabilityDoNotStarveSampling(t *testing.T) {
	// Redis 7.0 writes a log but cannot be asked: frames are held for seconds.
	srv := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "no")
	r := newRig(t, srv.Addr())
	r.start()
	begun := time.Now()
	for range 40 {
		r.feed(10)
		r.wait("room", func(s uplink.Status) bool { return s.Memory == 0 })
	}
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("400 frames took %v: they waited for durability", took)
	}
	r.settled()
	if s := r.up.Status(); s.Level == uplink.Age && s.Counters.Early == 0 {
		t.Errorf("nothing was released early with %d frames in the pool: %+v", frames, s)
	}
	r.shutdown()
	r.complete()
}
