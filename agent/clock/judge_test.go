package clock

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

var built = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	second = int64(time.Second)
	hour   = int64(time.Hour)
	year   = 365 * day
)

// scene drives a judge: a wall clock that can be set, in a boot whose true
// time is known.
type scene struct {
	judge
	t    testing.TB
	now  int64 // ns since boot
	set  int64 // offset of the kernel's wall clock
	sync bool
	leap bool
}

// began is the true time of the scene's boot.
var began = built.Add(100 * 24 * time.Hour).UnixNano()

func newScene(t testing.TB) *scene {
	return &scene{t: t, judge: judge{notBefore: built.UnixNano()}}
}

// pass lets d go by and takes a reading.
func (s *scene) pass(d int64) *scene {
	s.now += d
	s.observe(reading{boot: s.now, offset: s.set, slack: 1000, synced: s.sync, leap: s.leap})
	return s
}

// setClock sets the wall clock d off the truth, as date -s does.
func (s *scene) setClock(d int64) *scene {
	s.set, s.sync = began+d, false
	return s.pass(second)
}

// ntp synchronises the wall clock to the truth plus d.
func (s *scene) ntp(d int64) *scene {
	s.set, s.sync = began+d, true
	return s.pass(second)
}

// gnss lets a receiver speak for n seconds, late by late.
func (s *scene) gnss(n int, late int64) *scene {
	for range n {
		s.pass(second)
		utc := (began + s.now) / second * 1000
		s.hear(utc, utc*1e6-began+late)
	}
	return s
}

// want compares what holds now, as a difference from the truth.
func (s *scene) want(step string, off int64, q frame.ClockQuality) *scene {
	s.t.Helper()
	want := frame.Dating{Offset: (began + off) / 1e6, Quality: q}
	if q == frame.Unset {
		want.Offset = 0
	}
	if got := s.dating(); got != want {
		s.t.Errorf("%s: %+v (off by %v), want %+v (%v)", step, got, time.Duration(got.Offset*1e6-began), want, time.Duration(off))
	}
	return s
}

// wantOf compares the date of an older stamp.
func (s *scene) wantOf(stamp, off int64, q frame.ClockQuality) *scene {
	s.t.Helper()
	want := frame.Dating{Offset: (began + off) / 1e6, Quality: q}
	if got := s.of(stamp); got != want {
		s.t.Errorf("of(%v) = %+v (off by %v), want %+v", time.Duration(stamp), got, time.Duration(got.Offset*1e6-began), want)
	}
	return s
}

func (s *scene) wantTrouble(want string) *scene {
	s.t.Helper()
	if got := s.trouble(); got != want {
		s.t.Errorf("trouble\n got %q\nwant %q", got, want)
	}
	return s
}

func TestABootIn1970IsDatedAnHourLaterByNTP(t *testing.T) {
	s := newScene(t)
	for range 3600 {
		s.pass(second)
		s.want("before", 0, frame.Unset)
	}
	s.wantTrouble("the date is not known: the clock says 1970-01-01 01:00:00 UTC; samples carry the time since boot " +
		"and are dated when NTP, a satellite receiver or a clock chip tells it")
	s.ntp(0).want("synchronised", 0, frame.NTP).wantTrouble("")
	s.wantOf(0, 0, frame.NTP).wantOf(1800*second, 0, frame.NTP)
	if s.changes != 0 || s.jumps != 1 {
		t.Errorf("%d changes and %d jumps, want 0 and 1", s.changes, s.jumps)
	}
}

func TestSetBackAnHourAfterNTP(t *testing.T) {
	s := newScene(t).ntp(0)
	s.setClock(-hour).want("set back", 0, frame.Holdover)
	s.wantOf(second, 0, frame.NTP).wantOf(2*second, 0, frame.Holdover)
	s.wantTrouble("the wall clock stands 1h0m0s behind the date that was confirmed last, and nobody confirms it; " +
		"dates go on as before until the clock is synchronised")
	s.setClock(hour).want("set forward", 0, frame.Holdover)
	s.ntp(0).want("synchronised again", 0, frame.NTP).wantTrouble("").wantOf(2*second, 0, frame.NTP)
	if s.changes != 0 || s.jumps != 3 {
		t.Errorf("%d changes and %d jumps, want 0 and 3", s.changes, s.jumps)
	}
}

func TestSetBackAnHourNeverConfirmed(t *testing.T) {
	s := newScene(t).setClock(0).want("plausible", 0, frame.Holdover)
	s.setClock(-hour).want("set back", 0, frame.Holdover)
	s.wantTrouble("the wall clock was set back by 1h0m0s and nobody confirms either date; " +
		"dates go on as before until the clock is synchronised or telhub restarts")
	s.setClock(-hour/2).want("and forward, but not far enough", 0, frame.Holdover)
	s.setClock(hour).want("and on", hour, frame.Holdover).wantTrouble("")
	s.setClock(5*second).want("and back to where it was", 5*second, frame.Holdover)
	s.ntp(-hour).want("confirmed", -hour, frame.NTP).wantOf(0, -hour, frame.NTP)
}

