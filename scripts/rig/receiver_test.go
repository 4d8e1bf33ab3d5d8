//go:build hil

package rig

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// yearForthAndBack: the clock of an unconfirmed boot is set, set a year too
// far, and set right again. Dates follow, nothing is lost, doubled or moved.
func (w *history) yearForthAndBack(t *testing.T) {
	w.powerOff(t)
	w.powerOn(t, true, cool)
	for _, ahead := range []time.Duration{0, year, 0} {
		from := len(w.all)
		w.run(t, fmt.Sprintf("date -s @%d", time.Now().Add(ahead).Unix()))
		var a *arrival
		await(t, 20*time.Second, "entries dated "+ahead.String()+" ahead", func() bool {
			w.read(t)
			if len(w.all) == from {
				return false
			}
			a = &w.all[len(w.all)-1]
			late := a.at.Add(ahead).Sub(time.UnixMilli(a.T1))
			return a.Quality == "holdover" && late.Abs() < time.Hour
		})
		checkArrival(t, a, ahead)
		wait(t, 2*time.Second)
	}
	w.awaitNumber(t, 4, w.counter.last())
	w.checkCounter(t, 4, w.lastNumber(4))
	if s := w.status(t); s.Clock.Jumps < 3 {
		t.Errorf("status %+v; want three jumps", s)
	}
}

// rolledOver: the receiver of a capture says that it is 2019. It gives
// positions and no date.
func (w *history) rolledOver(t *testing.T) {
	from := len(w.all)
	play(t, w.gnss, capture(t, "gp-320fw-2019-04-07-coldboot.log"), 5*time.Millisecond)
	await(t, 20*time.Second, "the refusal", func() bool {
		s := w.status(t)
		return s.says("week counter has rolled over")
	})
	wait(t, 2*time.Second)
	w.read(t)
	for i := from; i < len(w.all); i++ {
		if a := &w.all[i]; a.Quality != "holdover" {
			t.Errorf("%v: q %s", a.ID, a.Quality)
		} else {
			checkArrival(t, a, 0)
		}
	}
	if len(w.fixes(from)) == 0 {
		t.Error("no position came")
	}
	t.Logf("status: %+v", w.status(t).Problems)
}

// receiverLate is how late a second's sentence begins, as with real receivers.
const receiverLate = 100 * time.Millisecond

// talk plays a receiver that has a fix: RMC once a second of this machine's
// clock, until ctx ends.
func talk(ctx context.Context, c net.Conn) {
	for {
		next := time.Now().Truncate(time.Second).Add(time.Second + receiverLate)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(next)):
		}
		at := next.Truncate(time.Second).UTC()
		body := fmt.Sprintf("GPRMC,%s.00,A,4807.038,N,01131.000,E,0.0,0.0,%s,,,A", at.Format("150405"), at.Format("020106"))
		sum := byte(0)
		for i := range len(body) {
			sum ^= body[i]
		}
		if _, err := fmt.Fprintf(c, "$%s*%02X\r\n", body, sum); err != nil {
			return
		}
	}
}

// receiver: a receiver with a fix dates the boot. The counter says how well:
// what it said at an instant bears that instant, but for the receiver's
// lateness and the emulator's.
func (w *history) receiver(t *testing.T) {
	from := len(w.all)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); talk(ctx, w.gnss) }()
	w.awaitQuality(t, from, "gnss")
	from = len(w.all)
	wait(t, 12*time.Second)
	stop()
	<-done
	w.read(t)
	var off []time.Duration
	for _, s := range w.since(from, "counter/n") {
		if s.in.Quality != "gnss" {
			t.Errorf("%v: q %s", s.in.ID, s.in.Quality)
		}
		off = append(off, time.UnixMilli(s.Millis).Sub(w.counter.at(int(s.Value))))
	}
	if len(off) < 100 {
		t.Fatalf("%d numbers", len(off))
	}
	slices.Sort(off)
	median := off[len(off)/2]
	t.Logf("%d numbers with q gnss are dated %v to %v after they were said, median %v",
		len(off), off[0], off[len(off)-1], median)
	if (median + receiverLate).Abs() > 300*time.Millisecond {
		t.Errorf("dates are off by %v", median)
	}
	if s := w.status(t); s.Clock.Quality != "gnss" || s.says("rolled over") {
		t.Errorf("status %+v", s)
	}
	t.Logf("status: %+v", w.status(t).Clock)
}

