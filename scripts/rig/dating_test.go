//go:build hil

package rig

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// neverDated: the first boot begins in 1970 without a network, is set to dates
// that cannot be true, and ends by a power cut. Its samples are spooled.
func (w *history) neverDated(t *testing.T) {
	w.powerOn(t, false, 20)
	wait(t, 6*time.Second)
	w.run(t, "date -s '1971-06-01 12:00:00'")
	wait(t, 3*time.Second)
	w.run(t, "date -s '1970-01-01 00:10:00'")
	wait(t, 6*time.Second)
	for k, s := range w.export(t) {
		if s.quality != "unset" || s.t0 <= 0 || s.t1 > time.Now().UnixNano()-w.zero[0].lo {
			t.Errorf("%v/%v is stored with q %s, %d to %d", k.lane, k.id, s.quality, s.t0, s.t1)
		}
	}
	if s := w.status(t); s.Clock.Quality != "unset" || s.Clock.Jumps < 2 || !s.says("the date is not known") {
		t.Errorf("status %+v; want unset, two jumps and why", s)
	}
	w.powerOff(t)
	if w.read(t); len(w.all) > 0 {
		t.Errorf("%d entries without a network", len(w.all))
	}
}

// ntpLate: the second boot begins like the first, then its clock is
// synchronised, then the network comes back. Each of its entries is dated, by
// the offset that the kernel has: the emulator's speed has no part in it.
func (w *history) ntpLate(t *testing.T) {
	w.powerOn(t, false, 20)
	wait(t, 20*time.Second)
	w.export(t)
	k := w.synchronise(t, w.zero[1].mid())
	w.late = k.offset
	await(t, 30*time.Second, "q ntp", func() bool { return w.status(t).Clock.Quality == "ntp" })
	w.export(t)
	spoken := w.counter.last()
	w.link(t, true)
	w.awaitNumber(t, 2, spoken)
	w.awaitDrained(t)
	for i := range w.all {
		if a := &w.all[i]; a.ID.Epoch == 2 && a.gap == nil && (a.Quality != "ntp" || a.Boot != w.boots[1]) {
			t.Errorf("%v/%v: q %s, boot %s; want ntp and %s", a.lane, a.ID, a.Quality, a.Boot, w.boots[1])
		}
	}
	w.checkShift(t, 2, k.offset, "ntp")
	t.Logf("offset known to %v, to this machine's clock within %v",
		time.Duration(k.slack), time.Duration(w.zero[1].hi-w.zero[1].lo).Round(time.Millisecond))
	w.checkCounter(t, 2, spoken)
	if s := w.status(t); s.Clock.Offset*1e6-k.offset > 2e6 || k.offset-s.Clock.Offset*1e6 > 2e6 {
		t.Errorf("status says offset %d ms, the kernel %d ns", s.Clock.Offset, k.offset)
	}
}

// awaitNumber waits until a number of the counter's has come in an epoch.
func (w *history) awaitNumber(t *testing.T, epoch uint64, n int) {
	t.Helper()
	await(t, 60*time.Second, fmt.Sprintf("counter %d", n), func() bool {
		w.read(t)
		for _, s := range w.since(0, "counter/n") {
			if s.in.ID.Epoch == epoch && int(s.Value) >= n {
				return true
			}
		}
		return false
	})
}

// bounds: what the first boot left goes out undated, in order, and its bounds
// hold the truth, which this machine knows.
func (w *history) bounds(t *testing.T) {
	w.checkShift(t, 1, 0, "unset")
	n := 0
	var early, late, least time.Duration
	for i := range w.all {
		a := &w.all[i]
		if a.ID.Epoch != 1 || a.gap != nil {
			continue
		}
		if a.Quality != "unset" || a.Boot != w.boots[0] || a.After == 0 || a.Before == 0 {
			t.Errorf("%v/%v: q %s, boot %s, after %d, before %d", a.lane, a.ID, a.Quality, a.Boot, a.After, a.Before)
			continue
		}
		first, last := w.zero[0].lo/1e6+a.T0, w.zero[0].hi/1e6+a.T1
		if a.After > first || a.Before < last {
			t.Errorf("%v/%v of %v to %v is said to be after %v and before %v", a.lane, a.ID,
				time.UnixMilli(first).UTC(), time.UnixMilli(last).UTC(), time.UnixMilli(a.After).UTC(), time.UnixMilli(a.Before).UTC())
		}
		early = max(early, time.Duration(first-a.After)*time.Millisecond)
		slack := time.Duration(a.Before-last) * time.Millisecond
		if late = max(late, slack); n == 0 || slack < least {
			least = slack
		}
		n++
	}
	if n == 0 {
		t.Fatal("nothing came of the first boot")
	}
	// Between the cut and the next kernel's start lie seconds; what was saved
	// last of how long the boot lived may be a little older.
	if late > 40*time.Second {
		t.Errorf("an entry was taken %v before the bound says so", late)
	}
	t.Logf("%d entries; before is %v to %v above the truth, after up to %v below", n, least, late, early)
}

