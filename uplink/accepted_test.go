package uplink_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// Frames that Redis has taken and not yet safely: should it lose them, they
// must be on flash, or be declared, also when the board is cut at the same time.

// unsafeServer lets a lab's server take n frames that it does not make durable.
func (l *lab) unsafeServer(n uint64) {
	l.t.Helper()
	l.server.level = uplink.AOF
	l.start()
	for i := range n {
		l.submit(i, frame.Normal)
	}
	l.wait("acceptance", func(s uplink.Status) bool { return s.Counters.Delivered[frame.Live] == n })
}

// stuck lets each append wait for so long and fail then.
func (l *lab) stuck(d time.Duration) {
	l.server.come(func(*uplink.Batch) error {
		time.Sleep(d)
		return errGone
	})
}

// kill is cut without a power cut: the boot goes on. It ends what it has cut.
func (l *lab) kill() {
	l.t.Helper()
	boot, dates, store, stop, done := l.boot, l.dates, l.store, l.stop, l.done
	l.cut()
	l.boot, l.dates = boot, dates
	stop()
	<-done
	if err := store.Close(); err != nil {
		l.t.Error(err)
	}
}

func TestWhatRedisTookAndLosesIsStoredAtTheShutdownAfterACommitInTheMiddle(t *testing.T) {
	inLab(t, func(l *lab) {
		l.unsafeServer(5)
		l.stuck(4 * time.Second)
		for i := range uint64(3) {
			l.submit(5+i, frame.Normal)
		}
		time.Sleep(3500 * time.Millisecond) // they wait for longer than half of the window and are stored
		if l.store.Stats().PendingFrames+l.store.Stats().Lanes[frame.Live].Frames == 0 {
			t.Fatal("the frames that wait are not in the store")
		}
		l.server.leave()
		if !l.shutdown() {
			t.Error("the run ends unsafe")
		}
		l.server.forget()
		l.server.come(nil)
		l.start()
		l.quiet()
		l.shutdown()
		l.inOrder(frame.Live, 0, 7)
	})
}

func TestWhatRedisTookAndLosesIsInTheStoreBeforeWhatIsDiverted(t *testing.T) {
	inLab(t, func(l *lab) {
		l.unsafeServer(5)
		time.Sleep(time.Minute)
		l.stuck(time.Minute)
		l.submit(5, frame.Normal)
		time.Sleep(4 * time.Second)
		l.submit(6, frame.Normal) // the link has become too slow for it
		l.wait("a commit", func(s uplink.Status) bool {
			return s.Counters.Spooled == 1 && l.store.Stats().Lanes[frame.Backfill].Frames == 1
		})
		l.kill()
		l.server.forget()
		l.start()
		l.quiet()
		l.shutdown()
		seen := map[uint64]bool{}
		for _, lane := range []frame.Lane{frame.Live, frame.Backfill} {
			for _, a := range l.server.arrivals(lane) {
				if a.Encoding != "gap" {
					seen[a.number()] = true
				}
			}
		}
		if len(seen) != 7 {
			t.Errorf("of the frames 0 to 6 only %v are there", seen)
		}
	})
}

func TestAnAlarmOnFlashDoesNotHideWhatRedisTookAndLost(t *testing.T) {
	inLab(t, func(l *lab) {
		begun := l.milli()
		l.unsafeServer(5)
		time.Sleep(time.Minute)
		l.submit(5, frame.Urgent)
		l.wait("the alarm's commit", func(s uplink.Status) bool { return s.Lanes[frame.Alarm].Ahead != frame.ID{} })
		l.kill()
		l.server.forget()
		l.start()
		l.wait("the gap record", func(s uplink.Status) bool { return s.Counters.Declared > 0 })
		l.shutdown()
		for _, a := range l.server.arrivals(frame.Live) {
			var g gap
			if a.Encoding == "gap" && json.Unmarshal(a.Data, &g) == nil && g.Cause == string(frame.PowerCut) {
				if g.T0 == nil || *g.T0 > begun+1e12 {
					t.Errorf("the gap %s begins after what was lost, taken at %d", a.Data, begun+int64(1e12))
				}
				return
			}
		}
		t.Error("there is no gap record")
	})
}
