package uplink_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// The numbers of frames of class High in these tests start here.
const highs = 1 << 32

// narrow makes the link take so long for each frame.
func (l *lab) narrow(each time.Duration) {
	l.server.come(func(b *uplink.Batch) error {
		time.Sleep(time.Duration(len(b.Items)) * each)
		return nil
	})
}

// feed submits ten frames of class Normal and one of class High a second.
func (l *lab) feed(seconds int) (normal, high uint64) {
	for range seconds {
		for range 10 {
			normal++
			l.submit(normal, frame.Normal)
			time.Sleep(100 * time.Millisecond)
		}
		high++
		l.submit(highs+high, frame.High)
	}
	return normal, high
}

func TestOnANarrowLinkHighFramesStayLive(t *testing.T) {
	inLab(t, func(l *lab) {
		l.start()
		l.narrow(200 * time.Millisecond) // takes 5 of 11 frames a second
		normal, high := l.feed(300)
		l.server.come(nil)
		l.quiet()
		l.shutdown()
		seen, latest := map[uint64]int{}, time.Duration(0)
		for _, a := range l.server.got {
			n := a.number()
			if seen[n]++; n > highs && a.lane != frame.Live {
				t.Errorf("frame %d of class High came by lane %v", n-highs, a.lane)
			}
			if n > highs+10 { // by then the link is known to be narrow
				latest = max(latest, a.at.Sub(time.UnixMilli(a.T0-1e12-1e6+l.start0.UnixMilli())))
			}
		}
		if uint64(len(seen)) != normal+high || uint64(len(l.server.got)) != normal+high {
			t.Errorf("%d frames arrived, %d of them different; %d were sent", len(l.server.got), len(seen), normal+high)
		}
		if latest > 4*time.Second {
			t.Errorf("a frame of class High took %v", latest)
		}
		if n := len(l.server.arrivals(frame.Backfill)); n < 1000 {
			t.Errorf("%d frames of class Normal made way, want most of them", n)
		}
	})
}

func TestOnANarrowLinkAllStayLiveWhereNoneIsHigh(t *testing.T) {
	inLab(t, func(l *lab) {
		l.start()
		l.narrow(200 * time.Millisecond)
		for n := range uint64(15) {
			l.submit(n+1, frame.Normal)
		}
		time.Sleep(time.Second)
		l.submit(16, frame.Normal)
		l.quiet()
		l.shutdown()
		l.inOrder(frame.Live, 1, 16)
	})
}

// declared sums what the gap records of all lanes declare.
func (s *server) declared(t *testing.T) (n int64) {
	t.Helper()
	for _, a := range s.got {
		if a.Encoding != "gap" {
			continue
		}
		var g struct{ N *int64 }
		if err := json.Unmarshal(a.Data, &g); err != nil || g.N == nil {
			t.Errorf("gap record %s: want a number", a.Data)
			continue
		}
		n += *g.N
	}
	return n
}

func TestWithoutAStoreNormalFramesAreGivenUpFirst(t *testing.T) {
	inLab(t, func(l *lab) {
		l.dir = ""
		l.start()
		l.submit(highs, frame.High)
		l.quiet()
		l.server.leave()
		normal, high := l.feed(100) // four times what memory holds
		l.server.come(nil)
		l.quiet()
		l.shutdown()
		var normals, high2 uint64
		for _, a := range l.server.got {
			switch {
			case a.Encoding == "gap":
			case a.number() >= highs:
				high2++
			default:
				normals++
			}
		}
		if high2 != high+1 {
			t.Errorf("%d frames of class High arrived, want all %d", high2, high+1)
		}
		if n := l.server.declared(t); normals+uint64(n) != normal || n < 700 {
			t.Errorf("%d frames of class Normal arrived and %d are declared, of %d", normals, n, normal)
		}
	})
}

