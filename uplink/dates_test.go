package uplink_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// undated makes this boot one that does not know the time.
func (l *lab) undated() { l.dates.set(frame.Dating{}) }

func TestSendingWaitsForTheTimeWhereItMust(t *testing.T) {
	inLab(t, func(l *lab) {
		l.tweak = func(o *uplink.Options, _ *store.Options) { o.RequireSync = true }
		l.dates.set(frame.Dating{Offset: 5, Quality: frame.Holdover})
		l.start()
		for n := range uint64(300) {
			l.submit(n+1, frame.Normal)
			if n%3 == 0 {
				l.submit(n/3+1, frame.Urgent)
			}
			time.Sleep(200 * time.Millisecond)
		}
		s := l.up.Status()
		if !s.Connected || !s.AwaitingTime || s.Live || len(l.server.batches) != 0 {
			t.Errorf("status %+v and %d batches; want a connection that awaits the time", s, len(l.server.batches))
		}
		l.dates.set(frame.Dating{Offset: 1e12, Quality: frame.NTP})
		l.quiet()
		l.submit(301, frame.Normal)
		l.quiet()
		if s = l.up.Status(); s.AwaitingTime || !s.Live {
			t.Errorf("status %+v after the time is known", s)
		}
		l.shutdown()
		l.inOrder(frame.Alarm, 1, 100)
		l.inOrder(frame.Backfill, 1, 300)
		l.inOrder(frame.Live, 301, 301)
		for _, a := range l.server.got {
			if a.Quality != "ntp" || a.T0 < 1e12 {
				t.Fatalf("entry %+v, want it dated", a)
			}
		}
	})
}

func TestAShutdownThatAwaitsTheTimeIsPrompt(t *testing.T) {
	inLab(t, func(l *lab) {
		l.tweak = func(o *uplink.Options, _ *store.Options) { o.RequireSync = true }
		l.undated()
		l.start()
		l.submit(1, frame.Urgent)
		l.submit(1, frame.Normal)
		l.wait("connection", func(s uplink.Status) bool { return s.Connected })
		begun := time.Now()
		if !l.shutdown() || time.Since(begun) > time.Second {
			t.Errorf("the end took %v, want all safe at once", time.Since(begun))
		}
	})
}

func TestSamplesAreDatedWhenTheyGo(t *testing.T) {
	inLab(t, func(l *lab) {
		l.undated()
		l.start()
		l.submit(1, frame.Normal)
		l.quiet()
		l.server.leave()
		for n := uint64(2); n <= 100; n++ {
			l.submit(n, frame.Normal)
			time.Sleep(time.Second)
		}
		l.dates.set(frame.Dating{Offset: 1e12, Quality: frame.NTP})
		l.server.come(nil)
		l.quiet()
		l.shutdown()
		for _, a := range l.server.got {
			want := int64(1e12 + 1e6) // the first sample's
			if n := a.number(); n == 1 {
				if a.Quality != "unset" || a.T0 >= 1e12 {
					t.Errorf("the first went as %+v, want it unset", a)
				}
			} else if want += int64(n-2) * 1000; a.Quality != "ntp" || a.T0 < want || a.T0 > want+20 {
				t.Errorf("sample %d is dated %d as %s, want %d as ntp", n, a.T0, a.Quality, want)
			}
		}
		if n := l.up.Status().Counters.Redated; n != 99 {
			t.Errorf("%d samples redated, want 99", n)
		}
	})
}

// A boot that never knew the time is cut short; the next one knows it.
func TestABootWithoutADateGoesUnsetWithItsBounds(t *testing.T) {
	inLab(t, func(l *lab) {
		l.server.opening = func() error { return errGone }
		l.undated()
		l.start()
		first, stop, done, pool := l.store, l.stop, l.done, l.boot
		for n := range uint64(50) {
			l.submit(n+1, frame.Normal)
			l.submit(n+1, frame.Urgent)
			time.Sleep(100 * time.Millisecond)
		}
		l.wait("the commit", func(uplink.Status) bool { return l.store.Stats().PendingFrames == 0 })
		l.cut()
		l.dates.bounds = map[frame.BootID][2]int64{pool: {4e11, 5e11}}
		l.start()
		l.submit(51, frame.Normal)
		l.submit(51, frame.Urgent)
		l.quiet()
		l.shutdown()
		last := map[frame.Lane]frame.ID{}
		old := 0
		for _, a := range l.server.got {
			if !last[a.lane].Less(a.ID) {
				t.Errorf("%v follows %v in lane %v", a.ID, last[a.lane], a.lane)
			}
			last[a.lane] = a.ID
			if a.Encoding == "gap" || a.number() == 51 {
				continue
			}
			old++
			if a.Quality != "unset" || a.Boot != pool.String() || a.After != 4e11+a.T0 || a.Before != 5e11 {
				t.Errorf("entry %+v, want it unset between %d and %d", a.Item, int64(4e11)+a.T0, int64(5e11))
			}
		}
		if old < 50+45 { // what waited in memory when the power was cut is declared
			t.Errorf("%d frames of the first boot, want at least 95", old)
		}
		stop()
		<-done
		first.Close()
	})
}

