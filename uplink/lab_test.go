package uplink_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// server is a Redis in memory: it does what append.lua does, and what a test
// wants to go wrong.
type server struct {
	before  func(b *uplink.Batch) error // may fail or wait before anything is written
	after   func(b *uplink.Batch) error // the reply is this instead
	opening func() error                // an Open fails with this
	level   uplink.Durability           // Memory, or one that nothing ever becomes

	mu      sync.Mutex
	marks   [frame.Lanes]uplink.Mark
	got     []arrival
	batches []frame.Lane
	opens   int
}

// arrival is a stream entry.
type arrival struct {
	lane frame.Lane
	uplink.Item
	at time.Time
}

func (s *server) Open(_ context.Context, fence uint64, marks *[frame.Lanes]uplink.Mark) (uplink.Durability, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opens++
	if s.opening != nil {
		if err := s.opening(); err != nil {
			return 0, err
		}
	}
	for i := range s.marks {
		if marks[i] = s.marks[i]; fence < s.marks[i].Fence {
			return 0, &uplink.FencedError{Mark: s.marks[i]}
		}
	}
	for i := range s.marks {
		s.marks[i].Fence = fence
	}
	return s.level, nil
}

func (s *server) Append(_ context.Context, b *uplink.Batch) error {
	s.mu.Lock()
	before, after := s.before, s.after
	s.mu.Unlock()
	if before != nil {
		if err := before(b); err != nil {
			return err
		}
	}
	if err := s.write(b); err != nil {
		return err
	}
	if after != nil {
		return after(b)
	}
	return nil
}

func (s *server) write(b *uplink.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, b.Lane)
	m := &s.marks[b.Lane]
	if b.Fence < m.Fence {
		return &uplink.FencedError{Mark: *m}
	}
	items, prev := b.Items, b.Prev
	for len(items) > 0 && !m.ID.Less(items[0].ID) {
		items, prev = items[1:], items[0].ID
	}
	if len(items) == 0 {
		return nil
	}
	if prev != m.ID {
		return &uplink.GapError{Mark: *m}
	}
	for _, it := range items {
		it.Data = append([]byte(nil), it.Data...)
		s.got = append(s.got, arrival{b.Lane, it, time.Now()})
		m.ID = it.ID
	}
	return nil
}

func (s *server) Sync(context.Context, *[frame.Lanes]frame.ID) error { return errUnconfirmed }

// forget lets the server lose all entries, as one that had none of them on its
// disk.
func (s *server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = nil
	for i := range s.marks {
		s.marks[i].ID = frame.ID{}
	}
}

// leave lets nobody reach the server.
func (s *server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening, s.before = func() error { return errGone }, func(*uplink.Batch) error { return errGone }
}

// come ends what leave began; each batch then waits for before, which may be nil.
func (s *server) come(before func(*uplink.Batch) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening, s.before = nil, before
}

// arrivals returns the entries of a lane so far.
func (s *server) arrivals(lane frame.Lane) (list []arrival) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.got {
		if a.lane == lane {
			list = append(list, a)
		}
	}
	return list
}

// number is what a lab's frame carries.
func (a *arrival) number() uint64 { return binary.BigEndian.Uint64(a.Data) }

// almanac is what is known of dates.
type almanac struct {
	mu    sync.Mutex
	boot  frame.BootID
	boots map[frame.BootID]frame.Dating
	// bounds of boots without a date: when they began at the earliest and
	// ended at the latest.
	bounds map[frame.BootID][2]int64
}

func (a *almanac) set(d frame.Dating) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.boots[a.boot] = d
}

func (a *almanac) Dating() frame.Dating { return a.Of(a.boot, 0) }

func (a *almanac) Of(b frame.BootID, _ int64) frame.Dating {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.boots[b]
}

func (a *almanac) Bounds(b frame.BootID, stamp int64) (after, before int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w, ok := a.bounds[b]; ok {
		return w[0] + stamp, w[1]
	}
	return 0, 0
}

// lab is an uplink with a real store and a server in memory, in a bubble of
// synctest: its time is the test's.
type lab struct {
	t      *testing.T
	server *server
	dir    string // "" is no store
	boot   frame.BootID
	dates  *almanac
	wrap   func(uplink.Store) uplink.Store
	tweak  func(*uplink.Options, *store.Options)
	opened func() // called when the store is open and nothing runs yet

	start0 time.Time
	pool   *frame.Pool
	store  *store.Store
	up     *uplink.Uplink
	stop   context.CancelFunc
	done   chan bool
	last   int64 // stamp of the last large frame
}

// inLab runs a test in a bubble.
func inLab(t *testing.T, test func(l *lab)) {
	synctest.Test(t, func(t *testing.T) {
		l := &lab{t: t, server: &server{}, dir: t.TempDir(), boot: frame.BootID{1}, start0: time.Now()}
		l.dates = &almanac{boot: l.boot, boots: map[frame.BootID]frame.Dating{l.boot: {Offset: 1e12, Quality: frame.NTP}}}
		test(l)
	})
}

// milli is CLOCK_BOOTTIME; the boot was 1,000 s ago when the test began.
func (l *lab) milli() int64 { return time.Since(l.start0).Milliseconds() + 1e6 }