// The gap record of what was given up is under way while more is.
func TestWhatIsGivenUpDuringItsDeclarationIsDeclaredToo(t *testing.T) {
	inLab(t, func(l *lab) {
		l.dir, l.server.opening = "", func() error { return errGone }
		l.start()
		n := uint64(0)
		more := func(frames int) {
			for range frames {
				n++
				l.submit(n, frame.Normal)
			}
		}
		more(400)
		gate, asked := make(chan struct{}), make(chan struct{}, 100)
		l.server.come(func(b *uplink.Batch) error {
			if b.Items[0].Encoding == "gap" {
				asked <- struct{}{}
				<-gate
			}
			return nil
		})
		<-asked
		more(100)
		l.wait("the pool", func(s uplink.Status) bool { return s.Counters.Received == n })
		close(gate)
		l.quiet()
		l.shutdown()
		delivered := uint64(0)
		for _, a := range l.server.got {
			if a.Encoding != "gap" {
				delivered++
			}
		}
		if lost := l.server.declared(t); delivered+uint64(lost) != n {
			t.Errorf("delivered %d + declared %d of %d", delivered, lost, n)
		}
	})
}

// A driver's own stamps may lie anywhere.
func TestStampsFarOffSteerNoCommits(t *testing.T) {
	for name, off := range map[string]int64{"an hour ago": -3600e3, "in an hour": 3600e3} {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(l *lab) {
				l.server.opening = func() error { return errGone }
				l.start()
				l.wait("the breaker", func(s uplink.Status) bool { return s.Trips > 0 })
				before := l.store.Stats().Commits
				for n := range uint64(600) {
					f := l.pool.Get(64)
					f.Payload = append(f.Payload, make([]byte, 8)...)
					f.N, f.T0, f.T1 = 1, l.milli()+off, l.milli()+off
					f.Payload[7] = byte(n)
					l.up.Submit(f)
					time.Sleep(100 * time.Millisecond)
				}
				n := l.store.Stats().Commits - before
				if n < 10 || n > 35 { // MaxLoss is 5 s, frames are up to 2 s old when they come
					t.Errorf("%d commits in a minute, want one in 2 to 5 s", n)
				}
				l.shutdown()
			})
		})
	}
}

// stubborn is a store that cannot be given another number.
type stubborn struct{ uplink.Store }

func (stubborn) Reassign(uint64) error { return store.ErrOff }

func TestAStoreThatCannotBeRenumberedIsNotAskedAllTheTime(t *testing.T) {
	inLab(t, func(l *lab) {
		l.server.marks[frame.Live] = uplink.Mark{Fence: 9, ID: frame.ID{Epoch: 9, Seq: 3}}
		l.wrap = func(s uplink.Store) uplink.Store { return stubborn{s} }
		l.start()
		time.Sleep(time.Minute)
		s := l.up.Status()
		if l.server.opens > 15 || s.LastError == nil {
			t.Errorf("%d attempts in a minute, last error %v; want few, and the reason", l.server.opens, s.LastError)
		}
		l.shutdown()
	})
}

// forgetful is a store that has lost what lane alarm holds.
type forgetful struct {
	uplink.Store
	on bool
}

func (s *forgetful) Next(lane frame.Lane, after frame.ID, dst *frame.Frame) (bool, error) {
	if s.on && lane == frame.Alarm {
		return false, nil
	}
	return s.Store.Next(lane, after, dst)
}

func TestAlarmsThatTheStoreLostAreDeclared(t *testing.T) {
	inLab(t, func(l *lab) {
		bad := &forgetful{}
		l.wrap = func(s uplink.Store) uplink.Store { bad.Store = s; return bad }
		l.server.opening = func() error { return errGone }
		l.start()
		for n := range uint64(400) {
			l.submit(n+1, frame.Urgent)
		}
		held := 0
		l.wait("memory to give them back", func(s uplink.Status) bool {
			held = s.Lanes[frame.Alarm].Queued
			return held <= 256
		})
		bad.on = true
		l.server.come(nil)
		l.wait("delivery", func(s uplink.Status) bool { return s.Connected && s.Memory == 0 })
		l.shutdown()
		list, lost := l.server.arrivals(frame.Alarm), uint64(400-held)
		if len(list) != held+1 || list[0].Encoding != "gap" || list[0].ID.Seq != lost || list[held].number() != 400 {
			t.Errorf("%d entries, first %+v; want a gap record up to %d and the rest", len(list), list[0], lost)
		}
	})
}
