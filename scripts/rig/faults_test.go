//go:build hil

package rig

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// busHeals: the controller's driver is taken away and given back. The kernel
// waits with that until the agent lets go of the bus, so unbind returns only
// if it does. The other bus does not notice.
func (w *world) busHeals(t *testing.T) {
	const driver = "/sys/bus/platform/drivers/i2c-bcm2835/"
	from, stuck := len(w.all), w.stuck(t, hat)
	before, start := from, time.Now()
	w.run(t, "echo 3f804000.i2c >"+driver+"unbind")
	t.Logf("unbound after %.1f s", time.Since(start).Seconds())
	w.awaitStatus(t, from, "thermo/temperature", "lost")
	if _, status := w.try(t, 30*time.Second, "test -e /dev/i2c-1"); status == 0 {
		t.Error("/dev/i2c-1 is still there")
	}
	w.temperature(t, "th0", 4250)
	from = len(w.all)
	start = time.Now()
	w.run(t, "echo 3f804000.i2c >"+driver+"bind")
	w.awaitStatus(t, from, "thermo/temperature", "ok")
	w.awaitTemperature(t, 4.25)
	t.Logf("readings %.1f s after bind", time.Since(start).Seconds())
	w.checkSteady(t, before, "owned/temperature", w.stuck(t, hat)-stuck)
	w.checkPid(t)
}

// rebinds: the step of recovery that resets a controller does so on the kernel's
// own driver, on a bus that nobody has open, and leaves alone the one that the
// agent has. The emulated controller never hangs, so nothing needs it.
func (w *world) rebinds(t *testing.T) {
	stuck := w.stuck(t, header)
	w.temperature(t, "th0", 4500)
	w.awaitTemperature(t, 4.5) // what became of earlier transfers has come
	from := len(w.all)
	out, status := w.try(t, 60*time.Second, "REBIND_HELD=/dev/i2c-1 REBIND_FREE=/dev/i2c-2 /root/rebind.test -test.run OnTheBoard -test.v")
	if status != 0 || !strings.Contains(out, "--- PASS: TestOnTheBoard") {
		t.Errorf("exit status %d: %s", status, out)
	}
	w.temperature(t, "th0", 4375)
	w.awaitTemperature(t, 4.375)
	stuck = w.stuck(t, header) - stuck
	for _, s := range w.since(from, "thermo/temperature/status") {
		if stuck == 0 {
			t.Errorf("the agent's own bus became %s", s.Text)
		}
	}
	t.Logf("%d transfers stuck; %s", stuck, strings.TrimSpace(out))
	w.checkPid(t)
}

// The controllers of the buses header and hat.
const header, hat = "3f804000", "3f205000"

// stuck counts the transfers of a controller that the kernel gave up, after a
// while, because its controller did not answer. A sound controller always
// does; an emulated one that stands still does not.
func (b *board) stuck(t *testing.T, controller string) int {
	t.Helper()
	out, _ := b.try(t, 30*time.Second, "dmesg | grep -c '"+controller+".i2c: i2c transfer timed out'")
	n, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil {
		t.Fatalf("dmesg: %v: %q", err, out)
	}
	return n
}

// adapterComesBack: the USB serial adapter goes and comes again.
func (w *world) adapterComesBack(t *testing.T) {
	const driver = "/sys/bus/usb/drivers/usb/"
	w.awaitCounter(t, w.counter.pause())
	from := len(w.all)
	w.run(t, "echo 1-1.1 >"+driver+"unbind")
	w.awaitStatus(t, from, "counter/n", "lost")
	w.run(t, "echo 1-1.1 >"+driver+"bind")
	start := time.Now()
	w.awaitPort(t, "ttyUSB0")
	t.Logf("open again after %.1f s", time.Since(start).Seconds())
	wait(t, time.Second) // a port that is open is yet to be set up
	w.counter.start(w.plugged)
	w.awaitCounter(t, w.counter.last()+1)
	w.awaitCounterOnce(t, w.counter.last())
	w.checkPid(t)
}

