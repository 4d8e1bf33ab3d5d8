package telemetry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/telemetry/streamtest"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

func TestEverythingArrivesAndIsAcknowledged(t *testing.T) {
	_, c, a := rig(t)
	for i := range 700 {
		a.Frame(live, 3)
		if i%10 == 0 {
			a.Frame(alarm, 1)
			a.Frame(backfill, 50)
		}
	}
	a.Gap(live, 5, 12, "store_full")
	s := newShelf()
	consumer, stop := begin(t, Options{Client: c, Sink: s, Batch: 100})
	await(t, consumer, s, 700+70+70+1)
	if got := s.rows(); got != a.Values {
		t.Errorf("%d samples, want %d", got, a.Values)
	}
	f := s.frames["pi-01/live/1/7"]
	if f == nil || len(f.Samples) != 3 || f.Samples[2] != (Sample{Name: "meter/count", Millis: streamtest.Base + 7002, Value: 7002}) {
		t.Errorf("frame 7: %+v", f)
	}
	if g := s.frames["pi-01/live/1/705"]; g == nil || g.Gap == nil || g.Gap.N != 12 || g.Gap.Cause != "store_full" {
		t.Errorf("gap record: %+v", g)
	}
	if s.largest > 100 {
		t.Errorf("a Store got %d frames, want at most 100", s.largest)
	}
	st := consumer.Stats()
	if st.Frames != 841 || st.Duplicates != 0 || st.Acked != 841 || st.Held != 0 || !st.Newest[live].Equal(time.UnixMilli(streamtest.Base+700002)) {
		t.Errorf("stats: %+v", st)
	}
	// what comes while it runs comes soon
	a.Frame(alarm, 1)
	await(t, consumer, s, 842)
	if st := consumer.Stats(); len(st.Lags) != 3 || st.Lags[1].Stream != StreamKey(stream, 0, live) {
		t.Errorf("lags %+v", st.Lags)
	}
	stop()
	if n := c.XInfoConsumers(t.Context(), StreamKey(stream, 0, live), "storage").Val(); len(n) != 0 {
		t.Errorf("consumers left behind: %+v", n)
	}
}

func TestShardsAreReadTogether(t *testing.T) {
	srv := redistest.Start(t)
	s := newShelf()
	consumer, _ := begin(t, Options{Client: client(t, srv.Addr()), Sink: s, Shards: 8, Workers: 2})
	for i := range 20 {
		a := streamtest.New(t, srv.Addr(), stream, 8, fmt.Sprintf("pi-%02d", i))
		for range 10 {
			a.Frame(live, 2)
		}
	}
	await(t, consumer, s, 200)
}

// The server loses one reply in n after it has executed the call.
func TestLostRepliesCostNothing(t *testing.T) {
	srv, _, a := rig(t)
	proxy := redistest.NewProxy(t, srv.Addr())
	s := newShelf()
	consumer, _ := begin(t, Options{Client: client(t, proxy.Addr()), Sink: s, Batch: 20, Flush: time.Millisecond, Lease: time.Second})
	proxy.DropOneIn.Store(10)
	for range 600 {
		a.Frame(live, 2)
	}
	streamtest.Eventually(t, "lost replies", func() bool { return proxy.Dropped.Load() > 20 && s.len() == 600 })
	proxy.DropOneIn.Store(0)
	await(t, consumer, s, 600)
	if st := consumer.Stats(); st.Reread == 0 {
		t.Errorf("nothing was read again: the proxy lost no read; stats %+v", st)
	}
	if n := srv.Do("XLEN telhub:{0}:dead"); n != ":0\r\n" {
		t.Errorf("dead letters: %q", n)
	}
}

func TestServerThatForgetsEverythingIsHealed(t *testing.T) {
	srv, c, a := rig(t)
	s := newShelf()
	consumer, _ := begin(t, Options{Client: c, Sink: s, Flush: time.Millisecond})
	for range 50 {
		a.Frame(live, 2)
	}
	await(t, consumer, s, 50)
	srv.Do("FLUSHALL")
	a.Reopen() // sends all again, and goes on
	for range 50 {
		a.Frame(live, 2)
	}
	streamtest.Eventually(t, "the rest", func() bool { return s.len() == 100 && settled(t, consumer) })
	if s.again < 50 {
		t.Errorf("%d frames came again, want 50", s.again)
	}
}