func TestForwardAYearAndBack(t *testing.T) {
	s := newScene(t).setClock(0).setClock(year).want("forward", year, frame.Holdover)
	s.setClock(-11*second).want("back elsewhere", year, frame.Holdover)
	s.setClock(10*second).want("back", 10*second, frame.Holdover)
	s.setClock(2*year).want("forward", 2*year, frame.Holdover)
	s.ntp(0).want("confirmed", 0, frame.NTP)
}

func TestAStepToBeforeTheBuildIsIgnored(t *testing.T) {
	past := built.UnixNano() - began - year
	for name, s := range map[string]*scene{
		"held":      newScene(t).setClock(0),
		"confirmed": newScene(t).ntp(0),
	} {
		s.setClock(past).want(name, 0, frame.Holdover)
		s.wantTrouble("the wall clock was set to 2025-01-01 00:00:0" + fmt.Sprint(s.now/second) +
			" UTC, which is before this program was built; dates go on as before")
	}
	newScene(t).ntp(past).want("a wrong time server", 0, frame.Unset).
		wantTrouble("the kernel's clock is synchronised to 2025-01-01 00:00:01 UTC, which is before this program was built; " +
			"check the time server; no date is used until that is mended")
}

func TestACorrectionByNTPRedates(t *testing.T) {
	s := newScene(t).ntp(300 * second).pass(hour).ntp(0)
	s.want("corrected", 0, frame.NTP).wantOf(0, 0, frame.NTP).wantOf(hour, 0, frame.NTP)
	if s.changes != 1 {
		t.Errorf("%d changes, want 1", s.changes)
	}
	// A leap second that was not announced is a correction.
	s.ntp(-second).want("a second back", -second, frame.NTP).wantOf(0, -second, frame.NTP)
}

func TestNoiseMovesNothing(t *testing.T) {
	s := newScene(t).ntp(0)
	for i := range int64(100) {
		s.ntp((i%5 - 2) * 900_000)
		s.want("noise", 0, frame.NTP)
	}
	s.ntp(3_000_000).want("a small step", 3_000_000, frame.NTP)
	if s.jumps != 1 {
		t.Errorf("%d jumps, want 1", s.jumps)
	}
	s.observe(reading{boot: s.now + second, offset: began, slack: 2_000_000, synced: true})
	s.want("a reading that may be as wrong as that", 3_000_000, frame.NTP)
}

// What a crystal drifts while nobody steers it is spread over that time.
func TestDriftInHoldover(t *testing.T) {
	s := newScene(t).ntp(0)
	lost := s.now
	s.sync = false
	s.pass(10*hour).want("holdover", 0, frame.Holdover)
	s.ntp(second).want("synchronised", second, frame.NTP)
	s.wantOf(0, 0, frame.NTP).wantOf(lost, 0, frame.NTP).wantOf(s.now, second, frame.NTP)
	s.wantOf(lost+(s.now-lost)/4, second/4, frame.NTP)
	if s.changes != 0 {
		t.Errorf("%d changes, want 0", s.changes)
	}
	// No crystal drifts a minute in ten hours.
	s.sync = false
	s.pass(10*hour).ntp(61*second).wantOf(lost, 61*second, frame.NTP)
}

func TestLeapSecond(t *testing.T) {
	// A boot that began twelve hours before the end of 2026.
	midnight := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	start := midnight - 12*hour
	at := 12 * hour
	offset := func(s *scene) int64 { return s.dating().Offset - start/1e6 }
	for _, tt := range []struct {
		name      string
		step      int64
		at        int64 // first stamp with the new offset
		announced bool
		seen      int64 // when it is noticed
		leap      bool
	}{
		{"inserted, seen while it runs", -second, at, true, at + second/2, true},
		{"inserted, seen minutes later", -second, at, true, at + 300*second, true},
		{"inserted, the flag is gone when it is seen", -second, at, true, at + second, false},
		{"deleted", second, at - second, true, at - second/2, true},
		{"deleted, seen an hour later", second, at - second, true, at + hour, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			s.set, s.sync, s.leap = start, true, tt.announced
			s.pass(at - 2*second)
			s.set, s.leap = start+tt.step, tt.leap
			s.pass(tt.seen - s.now)
			if got := offset(s); got != tt.step/1e6 || s.quality != frame.NTP {
				t.Fatalf("offset moved by %d ms, quality %v; want %d, ntp", got, s.quality, tt.step/1e6)
			}
			for _, stamp := range []int64{0, tt.at - second, tt.at - 1} {
				if got := s.of(stamp); got.Offset != start/1e6 || got.Quality != frame.NTP {
					t.Errorf("stamp %v before the leap has %+v", time.Duration(stamp), got)
				}
			}
			for _, stamp := range []int64{tt.at, tt.seen, tt.seen + hour} {
				if got := s.of(stamp).Offset; got != (start+tt.step)/1e6 {
					t.Errorf("stamp %v after the leap is off by %d ms", time.Duration(stamp), got-(start+tt.step)/1e6)
				}
			}
			if s.changes != 0 {
				t.Errorf("%d changes, want 0", s.changes)
			}
			// A correction later on keeps the leap second in its place.
			s.set, s.leap = s.set+10*second, false
			s.pass(second)
			if before, after := s.of(0).Offset, s.of(s.now).Offset; before != (start+10*second)/1e6 || after-before != tt.step/1e6 {
				t.Errorf("after a correction: %d and %d", before-start/1e6, after-start/1e6)
			}
		})
	}
}

