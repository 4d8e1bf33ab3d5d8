package uplink_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// sickStore is a store whose medium can fail.
type sickStore struct {
	uplink.Store
	full, dead atomic.Bool
	commits    atomic.Int64
}

func (s *sickStore) Put(f *frame.Frame) error {
	if s.full.Load() {
		return store.ErrFull
	}
	return s.Store.Put(f)
}

func (s *sickStore) Commit() error {
	s.commits.Add(1)
	if s.dead.Load() {
		return errors.New("read-only file system")
	}
	return s.Store.Commit()
}

// sicken lets r's next run use a store that can fail.
func sicken(r *rig) *sickStore {
	s := &sickStore{}
	r.wrap = func(real uplink.Store) uplink.Store {
		s.Store = real
		return s
	}
	return s
}

func TestADeadCardStopsNeitherSamplingNorDelivery(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newRig(t, srv.Addr())
	card := sicken(r)
	r.tweak = func(_ *uplink.Options, so *store.Options) { so.PendingBytes = 4 << 10 }
	r.start()
	r.feed(5)
	r.settled()
	card.dead.Store(true)
	srv.Stop()
	r.feed(1)
	r.wait("the breaker", func(s uplink.Status) bool { return s.Trips > 0 })
	r.feed(40)
	r.wait("frames that nobody takes", func(s uplink.Status) bool { return s.Held > 0 })
	before := card.commits.Load()
	time.Sleep(time.Second)
	if n := card.commits.Load() - before; n > 3 {
		t.Errorf("%d commits in a second on a card that is dead", n)
	}
	srv.Start()
	r.feed(200)
	r.wait("room", func(s uplink.Status) bool { return s.Connected && s.Held == 0 && s.Memory == 0 })
	card.dead.Store(false)
	r.settled()
	r.shutdown()
	r.complete()
}

func TestAPowerCutsRecordThatFindsNoRoomStaysOne(t *testing.T) {
	srv := redistest.Start(t)
	r := newRig(t, srv.Addr())
	card := sicken(r)
	card.full.Store(true)
	r.tweak = func(o *uplink.Options, _ *store.Options) {
		o.PowerCut = &frame.GapInfo{Cause: frame.PowerCut, N: -1, T0: 1, T0Known: true, T1: 2}
	}
	srv.Stop()
	r.start()
	r.wait("the refusal", func(s uplink.Status) bool { return s.StoreErr != nil })
	card.full.Store(false)
	srv.Start()
	r.feed(3)
	r.wait("the record", func(s uplink.Status) bool { return s.Counters.Declared == 1 && s.Memory == 0 })
	r.shutdown()
	a := r.read()
	if len(a.gaps) != 1 || a.gaps[0].Cause != string(frame.PowerCut) || a.gaps[0].N != nil {
		t.Errorf("gaps %+v, want one by power_cut without a number", a.gaps)
	}
}

func TestWhatRedisLosesOfEarlierRunsGoesAgain(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newRig(t, srv.Addr())
	r.start()
	r.feed(5)
	r.settled()
	srv.Stop()
	r.feed(10) // numbered in lane live; the shutdown stores them
	r.shutdown()
	srv.Start()
	r.start()
	r.wait("the earlier run's", func(s uplink.Status) bool { return s.Connected && s.Stored == 0 })
	c := goredis.NewClient(&goredis.Options{Addr: srv.Addr()})
	defer c.Close()
	rewind(t, c, 5) // before they are confirmed
	r.feed(5)
	r.wait("delivery", func(s uplink.Status) bool {
		return s.Connected && s.Memory == 0 && s.Counters.Delivered[frame.Live] == 15*perFrame
	})
	r.shutdown()
	r.complete()
}

// rewind lets the server lose what follows the first entries of lane live, as
// if it had started again without its last second.
func rewind(t *testing.T, c *goredis.Client, entries int) {
	t.Helper()
	all, err := c.XRange(t.Context(), "telhub:{0}:live", "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all[entries:] {
		if err := c.XDel(t.Context(), "telhub:{0}:live", e.ID).Err(); err != nil {
			t.Fatal(err)
		}
	}
	last := all[entries-1].Values
	mark := "2;" + last["ep"].(string) + ";" + last["seq"].(string)
	if err := c.HSet(t.Context(), "telhub:{0}:state", "pi-01|live", mark).Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.ClientKillByFilter(t.Context(), "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
		t.Fatal(err)
	}
}