// outage: the network cable is pulled for 20 seconds and plugged in again.
// Nothing is missing, nothing twice, and what is new does not wait for what is
// old.
func (w *world) outage(t *testing.T) {
	const lasts = 20 * time.Second
	name := "neo-m8n.log"
	from := len(w.all)
	start := time.Now()
	w.link(t, false)
	play(t, w.gnss, capture(t, name), 5*time.Millisecond)
	for i := 0; time.Since(start) < lasts; i++ {
		w.temperature(t, "th0", 1000*(10+i))
		wait(t, 2*time.Second)
	}
	w.read(t)
	if n := len(w.all); n > from+5 {
		t.Errorf("%d entries in the outage", n-from)
	}
	restored, spoken := time.Now(), w.counter.last()
	w.link(t, true)
	w.awaitCounterOnce(t, spoken)
	w.awaitDrained(t)
	w.awaitCounter(t, w.counter.last())
	w.report(t, from, restored)
	w.checkCounter(t, uint64(len(w.boots)), spoken)
	compareFixes(t, w.fixes(from), gpsdFixes(t, "../../drivers/nmea/testdata/"+name+".chk"))
	w.checkPid(t)
}

// report tells when live samples and the backlog came after an outage, and
// holds live not to wait for the backlog. A backlog that fits one batch can
// be over before the first live frame is due.
func (w *world) report(t *testing.T, from int, restored time.Time) {
	t.Helper()
	var live, back time.Time
	var samples int
	for i := from; i < len(w.all); i++ {
		switch a := &w.all[i]; {
		case a.lane.String() == "backfill":
			back = a.at
			samples += len(a.samples)
		case live.IsZero() && a.T1 > restored.UnixMilli():
			live = a.at
		}
	}
	t.Logf("first live entry %.1f s after the link came back, last of %d backlog samples after %.1f s",
		live.Sub(restored).Seconds(), samples, back.Sub(restored).Seconds())
	if samples == 0 {
		t.Error("nothing came from the spool")
	}
	if live.IsZero() || live.After(back.Add(flush+time.Second)) {
		t.Errorf("live at %v, the backlog's end at %v", live, back)
	}
}

// awaitCounterOnce waits until every number up to n has come.
func (w *world) awaitCounterOnce(t *testing.T, n int) {
	t.Helper()
	var missing []int
	for deadline := time.Now().Add(90 * time.Second); ; wait(t, 50*time.Millisecond) {
		w.read(t)
		if missing = w.missing(n); len(missing) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("of the counter up to %d these have not come: %d", n, missing)
		}
	}
}

// missing lists the numbers up to n, from the first that came, that have not.
func (w *world) missing(n int) (list []int) {
	seen := make(map[int]bool)
	first := n
	for _, v := range values(w.since(0, "counter/n")) {
		seen[int(v)] = true
		first = min(first, int(v))
	}
	for i := first; i <= n; i++ {
		if !seen[i] {
			list = append(list, i)
		}
	}
	return list
}

// awaitDrained waits until the agent's spool is empty. A slow board takes its
// time, but the backlog must go on: what arrives is counted.
func (w *world) awaitDrained(t *testing.T) {
	t.Helper()
	var status struct {
		Spool struct {
			Frames uint64 `json:"frames"`
		} `json:"spool"`
	}
	start, came, moved := time.Now(), w.backlog(), time.Now()
	for {
		w.api(t, "/api/status", &status)
		w.read(t)
		if status.Spool.Frames == 0 {
			return
		}
		if n := w.backlog(); n > came {
			came, moved = n, time.Now()
		}
		if stands := time.Since(moved); stands > time.Minute || time.Since(start) > 5*time.Minute {
			t.Fatalf("after %v %d frames are in the spool; %d have come in lane backfill, the last %v ago",
				time.Since(start).Round(time.Second), status.Spool.Frames, came, stands.Round(time.Second))
		}
		wait(t, 50*time.Millisecond)
	}
}

// backlog counts what has come from the spool.
func (w *world) backlog() (n int) {
	for i := range w.all {
		if w.all[i].lane.String() == "backfill" {
			n++
		}
	}
	return n
}

// powerCutWhileLive: the power goes while all is well. The next boot has no
// date, so the record of what is missing cannot say since when.
func (w *world) powerCutWhileLive(t *testing.T) {
	w.checkLog(t)
	w.cut(t)
	said := w.counter.pause()
	w.boot(t, "TELEMETRY_UPLINK_ENCODING=compact")
	w.awaitDrained(t)
	w.checkCut(t, 1, said)
	g := w.powerCutGap(t, 2)
	if g.gap.T0 != nil || g.Quality != "unset" {
		t.Errorf("gap record %s, q %s: without a date its beginning cannot be known", g.Data, g.Quality)
	}
}