// hourBack: somebody sets the clock back an hour, and then forward two. Dates
// go on as before, and say that nobody confirms them any more. Then the clock
// is synchronised again.
func (w *history) hourBack(t *testing.T) {
	w.awaitNumber(t, 2, w.counter.last())
	from := len(w.all)
	for i, seconds := range []int{-3600, 7200} {
		before := len(w.all)
		w.run(t, fmt.Sprintf("date -s @$(($(date +%%s) + %d))", seconds))
		w.awaitQuality(t, before, "holdover")
		wait(t, 5*time.Second)
		s := w.status(t)
		if off := s.Clock.Offset*1e6 - w.late; off < -2e6 || off > 2e6 || s.Clock.Quality != "holdover" ||
			!s.says("dates go on as before") || s.Clock.Jumps != i+2 {
			t.Errorf("status %+v; want holdover, offset %d ms, %d jumps and why", s, w.late/1e6, i+2)
		}
		t.Logf("set by %d s: %+v", seconds, s.Problems[0])
	}
	w.read(t)
	back := len(w.all)
	k := w.synchronise(t, w.late)
	w.awaitQuality(t, back, "ntp")
	wait(t, 2*time.Second)
	w.read(t)
	w.checkSteps(t, from)
	held := false
	for i := from; i < len(w.all); i++ {
		checkArrival(t, &w.all[i], 0)
		q := w.all[i].Quality
		if i < back && (q != "ntp" && q != "holdover" || held && q == "ntp") {
			t.Errorf("%v: q %s", w.all[i].ID, q)
		}
		held = held || q == "holdover"
	}
	w.checkCounter(t, 2, w.lastNumber(2))
	if off := w.status(t).Clock.Offset*1e6 - k.offset; off < -2e6 || off > 2e6 {
		t.Errorf("after synchronisation the offset is off by %v", time.Duration(off))
	}
}

// lastNumber is the largest number of the counter's that came in an epoch.
func (w *history) lastNumber(epoch uint64) int {
	last := 0
	for _, s := range w.since(0, "counter/n") {
		if s.in.ID.Epoch == epoch {
			last = max(last, int(s.Value))
		}
	}
	return last
}

// requireSync: with clock.require_sync a boot sends nothing before its date is
// confirmed, and then all of it, after what the boot before has left.
func (w *history) requireSync(t *testing.T) {
	from := len(w.all)
	w.powerOn(t, true, hot, "TELEMETRY_CLOCK_REQUIRE_SYNC=true")
	wait(t, 15*time.Second)
	w.read(t)
	if s := w.status(t); len(w.all) > from || !s.Clock.Awaited || !s.says("clock.require_sync waits for the time") {
		t.Errorf("%d entries before the date is known; status %+v", len(w.all)-from, s)
	}
	w.alarmRestored(t)
	w.export(t)
	t.Logf("spool: %+v", w.status(t).Spool)
	spoken := w.counter.last()
	k := w.synchronise(t, w.zero[2].mid())
	w.awaitNumber(t, 3, spoken)
	w.awaitDrained(t)
	w.checkShift(t, 3, k.offset, "ntp")
	w.checkCounter(t, 3, spoken)
	for i := from; i < len(w.all); i++ {
		if a := &w.all[i]; a.gap == nil && a.Quality != "ntp" && !(a.ID.Epoch == 2 && a.Quality == "holdover") {
			t.Errorf("%v/%v: q %s", a.lane, a.ID, a.Quality)
		}
	}
	w.alarmOnce(t)
}

// wholeTime holds everything that has come to what must be true of it.
func (w *history) wholeTime(t *testing.T) {
	w.checkOrder(t)
	type key struct {
		epoch  uint64
		name   string
		millis int64
		dated  bool
	}
	seen := make(map[key]frame.ID)
	qualities := make(map[string]int)
	samples := 0
	for i := range w.all {
		a := &w.all[i]
		qualities[a.Quality]++
		if a.Boot != w.boots[min(a.ID.Epoch, uint64(len(w.boots)))-1] {
			t.Errorf("%v/%v is of boot %s", a.lane, a.ID, a.Boot)
		}
		if a.gap != nil && a.gap.Cause != "power_cut" {
			t.Errorf("%v/%v: %s", a.lane, a.ID, a.Data)
		}
		for _, x := range a.samples {
			samples++
			k := key{a.ID.Epoch, x.Name, x.Millis, a.Quality != "unset"}
			if there, twice := seen[k]; twice && strings.HasPrefix(x.Name, "thermo/") {
				t.Errorf("%s of %d is in %v and in %v", x.Name, x.Millis, there, a.ID)
			}
			seen[k] = a.ID
		}
	}
	t.Logf("%d entries of %v, %d samples", len(w.all), qualities, samples)
}