func (l *lab) start() {
	l.t.Helper()
	l.pool = frame.NewPool(frame.PoolSize{Small: 256, SmallBytes: 512, Large: 4, LargeBytes: 1024})
	so := store.Options{Dir: l.dir, MaxBytes: 16 << 20, PendingBytes: 64 << 10, Boot: l.boot, Now: l.milli}
	o := uplink.Options{
		Device: "pi-01", Boot: l.boot, Epoch: 1, Encoding: "compact",
		Flush: time.Second, Frame: 1, LargeFrame: 1, LargeBytes: 1024, MaxLoss: 5 * time.Second,
		Breaker: uplink.BreakerOptions{Failures: 2, Open: time.Second, OpenMax: 10 * time.Second},
		Sink:    l.server, Pool: l.pool, Frames: 260,
		Boottime: func() int64 { return time.Since(l.start0).Nanoseconds() + 1e15 }, Dates: l.dates, Seed: 1,
	}
	if l.tweak != nil {
		l.tweak(&o, &so)
	}
	l.store = nil
	if l.dir != "" {
		s, report, err := store.Open(so)
		if err != nil {
			l.t.Fatal(err)
		}
		l.store, o.Epoch, o.Store = s, report.Epoch, pending{s, nil}
		if l.wrap != nil {
			o.Store = l.wrap(o.Store)
		}
		if o.Carried, err = s.Samples(); err != nil {
			l.t.Fatal(err)
		}
		if u := report.Unclean; u != nil && o.PowerCut == nil {
			o.PowerCut = &frame.GapInfo{Cause: frame.PowerCut, N: -1, T1: l.milli()}
			if u.Boot == l.boot {
				o.PowerCut.T0, o.PowerCut.T0Known = u.LastT1, true
			}
		}
	}
	if l.opened != nil {
		l.opened()
	}
	l.up = uplink.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	l.stop, l.done = cancel, make(chan bool, 1)
	up, done := l.up, l.done
	go func() { done <- up.Run(ctx) }()
}

// shutdown ends the run in order and reports whether all is safe.
func (l *lab) shutdown() bool {
	l.t.Helper()
	l.stop()
	safe := <-l.done
	if l.store != nil {
		if err := l.store.Close(); err != nil {
			l.t.Error(err)
		}
	}
	return safe
}

// cut leaves the store as a power cut would now, and lets the run that it cuts
// reach nobody any more. The next start is another boot.
func (l *lab) cut() {
	l.t.Helper()
	copied := l.t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(l.dir)); err != nil {
		l.t.Fatal(err)
	}
	dead := l.server
	dead.leave()
	dead.mu.Lock()
	l.server = &server{marks: dead.marks, got: dead.got, level: dead.level}
	dead.mu.Unlock()
	l.dir = copied
	l.boot[0]++
	l.dates = &almanac{boot: l.boot, boots: map[frame.BootID]frame.Dating{l.boot: {Offset: 1e12, Quality: frame.NTP}}}
}

var (
	errGone        = errors.New("connection refused")
	errUnconfirmed = errors.New("the disk is slow")
)

// submit hands in a frame of one sample that carries a number.
func (l *lab) submit(n uint64, c frame.Class) {
	l.t.Helper()
	f := l.pool.Get(64)
	for i := 0; f == nil && i < 600; i++ {
		time.Sleep(100 * time.Millisecond)
		f = l.pool.Get(64)
	}
	if f == nil {
		l.t.Fatalf("no frame is free: %+v", l.up.Status())
	}
	f.Payload = binary.BigEndian.AppendUint64(f.Payload, n)
	f.Class, f.N, f.T0, f.T1 = c, 1, l.milli(), l.milli()
	l.up.Submit(f)
}

// wait lets time pass until a condition of the status holds.
func (l *lab) wait(what string, ok func(s uplink.Status) bool) {
	l.t.Helper()
	for range 100_000 {
		synctest.Wait()
		if ok(l.up.Status()) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	l.t.Fatalf("waiting for %s: %+v", what, l.up.Status())
}

// quiet waits until nothing is left to send.
func (l *lab) quiet() {
	l.t.Helper()
	l.wait("quiet", func(s uplink.Status) bool {
		return s.Connected && s.Memory == 0 && s.Stored == 0 && s.Held == 0
	})
}

// inOrder fails unless a lane's frames follow each other and carry the numbers
// first to last, each once.
func (l *lab) inOrder(lane frame.Lane, first, last uint64) {
	l.t.Helper()
	next, before := first, frame.ID{}
	for _, a := range l.server.arrivals(lane) {
		if !before.Less(a.ID) {
			l.t.Errorf("%v: %v follows %v", lane, a.ID, before)
		}
		if before = a.ID; a.Encoding == "gap" {
			l.t.Errorf("%v: gap record %s", lane, a.Data)
			continue
		}
		if n := a.number(); n != next {
			l.t.Fatalf("%v: %d arrives where %d should", lane, n, next)
		}
		next++
	}
	if next != last+1 {
		l.t.Errorf("%v: %d frames from %d, want up to %d", lane, next-first, first, last)
	}
}

// slowStore is a store whose commits wait.
type slowStore struct {
	uplink.Store
	commit func() // called before each commit
}

func (s *slowStore) Commit() error {
	s.commit()
	return s.Store.Commit()
}