func TestDeadConsumersEntriesAreTakenOver(t *testing.T) {
	_, c, a := rig(t)
	for range 300 {
		a.Frame(live, 1)
	}
	// one that reads, and is never heard of again
	c.XGroupCreate(t.Context(), StreamKey(stream, 0, live), "storage", "0")
	dead, err := c.Do(t.Context(), "XREADGROUP", "GROUP", "storage", "dead", "COUNT", 120, "STREAMS", StreamKey(stream, 0, live), ">").Result()
	if err != nil || dead == nil {
		t.Fatal(dead, err)
	}
	s := newShelf()
	begun := time.Now()
	consumer, _ := begin(t, Options{Client: c, Sink: s, Lease: time.Second, Batch: 50})
	await(t, consumer, s, 300)
	if took := time.Since(begun); took < time.Second {
		t.Errorf("taken over after %v: before the lease", took)
	}
	if st := consumer.Stats(); st.Taken != 120 {
		t.Errorf("%d entries taken over, want 120", st.Taken)
	}
}

// A slow sink is no reason to take a living consumer's entries.
func TestLivingConsumersKeepTheirs(t *testing.T) {
	_, c, a := rig(t)
	for range 40 {
		a.Frame(live, 1)
	}
	slow := newShelf()
	release := make(chan struct{})
	slow.before = func(context.Context) error { <-release; return nil }
	first, stop := begin(t, Options{Client: c, Sink: slow, Lease: 300 * time.Millisecond, Name: "slow"})
	streamtest.Eventually(t, "a read", func() bool { return first.Stats().Held == 40 })
	second := newShelf()
	other, _ := begin(t, Options{Client: c, Sink: second, Lease: 300 * time.Millisecond})
	time.Sleep(1500 * time.Millisecond) // five leases
	if n := other.Stats().Taken; n != 0 || second.len() != 0 {
		t.Errorf("%d entries taken from a consumer that lives", n)
	}
	close(release)
	await(t, first, slow, 40)
	stop()
}

func TestStopStoresOrGivesBack(t *testing.T) {
	_, c, a := rig(t)
	for range 400 {
		a.Frame(live, 1)
	}
	stuck := newShelf()
	stuck.away = true
	first, stop := begin(t, Options{Client: c, Sink: stuck, Grace: 50 * time.Millisecond, Lease: time.Hour, Batch: 50, RetryMax: 10 * time.Millisecond})
	streamtest.Eventually(t, "a full queue", func() bool { return first.Stats().Held >= 100 && first.Stats().StoreErrors > 0 })
	stop()
	s := newShelf()
	begun := time.Now()
	second, _ := begin(t, Options{Client: c, Sink: s, Lease: time.Hour})
	await(t, second, s, 400)
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("what was given back waited %v", took)
	}
	if st := second.Stats(); st.Taken == 0 {
		t.Errorf("nothing was given back: %+v", st)
	}
}

func TestMemoryIsBoundedWhileTheSinkIsAway(t *testing.T) {
	_, c, a := rig(t)
	s := newShelf()
	s.away = true
	consumer, _ := begin(t, Options{Client: c, Sink: s, Workers: 3, Batch: 20, Queue: 60, RetryMax: 20 * time.Millisecond})
	for range 1000 {
		a.Frame(live, 1)
	}
	streamtest.Eventually(t, "attempts", func() bool { return consumer.Stats().StoreErrors > 20 })
	st := consumer.Stats()
	if most := 60 + 3*20; st.Held > most || st.Acked != 0 {
		t.Errorf("%d entries held and %d acknowledged, want at most %d and 0", st.Held, st.Acked, most)
	}
	a.Frame(alarm, 1) // is not behind the others
	streamtest.Eventually(t, "alarm", func() bool { return consumer.queue.waitingIn(alarm) > 0 || consumer.Stats().Held > st.Held })
	s.set(func(s *shelf) { s.away = false })
	await(t, consumer, s, 1001)
}

func TestBytesAreBounded(t *testing.T) {
	_, c, a := rig(t)
	s := newShelf()
	s.away = true
	consumer, _ := begin(t, Options{Client: c, Sink: s, Workers: 1, Batch: 10, Queue: 1000, QueueBytes: 50 << 10, RetryMax: 20 * time.Millisecond})
	for range 100 {
		a.Frame(live, 600)
	}
	streamtest.Eventually(t, "attempts", func() bool { return consumer.Stats().StoreErrors > 5 })
	// Bytes count when they have come: one read of Batch entries may go beyond.
	if st := consumer.Stats(); st.WaitingBytes > 50<<10+10*40<<10 || st.Held > 40 {
		t.Errorf("%d bytes wait, %d entries are held", st.WaitingBytes, st.Held)
	}
	s.set(func(s *shelf) { s.away = false })
	await(t, consumer, s, 100)
}