// powerCutInOutage: the power goes while samples are spooled, and comes back
// with a clock that is right from the start. What was older than max_loss
// arrives; the rest lies within the span of the gap record.
func (w *world) powerCutInOutage(t *testing.T) {
	w.setDate(t)
	w.link(t, false)
	wait(t, 10*time.Second)
	w.checkLog(t)
	w.cut(t)
	said := w.counter.pause()
	w.boot(t, fmt.Sprintf("rig.date=%d", time.Now().Add(clockLate).Unix()))
	w.awaitDrained(t)
	lost := w.checkCut(t, 2, said)
	g := w.powerCutGap(t, 3)
	if g.gap.T0 == nil {
		t.Fatalf("gap record %s: the date was known before and after, so must be its beginning", g.Data)
	}
	t0, t1 := time.UnixMilli(*g.gap.T0), time.UnixMilli(g.gap.T1)
	for n := lost; n <= said; n++ {
		if at := w.counter.at(n); at.Before(t0.Add(-clockError)) || at.After(t1.Add(clockError)) {
			t.Errorf("counter %d of %v is lost, but the gap is from %v to %v", n, at, t0, t1)
		}
	}
	if early := w.counter.at(lost).Sub(t0); early > clockError+time.Second {
		t.Errorf("the gap begins %v before the first sample lost", early)
	}
	t.Logf("the gap record says %v to %v", t0.UTC().Format(time.TimeOnly), t1.UTC().Format(time.TimeOnly))
}

const (
	// clockLate is about how long the kernel boots until rig-start sets the date.
	clockLate = 8 * time.Second
	// clockError is how wrong the board's date can then be, by whole seconds
	// of date(1) and a boot that took another time.
	clockError = 3 * time.Second
)

// checkCut holds an epoch that ended by a power cut, with said as the last
// number spoken, to its promise: all of it once, but for the last moments. It
// returns the first number lost.
func (w *world) checkCut(t *testing.T, epoch uint64, said int) (lost int) {
	t.Helper()
	last := 0
	for _, s := range w.since(0, "counter/n") {
		if s.in.ID.Epoch == epoch {
			last = max(last, int(s.Value))
		}
	}
	w.checkCounter(t, epoch, last)
	took := w.counter.at(said).Sub(w.counter.at(last))
	t.Logf("the power cut cost %.2f s: counter %d to %d of %d", took.Seconds(), last+1, said, said)
	if took > maxLoss+flush+time.Second {
		t.Errorf("the power cut cost %v, more than max_loss", took)
	}
	return last + 1
}

// powerCutGap returns the gap record that an epoch began with.
func (w *world) powerCutGap(t *testing.T, epoch uint64) *arrival {
	t.Helper()
	var found []*arrival
	for i := range w.all {
		if a := &w.all[i]; a.gap != nil && a.ID.Epoch == epoch {
			found = append(found, a)
		}
	}
	if len(found) != 1 || found[0].gap.Cause != "power_cut" || found[0].gap.N != nil {
		t.Fatalf("%d gap records in epoch %d, want one power_cut of unknown number", len(found), epoch)
	}
	return found[0]
}

// orderedEnd: stopped by its service manager, the agent leaves nothing behind.
func (w *world) orderedEnd(t *testing.T) {
	said := w.counter.pause()
	w.awaitCounter(t, said)
	w.checkMemory(t)
	w.run(t, "kill "+strings.TrimSpace(w.pid))
	await(t, 20*time.Second, "the agent's end", func() bool {
		_, status := w.try(t, 30*time.Second, "pidof telhub")
		return status != 0
	})
	w.read(t)
	w.checkCounter(t, 3, said)
	w.checkLog(t)
	t.Log(w.run(t, "grep -v watch_out /var/log/rig-start.log | tail -n 5; telhub spool status; df /var/lib/telhub"))
}

// checkMemory holds the agent to 16 MB on a kernel that gives out huge pages.
func (w *world) checkMemory(t *testing.T) {
	t.Helper()
	var peak, anonymous int
	out := w.run(t, "grep -E 'VmHWM|RssAnon' /proc/"+strings.TrimSpace(w.pid)+"/status")
	if _, err := fmt.Sscanf(out, "VmHWM: %d kB\nRssAnon: %d kB", &peak, &anonymous); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("memory: at most %d kB resident, %d kB of it anonymous now", peak, anonymous)
	if peak > 16<<10 {
		t.Errorf("%d kB resident, want at most 16 MB", peak)
	}
}