func TestARunTakesOverWhatTheOneBeforeConfirmed(t *testing.T) {
	s := newScene(t).ntp(0)
	s.pass(hour)
	b := boot{quality: s.confirmed, until: s.until, track: s.track}
	next := newScene(t)
	next.restore(&b)
	next.now = s.now
	next.want("restored", 0, frame.Holdover)
	next.setClock(-hour).want("set back while away", 0, frame.Holdover).wantOf(0, 0, frame.NTP)
	next.ntp(0).want("synchronised", 0, frame.NTP)

	// What nobody confirmed yields to any plausible date, forward or back.
	b = boot{quality: frame.Holdover, track: newScene(t).setClock(hour).track}
	next = newScene(t)
	next.restore(&b)
	next.pass(second).want("the clock is in 1970", hour, frame.Holdover)
	next.setClock(0).want("set back while away", 0, frame.Holdover)
}

func TestAClockChipCountsUntilSomethingBetterIsKnown(t *testing.T) {
	s := newScene(t).pass(second)
	s.fallback(s.now, s.notBefore-s.now-1)
	s.want("an empty battery", 0, frame.Unset)
	s.fallback(s.now, began+hour)
	s.want("chip", hour, frame.Holdover)
	s.fallback(s.now, began+2*hour)
	s.want("chip again", hour, frame.Holdover)
	s.setClock(0).want("the clock is set", 0, frame.Holdover)
	s.ntp(1).want("ntp", 1, frame.NTP)
}

// Whatever happens: once known, a date stays known; it goes back only by a
// confirmed source, by undoing a step, or from a chip to the kernel's clock;
// what was confirmed moves only by a confirmed source. And at any time, stamps
// in order have dates in order.
func TestDatesNeverGoBackUnconfirmed(t *testing.T) {
	for seed := range uint64(400) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		s := newScene(t)
		var log []string
		for range 200 {
			was, confirmed, src := s.judge, s.confirmed != frame.Unset, s.source
			event := s.random(rnd)
			log = append(log, event)
			fail := func(what string) {
				t.Fatalf("seed %d: %s after %q", seed, what, log[max(0, len(log)-6):])
			}
			if was.known() && (!s.known() || s.quality == frame.Unset) {
				fail("the date is gone")
			}
			if a, b := s.inOrder(rnd); a > b {
				fail(fmt.Sprintf("an earlier stamp is dated %d, a later one %d", a, b))
			}
			if !was.known() || s.quality >= frame.NTP {
				continue
			}
			d := s.track.last() - was.track.last()
			switch {
			case confirmed && d != 0:
				fail("a confirmed date moved without confirmation")
			case d < 0 && src != chip && !slicesNear(was.past[:min(was.pasts, maxPast)], s.track.last()):
				fail(fmt.Sprintf("the date went back by %v", time.Duration(-d)))
			}
			if s.dating().Offset*1e6+s.now < s.notBefore-1e6 {
				fail("a date before the build")
			}
		}
	}
}

// inOrder dates two stamps, the earlier one first.
func (s *scene) inOrder(rnd *rand.Rand) (a, b int64) {
	earlier := rnd.Int64N(s.now + 1)
	later := earlier + rnd.Int64N(s.now-earlier+1)
	return earlier/ms + s.of(earlier).Offset, later/ms + s.of(later).Offset
}

func slicesNear(past []int64, offset int64) bool {
	for _, p := range past {
		if abs(p-offset) <= undone {
			return true
		}
	}
	return false
}

// random does something to the scene and names it.
func (s *scene) random(rnd *rand.Rand) string {
	off := (rnd.Int64N(2000) - 1000) * []int64{1e6, second, 3600 * second}[rnd.IntN(3)]
	switch k := rnd.IntN(9); k {
	case 0:
		s.setClock(off)
		return fmt.Sprint("set ", time.Duration(off))
	case 1:
		s.ntp(rnd.Int64N(50) * 1e6)
		return "ntp"
	case 2:
		s.sync = false
		s.pass(rnd.Int64N(20 * 60 * second))
		return "unsynced"
	case 3:
		s.gnss(1+rnd.IntN(5), rnd.Int64N(second))
		return "gnss"
	case 4:
		s.pass(second)
		s.fallback(s.now, began+off)
		return fmt.Sprint("chip ", time.Duration(off))
	case 5:
		s.set, s.sync = 0, false
		s.pass(second)
		return "1970"
	case 6:
		s.set, s.sync = s.set+off, false
		s.pass(1)
		return fmt.Sprint("step ", time.Duration(off))
	}
	s.pass(rnd.Int64N(100 * second))
	return "time passes"
}
