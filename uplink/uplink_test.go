package uplink_test

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

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
	end := boottime() / 1e6
	copied := t.TempDir() // what a power cut leaves: the files as they are now
	err := os.CopyFS(copied, os.DirFS(r.dir))
	for errors.Is(err, fs.ErrNotExist) { // the state was being written
		copied = t.TempDir()
		err = os.CopyFS(copied, os.DirFS(r.dir))
	}
	if err != nil {
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
