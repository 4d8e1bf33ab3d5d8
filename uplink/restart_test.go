package uplink_test

import (
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// quiet waits until nothing is left to send.
func (r *rig) quiet() {
	r.t.Helper()
	r.wait("quiet", func(s uplink.Status) bool {
		return s.Connected && s.Memory == 0 && s.Stored == 0 && s.Held == 0
	})
}

func TestWhatAFullStoreRefusedIsDeclaredAfterTheRestart(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newRig(t, srv.Addr())
	r.tweak = func(_ *uplink.Options, so *store.Options) {
		so.MaxBytes, so.SegmentBytes, so.PendingBytes, so.Drop = 1<<20, 64<<10, 32<<10, store.DropNewest
	}
	r.start()
	r.feed(5)
	r.settled()
	srv.Stop()
	for {
		if s := r.up.Status(); s.Counters.LostTotal() > 0 {
			break
		}
		r.feed(50)
		if r.next > 2e6 {
			t.Fatal("the store never fills")
		}
	}
	r.feed(50)
	r.shutdown()
	srv.Start()
	r.start()
	r.feed(5)
	r.wait("the gap record", func(s uplink.Status) bool { return s.Counters.Declared > 0 })
	r.quiet()
	r.shutdown()
	a := r.read()
	n, unknown := a.declared()
	if len(a.seen)+int(n) < int(r.next) && unknown == 0 {
		t.Errorf("delivered %d + declared %d of %d, and no record of an unknown number", len(a.seen), n, r.next)
	}
}

func TestARewindBetweenRunsIsDeclared(t *testing.T) {
	srv := redistest.Start(t)
	r := newRig(t, srv.Addr())
	r.start()
	r.feed(20)
	r.settled()
	r.shutdown()
	c := goredis.NewClient(&goredis.Options{Addr: srv.Addr()})
	defer c.Close()
	if err := c.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.feed(20)
	r.wait("the gap record", func(s uplink.Status) bool { return s.Counters.Declared > 0 })
	r.quiet()
	r.shutdown()
	a := r.read()
	if len(a.gaps) == 0 || a.gaps[0].Cause != string(frame.ServerRewind) {
		t.Errorf("gaps %+v, want one by server_rewind", a.gaps)
	}
	if len(a.seen) != 20*perFrame {
		t.Errorf("%d samples of the second run, want %d", len(a.seen), 20*perFrame)
	}
}