// compile32 adds the 32-bit agent and the tests of its clock to the board.
func compile32(t *testing.T, overlay string) {
	t.Helper()
	compile(t, "arm", filepath.Join(overlay, "usr/bin/telhub32"), "build", "../../agent/cmd/telhub")
	dir := filepath.Join(overlay, "root/agent/clock")
	compile(t, "arm", filepath.Join(dir, "clock.test"), "test", "-c", "../../agent/clock")
	for _, name := range []string{"beidou-bd.log", "gp-320fw-2019-04-07-coldboot.log", "mtk-3329.log", "neo-m8n.log"} {
		install(t, "../../drivers/nmea/testdata/"+name, filepath.Join(overlay, "root/drivers/nmea/testdata", name), 0o644)
	}
}

// past2038: on the same kernel in the year 2040, where 32 bits of seconds have
// long ended, the tests of the clock pass as 32-bit code, and the 32-bit agent
// takes over the spool, follows the kernel's clock and a step of it.
func (w *history) past2038(t *testing.T) {
	said := w.counter.pause()
	w.awaitNumber(t, 4, said)
	w.run(t, "kill "+strings.TrimSpace(w.pid))
	await(t, 20*time.Second, "the agent's end", func() bool {
		_, status := w.try(t, 30*time.Second, "pidof telhub")
		return status != 0
	})
	w.run(t, "date -s '2040-01-01 00:00:00'")
	out, status := w.try(t, 120*time.Second, "cd /root/agent/clock && ./clock.test -test.v | grep -E '^(---|FAIL|PASS|ok| +[a-z0-9_]+_test)'")
	passed := strings.Count(out, "--- PASS")
	if status != 0 || !strings.Contains(out, "\nPASS") || strings.Contains(out, "FAIL") || passed < 20 {
		t.Errorf("32-bit tests in 2040: exit status %d\n%s", status, out)
	}
	t.Logf("32-bit tests of agent/clock in 2040: %d passed", passed)

	w.boots = append(w.boots, w.boots[3])
	w.zero = append(w.zero, w.zero[3])
	ahead := time.Until(time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)).Truncate(time.Second)
	k := w.synchronise(t, w.zero[4].mid()+int64(ahead))
	from := len(w.all)
	w.run(t, "setsid telhub32 run </dev/null >/var/log/rig-start.log 2>&1 &")
	a := w.awaitQuality(t, from, "ntp")
	checkArrival(t, a, ahead)
	w.checkOffset(t, k)
	from = len(w.all)
	k = w.synchronise(t, k.offset+int64(90*time.Second))
	await(t, 20*time.Second, "the step", func() bool {
		w.read(t)
		return len(w.all) > from && time.UnixMilli(w.all[len(w.all)-1].T1).Sub(w.all[len(w.all)-1].at) > ahead+time.Minute
	})
	checkArrival(t, &w.all[len(w.all)-1], ahead+90*time.Second)
	w.checkOffset(t, k)
	t.Logf("the 32-bit agent's last entry is of %v", time.UnixMilli(w.all[len(w.all)-1].T1).UTC())
	w.checkLog(t)
}

// checkOffset holds the agent's offset to the kernel's.
func (w *history) checkOffset(t *testing.T, k kernelTime) {
	t.Helper()
	s := w.status(t)
	off := time.Duration(s.Clock.Offset*1e6 - k.offset)
	if off.Abs() > 10*time.Millisecond || s.Clock.Quality != "ntp" {
		t.Errorf("the agent's offset is off by %v, q %s", off, s.Clock.Quality)
	}
	t.Logf("the agent's offset is off by %v", off)
}