// What the clock's table knows of an earlier boot goes before what its frames
// carry, unless that is better.
func TestAnEarlierBootIsDatedByTheBetterKnowledge(t *testing.T) {
	for name, c := range map[string]struct{ frame, table, want frame.Dating }{
		"table":  {frame.Dating{}, frame.Dating{Offset: 7e11, Quality: frame.GNSS}, frame.Dating{Offset: 7e11, Quality: frame.GNSS}},
		"frame":  {frame.Dating{Offset: 6e11, Quality: frame.NTP}, frame.Dating{}, frame.Dating{Offset: 6e11, Quality: frame.NTP}},
		"better": {frame.Dating{Offset: 6e11, Quality: frame.NTP}, frame.Dating{Offset: 5e11, Quality: frame.Holdover}, frame.Dating{Offset: 6e11, Quality: frame.NTP}},
		"same":   {frame.Dating{Offset: 6e11, Quality: frame.NTP}, frame.Dating{Offset: 5e11, Quality: frame.NTP}, frame.Dating{Offset: 5e11, Quality: frame.NTP}},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(l *lab) {
				l.server.opening = func() error { return errGone }
				l.dates.set(c.frame)
				l.start()
				l.submit(1, frame.Urgent)
				l.shutdown()
				l.server.opening = nil
				earlier := l.boot
				l.boot[0]++
				l.dates = &almanac{boot: l.boot, boots: map[frame.BootID]frame.Dating{earlier: c.table}}
				l.start()
				l.quiet()
				l.shutdown()
				a := l.server.arrivals(frame.Alarm)[0]
				if a.Quality != c.want.Quality.String() || a.T0-c.want.Offset != 1e6 {
					t.Errorf("dated %d as %s, want %d as %v", a.T0, a.Quality, c.want.Offset+1e6, c.want.Quality)
				}
			})
		})
	}
}

func TestAClockSetBackReordersNothing(t *testing.T) {
	inLab(t, func(l *lab) {
		l.start()
		for n := range uint64(600) {
			switch n {
			case 200:
				l.dates.set(frame.Dating{Offset: 1e12 - 3600e3, Quality: frame.NTP})
			case 300:
				l.server.leave()
			case 400:
				l.server.come(nil)
				l.dates.set(frame.Dating{Offset: 1e12, Quality: frame.NTP})
			}
			l.submit(n+1, frame.Normal)
			l.submit(n+1, frame.Urgent)
			time.Sleep(100 * time.Millisecond)
		}
		l.quiet()
		l.shutdown()
		l.inOrder(frame.Alarm, 1, 600)
		seen := map[uint64]bool{}
		for _, a := range l.server.got {
			if a.lane == frame.Alarm {
				continue
			}
			if seen[a.number()] {
				t.Errorf("frame %d arrives twice", a.number())
			}
			if a.T1 < a.T0 {
				t.Errorf("frame %d ends before it begins", a.number())
			}
			seen[a.number()] = true
		}
		if len(seen) != 600 {
			t.Errorf("%d frames arrived, want 600", len(seen))
		}
	})
}

// The run that was cut short knew the date, this boot does not yet.
func TestAPowerCutBeforeThisBootsDateKeepsItsBeginning(t *testing.T) {
	for name, late := range map[string]bool{"dated later": true, "never dated": false} {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(l *lab) {
				l.undated()
				l.tweak = func(o *uplink.Options, _ *store.Options) {
					o.PowerCut = &frame.GapInfo{Cause: frame.PowerCut, N: -1, T1: l.milli(), Began: 9e11}
				}
				l.server.opening = func() error { return errGone }
				l.start()
				time.Sleep(time.Minute)
				if late {
					l.dates.set(frame.Dating{Offset: 1e12, Quality: frame.NTP})
				}
				l.server.come(nil)
				l.quiet()
				l.wait("the record", func(s uplink.Status) bool { return s.Counters.Declared == 1 })
				l.shutdown()
				a := l.server.got[0]
				var g struct{ T0, T1 *int64 }
				if err := json.Unmarshal(a.Data, &g); err != nil {
					t.Fatal(err)
				}
				const want = 9e11 - 5000 // MaxLoss before the last sample on flash
				switch {
				case late && (g.T0 == nil || *g.T0 != want || *g.T1 != 1e12+1e6 || a.T0 != want || a.After != 0):
					t.Errorf("record %s in %+v, want it to begin at %d", a.Data, a.Item, int64(want))
				case !late && (g.T0 != nil || a.Quality != "unset" || a.After != want):
					t.Errorf("record %s in %+v, want no beginning, but after %d", a.Data, a.Item, int64(want))
				}
			})
		})
	}
}
