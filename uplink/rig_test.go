package uplink_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
)

const (
	perFrame = 10 // samples in a test's frame
	frames   = 64 // in the pool
)

var (
	schema = frame.Schema{Channels: []frame.Channel{{Name: "test/counter"}}}
	boot   = frame.BootID{1, 2, 3}
)

// boottime is CLOCK_BOOTTIME in nanoseconds.
func boottime() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return ts.Nano()
}

// dated is a clock that has known its offset for ever, and of no other boot.
type dated int64

func (d dated) Dating() frame.Dating { return frame.Dating{Offset: int64(d), Quality: frame.NTP} }

func (d dated) Of(b frame.BootID, _ int64) frame.Dating {
	if b != boot {
		return frame.Dating{}
	}
	return d.Dating()
}

func (dated) Bounds(frame.BootID, int64) (after, before int64) { return 0, 0 }

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
	done   chan bool // says whether the run ended with everything safe
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
		Dir: r.dir, MaxBytes: 16 << 20, PendingBytes: 64 << 10, Boot: boot, Now: func() int64 { return boottime() / 1e6 },
	}
	o := uplink.Options{
		Device: "pi-01", Boot: boot, Epoch: 1, Encoding: "compact",
		Flush: 20 * time.Millisecond, Frame: perFrame, LargeFrame: perFrame, LargeBytes: 1024,
		MaxLoss: 100 * time.Millisecond,
		Breaker: uplink.BreakerOptions{Failures: 2, Open: 20 * time.Millisecond, OpenMax: 100 * time.Millisecond},
		Pool:    r.pool, Frames: frames + 4, Boottime: boottime,
		Dates: dated(1e12), Seed: 1,
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
		if u := report.Unclean; u != nil && o.PowerCut == nil {
			o.PowerCut = &frame.GapInfo{Cause: frame.PowerCut, N: -1, T0: u.LastT1, T0Known: true, T1: boottime() / 1e6}
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
	r.stop, r.done = cancel, make(chan bool, 1)
	go func() {
		r.done <- r.up.Run(ctx)
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
	safe := false
	select {
	case safe = <-r.done:
	case <-time.After(30 * time.Second):
		r.t.Fatal("the uplink does not end")
	}
	r.sink.Close()
	if r.store != nil {
		end := r.store.Close
		if !safe {
			end = r.store.CloseUnclean
		}
		if err := end(); err != nil {
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
			samples[i] = drivers.Sample{Stamp: boottime(), Value: float64(r.next)}
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
