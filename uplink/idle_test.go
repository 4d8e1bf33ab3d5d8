package uplink_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// A backlog that RequireSync holds back for hours must not keep the keeper
// awake: nothing that it could do comes of looking.
func TestABacklogHeldBackForTheTimeKeepsNobodyAwake(t *testing.T) {
	inLab(t, func(l *lab) {
		l.dates.set(frame.Dating{})
		var looks atomic.Int64
		l.tweak = func(o *uplink.Options, _ *store.Options) {
			now := o.Boottime
			o.RequireSync, o.Boottime = true, func() int64 { looks.Add(1); return now() }
		}
		l.start()
		for n := uint64(1); n <= 20; n++ {
			l.submit(n, frame.Normal)
		}
		l.wait("the store", func(s uplink.Status) bool { return s.Connected && s.Stored == 20 })
		time.Sleep(10 * time.Second) // until all is committed
		before := looks.Load()
		time.Sleep(time.Minute)
		if got := looks.Load() - before; got > 5000 {
			t.Errorf("the keeper asked for the time %d times in a minute without work", got)
		}
		l.dates.set(frame.Dating{Offset: 1e12, Quality: frame.NTP})
		l.quiet()
		l.shutdown()
		l.inOrder(frame.Backfill, 1, 20)
	})
}

// Without a store the oldest frames are given up. A gap record among them
// declares samples that are counted as lost already.
func TestAGapRecordGivenUpIsNotCountedAsLostTwice(t *testing.T) {
	inLab(t, func(l *lab) {
		l.dir = ""
		l.server.leave()
		l.start()
		gap := l.pool.Get(256)
		info := frame.GapInfo{Cause: frame.RingOverrun, N: 1000, T0: l.milli(), T1: l.milli(), T0Known: true}
		if err := info.Seal(gap); err != nil {
			t.Fatal(err)
		}
		l.up.Submit(gap)
		for n := uint64(1); n <= 400; n++ {
			l.submit(n, frame.Normal)
			time.Sleep(time.Millisecond)
		}
		l.wait("all frames", func(s uplink.Status) bool { return s.Counters.Received == 1400 })
		s := l.up.Status()
		if got := s.Counters.LostTotal() + s.Memory; got != 1400 || s.Counters.LostTotal() <= 1000 {
			t.Errorf("%d lost and %d in memory of 1400", s.Counters.LostTotal(), s.Memory)
		}
		l.shutdown()
	})
}

// unsure is a server that takes frames and never says that they are durable.
type unsure struct{ *server }

func (s unsure) Open(ctx context.Context, fence uint64, marks *[frame.Lanes]uplink.Mark) (uplink.Durability, error) {
	_, err := s.server.Open(ctx, fence, marks)
	return uplink.AOF, err
}

func (s unsure) Sync(context.Context, *[frame.Lanes]frame.ID) error { return errGone }

// fullStore refuses all frames, as one on a dead card or with drop = "newest".
type fullStore struct{ uplink.Store }

func (s fullStore) Put(*frame.Frame) error { return store.ErrFull }

// Alarms that the store refuses are sent all the same. Where Redis never says
// that it has them safely they must not fill the memory that sampling needs.
func TestAlarmsThatNobodyKeepsSafeDoNotStopSampling(t *testing.T) {
	inLab(t, func(l *lab) {
		l.wrap = func(s uplink.Store) uplink.Store { return fullStore{s} }
		l.tweak = func(o *uplink.Options, _ *store.Options) { o.Sink = unsure{l.server} }
		l.start()
		for n := uint64(1); n <= 1000; n++ {
			l.submit(n, frame.Urgent)
			time.Sleep(time.Millisecond)
		}
		l.wait("delivery", func(s uplink.Status) bool { return s.Counters.Delivered[frame.Alarm] == 1000 })
		if s := l.up.Status(); s.Counters.Early == 0 {
			t.Errorf("no frame was released early: %+v", s)
		}
		l.shutdown()
		l.inOrder(frame.Alarm, 1, 1000)
	})
}
