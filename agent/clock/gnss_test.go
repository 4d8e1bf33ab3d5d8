package clock

import (
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

const ms = int64(time.Millisecond)

func TestThreeSecondsThatAgreeMakeADate(t *testing.T) {
	s := newScene(t).gnss(2, 80*ms).want("two", 0, frame.Unset)
	s.gnss(1, 50*ms).want("three: the least late counts", -50*ms, frame.GNSS)
	s.wantOf(0, -50*ms, frame.GNSS).wantTrouble("")
}

func TestWhatIsNotThreeSecondsInARow(t *testing.T) {
	base := began / second * 1000
	type said struct{ utc, stamp int64 } // ms
	for name, all := range map[string][]said{
		"one that jumps":        {{0, 0}, {1000, 1000}, {3000, 3000}, {4000, 4000}},
		"one that stands still": {{0, 0}, {0, 1000}, {0, 2000}, {0, 3000}, {0, 4000}},
		"one that goes back":    {{9000, 0}, {8000, 1000}, {7000, 2000}, {6000, 3000}},
		"one that is uneven":    {{0, 0}, {1000, 1000}, {2000, 2101}},
		"a burst after a hang":  {{0, 3000}, {1000, 3010}, {2000, 3020}},
		"fractions only":        {{0, 0}, {200, 200}, {400, 400}, {600, 600}, {800, 800}},
	} {
		s := newScene(t)
		for _, x := range all {
			s.hear(base+x.utc, x.stamp*ms)
		}
		if s.known() {
			t.Errorf("%s gave a date", name)
		}
	}
}

func TestReceiversThatSpeakOften(t *testing.T) {
	for _, hz := range []int64{2, 5, 10, 20} {
		s := newScene(t)
		s.now = 50 * second
		for i := range 2*hz + 1 {
			at := s.now + i*second/hz
			if s.known() {
				t.Errorf("%d Hz: a date after %d readings", hz, i)
			}
			s.hear((began+at)/ms, at+20*ms)
		}
		s.want("three seconds", -20*ms, frame.GNSS)
	}
	// Two receivers on one board: the later one is passed over.
	s := newScene(t)
	for i := range int64(3) {
		s.hear((began+i*second)/ms, i*second+20*ms)
		s.hear((began+i*second)/ms, i*second+400*ms)
	}
	s.want("two receivers", -20*ms, frame.GNSS)
}

func TestARolledOverWeekCounterIsRefused(t *testing.T) {
	s := newScene(t)
	weeks := int64(1024 * 7 * 24 * time.Hour)
	for i := range int64(10) {
		s.now += second
		s.hear((began+i*second-weeks)/ms, s.now)
	}
	s.pass(0).want("rolled over", 0, frame.Unset)
	s.wantTrouble("the satellite receiver says 2006-08-26 00:00:09 UTC, which is before this program was built: " +
		"its week counter has rolled over; its dates are not used, update its firmware or let NTP set the clock")
	s.gnss(3, 0).want("mended", 0, frame.GNSS).wantTrouble("")
}

func TestASynchronisedKernelBeatsAReceiver(t *testing.T) {
	s := newScene(t).gnss(5, 300*ms).want("receiver", -300*ms, frame.GNSS)
	s.ntp(0).want("ntp", 0, frame.NTP).wantOf(0, 0, frame.NTP)
	// While both speak, the receiver's lateness is learnt, so that the date
	// goes on when the kernel is left alone.
	s.gnss(100, 300*ms).want("both", 0, frame.NTP)
	s.sync = false
	s.gnss(100, 300*ms).want("receiver again", 0, frame.GNSS)
	s.set += hour
	s.pass(second).want("the wall clock is set by hand", 0, frame.GNSS).wantTrouble("")
}

// What one phase gathers does not serve the other.
func TestNTPComesAndGoes(t *testing.T) {
	s := newScene(t)
	for range 20 {
		s.ntp(0).gnss(37, 300*ms).want("ntp", 0, frame.NTP)
		s.sync = false
		s.gnss(41, 300*ms).want("receiver", 0, frame.GNSS)
	}
	if s.changes != 0 || s.track.n != 1 {
		t.Errorf("%d changes, %d points", s.changes, s.track.n)
	}
}

func TestAReceiverThatIsSecondsOffConfirmsNothingBesideNTP(t *testing.T) {
	s := newScene(t).ntp(0).gnss(10, 5*second).want("ntp", 0, frame.NTP)
	s.sync = false
	s.pass(second).want("alone", 0, frame.Holdover)
	s.gnss(3, 5*second).want("believed once it is alone", -5*second, frame.GNSS)
}

func TestAReceiverFallsSilent(t *testing.T) {
	s := newScene(t).gnss(3, 0)
	last := s.now
	s.pass(receiverAge-second).want("ten minutes", 0, frame.GNSS)
	s.pass(2*second).want("more", 0, frame.Holdover)
	s.wantOf(last, 0, frame.GNSS).wantOf(s.now, 0, frame.Holdover)
	s.setClock(hour).want("set by hand", 0, frame.Holdover)
	s.gnss(3, 0).want("heard again", 0, frame.GNSS).wantOf(last+second, 0, frame.GNSS)
}

// Arrival is late by chance; the date stays where it is.
func TestLateArrivalsDoNotMoveTheDate(t *testing.T) {
	s := newScene(t).gnss(3, 40*ms)
	for i := range 600 {
		s.gnss(1, 30*ms+int64(i*7919%60)*ms)
		s.want("jitter", -40*ms, frame.GNSS)
	}
	s.gnss(3, 430*ms).want("a hang", -40*ms, frame.GNSS)
	if s.changes != 0 {
		t.Errorf("%d changes, want 0", s.changes)
	}
}

// A crystal 50 ppm off for a day: the date follows, and older samples keep theirs.
func TestTheDateFollowsACrystalThatDrifts(t *testing.T) {
	s := newScene(t)
	drift := func(stamp int64) int64 { return stamp / 20_000 } // truth runs faster than CLOCK_BOOTTIME
	for i := range int64(86400) {
		s.now = i * second
		truth := began + s.now + drift(s.now)
		s.hear(truth/ms, s.now+truth%ms+int64(i*31%50)*ms)
	}
	for h := range int64(24) {
		stamp := h * hour
		if got := s.of(stamp).Offset*ms - began - drift(stamp); abs(got) > 100*ms {
			t.Errorf("%d h: off by %v", h, time.Duration(got))
		}
	}
	if s.changes != 0 || s.track.n < 3 || s.version > 60 {
		t.Errorf("%d changes, %d points, version %d", s.changes, s.track.n, s.version)
	}
}

// A receiver that learns the leap seconds late corrects itself.
func TestAReceiverCorrectsItself(t *testing.T) {
	s := newScene(t).gnss(30, -2*second).want("before the almanac", 2*second, frame.GNSS)
	s.gnss(3, 0).want("after it", 0, frame.GNSS).wantOf(0, 0, frame.GNSS)
	if s.changes != 1 {
		t.Errorf("%d changes, want 1", s.changes)
	}
}

func TestALeapSecondToldByAReceiver(t *testing.T) {
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	s := newScene(t)
	// Stamps count from an instant 20 s before midnight.
	start := end - 20*second
	for i := range int64(40) {
		utc := start + i*second
		if i > 20 { // 23:59:60 reads as 00:00:00, which then comes again
			utc -= second
		}
		s.hear(utc/ms, i*second)
	}
	if got := s.of(0).Offset - start/ms; got != 0 {
		t.Errorf("before the leap the offset moved by %d ms", got)
	}
	if got := s.of(21*second).Offset - start/ms; got != -1000 {
		t.Errorf("after the leap the offset moved by %d ms, want -1000", got)
	}
	if s.changes != 0 || s.track.leap.at != 20*second {
		t.Errorf("%d changes, leap at %v", s.changes, time.Duration(s.track.leap.at))
	}
}