func TestPoisonIsFoundAndBuried(t *testing.T) {
	_, c, a := rig(t)
	bad := map[string]bool{"pi-01/live/1/7": true, "pi-01/live/1/8": true, "pi-01/live/1/333": true}
	s := newShelf()
	s.poison = func(f *Frame) bool { return bad[f.Identity()] }
	for range 400 {
		a.Frame(live, 2)
	}
	consumer, _ := begin(t, Options{Client: c, Sink: s})
	streamtest.Eventually(t, "end", func() bool { return s.len() == 397 && settled(t, consumer) })
	letters, err := DeadLetters(t.Context(), c, stream, 0, "", 100)
	if err != nil || len(letters) != 3 {
		t.Fatalf("%d dead letters, want 3: %v", len(letters), err)
	}
	for _, l := range letters {
		id := fmt.Sprintf("%s/live/%s/%s", l.Fields["dev"], l.Fields["ep"], l.Fields["seq"])
		if !bad[id] || l.Group != "storage" || l.Stream != StreamKey(stream, 0, live) || !strings.Contains(l.Why, "rejected") {
			t.Errorf("dead letter %+v", l)
		}
	}
	// the sink has learnt better
	s.set(func(s *shelf) { s.poison = nil })
	for _, l := range letters {
		if err := Replay(t.Context(), c, stream, 0, l, s); err != nil {
			t.Error(err)
		}
	}
	if left, _ := DeadLetters(t.Context(), c, stream, 0, "", 100); len(left) != 0 || s.len() != 400 {
		t.Errorf("%d letters and %d frames after the replay", len(left), s.len())
	}
}

func TestSinkThatPanicsIsSurvived(t *testing.T) {
	_, c, a := rig(t)
	s := newShelf()
	s.poison = func(f *Frame) bool {
		if f.ID.Seq == 5 {
			panic("five")
		}
		return false
	}
	for range 20 {
		a.Frame(live, 2)
	}
	consumer, _ := begin(t, Options{Client: c, Sink: s})
	streamtest.Eventually(t, "end", func() bool { return s.len() == 19 && settled(t, consumer) })
	if st := consumer.Stats(); st.Dead != 1 {
		t.Errorf("stats %+v, want one dead letter", st)
	}
}

func TestForeignEntriesAreBuried(t *testing.T) {
	srv, c, a := rig(t)
	a.Frame(live, 2)
	srv.Do("XADD telhub:{0}:live * hello world")
	srv.Do("XADD telhub:{0}:alarm * dev pi-01 ep 1 seq 9 n 1 t0 5 t1 5 q ntp boot " + streamtest.Boot + " enc cbor d x")
	a.Frame(live, 2)
	s := newShelf()
	consumer, _ := begin(t, Options{Client: c, Sink: s})
	await(t, consumer, s, 2)
	letters, err := DeadLetters(t.Context(), c, stream, 0, "", 10)
	if err != nil || len(letters) != 2 {
		t.Fatalf("%+v, %v; want two letters", letters, err)
	}
	why := letters[0].Why + letters[1].Why
	if !strings.Contains(why, "there is no field dev") || !strings.Contains(why, `"cbor"`) {
		t.Errorf("reasons: %s", why)
	}
}

// The reply to a store is lost, and the process goes on: the frames come again.
func TestLostReplyOfTheSinkIsTriedAgain(t *testing.T) {
	_, c, a := rig(t)
	s := newShelf()
	s.after = func() error {
		if rand.IntN(2) == 0 {
			return errAway
		}
		return nil
	}
	for range 200 {
		a.Frame(live, 1)
	}
	consumer, _ := begin(t, Options{Client: c, Sink: s, Batch: 10, RetryMax: time.Millisecond})
	await(t, consumer, s, 200)
	if s.again == 0 {
		t.Error("no frame came twice: the test shows nothing")
	}
}

func TestGroupsHaveTheirOwnProgress(t *testing.T) {
	_, c, a := rig(t)
	for range 30 {
		a.Frame(live, 1)
		a.Frame(alarm, 1)
	}
	rows, alarms := newShelf(), newShelf()
	storage, _ := begin(t, Options{Client: c, Sink: rows})
	notify, _ := begin(t, Options{Client: c, Sink: alarms, Group: "alarms", Lanes: []lane{alarm}})
	await(t, storage, rows, 60)
	await(t, notify, alarms, 30)
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := New(Options{Stream: "a{b", Batch: 20000, Lease: 1, Only: []int{3}, Lanes: []lane{7}})
	if err == nil {
		t.Fatal("bad options are taken")
	}
	for _, want := range []string{"Client", "Sink", "Stream", "Group", "Batch is 20000", "Lease is 1ns", "shard 3 of 1", "lane7"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}
