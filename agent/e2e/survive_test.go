package e2e

import (
	"math"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// meterTables are counters: an energy, and what a device counts that begins
// anew at 16 bits.
const meterTables = `
[sensor.energy]
value = "integral(watt)"
[sensor.turns]
value = "total(count, 65536)"
`

// newest returns the latest value of a channel.
func (a *audit) newest(name string) float64 {
	a.t.Helper()
	list := a.values[name]
	if len(list) == 0 {
		a.t.Fatalf("%s has no value", name)
	}
	return list[len(list)-1].Value
}

// meter lets a device count for a while and returns what it told last.
func meter(t *testing.T, n *node, d *teller, srv *redistest.Server, count *int) *audit {
	t.Helper()
	for range 20 {
		*count += 7
		d.say(`{"watt":%d,"count":%d}`, 1000+*count%500, *count%65536)
		d.heed(n)
		wait(t, 10*time.Millisecond)
	}
	n.settled()
	return readStreams(t, srv)
}

// A counter goes on where it was after an end in order, and where it was saved
// last after a kill. What a device has counted meanwhile counts in either case.
func TestCountersSurvive(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	d := newTeller(t, "box")
	n := newNode(t)
	n.configure(n.config(settings{redis: srv.URL(), flush: "50ms", rest: d.config("", []string{"watt", "count"}, meterTables)}))
	n.start()
	count := 65400 // wraps during the first run
	before := meter(t, n, d, srv, &count)
	saved := before.newest("box/energy")
	n.stop()

	d.heard, d.said = 0, 0
	n.start()
	after := meter(t, n, d, srv, &count)
	if got := after.values["box/energy"][20].Value; got != saved || saved == 0 {
		t.Errorf("after an end in order the energy begins with %v, want %v", got, saved)
	}
	n.kill()
	d.replug()

	d.heard, d.said = 0, 0
	n.start()
	end := meter(t, n, d, srv, &count)
	n.stop()
	reached := after.newest("box/energy")
	got := math.NaN()
	if k := len(after.values["box/energy"]); len(end.values["box/energy"]) > k {
		got = end.values["box/energy"][k].Value
	}
	if !(got >= saved && got <= reached) {
		t.Errorf("after a kill the energy begins with %v; it was saved at %v and had reached %v", got, saved, reached)
	}
	if got, want := end.newest("box/turns"), float64(count); got != want {
		t.Errorf("the counter says %v, the device has counted up to %v", got, want)
	}
	for name, list := range end.values {
		if len(list) != 60 {
			t.Errorf("%s has %d values, want 60", name, len(list))
		}
	}
}

// unsynchronised reports whether the kernel's clock is not synchronised, which
// a test cannot choose.
func unsynchronised(t *testing.T) bool {
	t.Helper()
	state, err := unix.Adjtimex(&unix.Timex{})
	if err != nil {
		t.Fatal(err)
	}
	return state == unix.TIME_ERROR
}

// With clock.require_sync samples wait in the store until the time is known;
// on a machine whose clock is synchronised there is nothing to wait for.
func TestRequiredTimeIsAwaited(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	d := newTeller(t, "box")
	n := newNode(t)
	config := n.config(settings{redis: srv.URL(), flush: "50ms", maxLoss: "100ms", rest: d.config("", []string{"t"}, alarmTable)})
	n.configure(config + "[clock]\nrequire_sync = true\n")
	waits := unsynchronised(t)
	n.start()
	const lines = 40
	for i := range lines {
		d.say(`{"t":%d}`, 10+i)
		d.heed(n)
	}
	const samples = lines + 1 // and one alarm
	if waits {
		// The alarm counts as in memory, although it is on flash, too.
		eventually(t, "all samples kept", func() bool {
			c := n.status().Counters
			return c.Stored == lines && c.Stored+c.InFlight == samples
		})
		n.wantTrouble("the time")
		if s := n.status(); !s.Clock.Awaited || s.Counters.Delivered != 0 {
			t.Errorf("clock %+v, counters %+v: want the time awaited and nothing delivered", s.Clock, s.Counters)
		}
		if a := readStreams(t, srv); len(a.entries) > 0 {
			t.Errorf("%d frames arrived although the time is not known", len(a.entries))
		}
		n.stop()
		n.configure(config)
		n.start()
	}
	n.settled()
	if s := n.status(); s.Clock.Awaited {
		t.Errorf("clock %+v: the time is awaited still", s.Clock)
	}
	n.stop()
	a := readStreams(t, srv)
	if a.samples != samples {
		t.Errorf("%d samples arrived, want %d", a.samples, samples)
	}
	for i, s := range a.values["box/t"] {
		if s.Value != float64(10+i) {
			t.Errorf("value %d is %v, want %d: out of order", i, s.Value, 10+i)
			break
		}
	}
	a.wantAlternating("box/t", true)
	n.summaries()
	t.Logf("the kernel's clock was synchronised: %v", !waits)
}

// SIGHUP with other processing: no line is lost, alarms and counters go on.
func TestReloadOfProcessingLosesNothing(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	d := newTeller(t, "box")
	n := newNode(t)
	fields := []string{"n", "t", "u", "watt"}
	config := func(tables string) string {
		return n.config(settings{redis: srv.URL(), flush: "50ms", rest: d.config("", fields, tables)})
	}
	const energy = "[sensor.energy]\nvalue = \"integral(watt)\"\n"
	const rich = "[sensor.u]\nscale = 10\nfilter = \"median 3\"\naggregate = { window = \"30s\", of = \"count\" }\n" +
		"[sensor.double]\nvalue = \"2 * t\"\n"
	configs := []string{alarmTable + energy, alarmTable + energy + rich, energy + rich, rich + energy, alarmTable + energy}
	n.configure(config(configs[0]))
	n.start()
	said := 0
	for i, tables := range configs {
		if i > 0 {
			epoch := n.status().Epoch
			n.configure(config(tables))
			n.signal(syscall.SIGHUP)
			n.untilEpoch(epoch + 1)
			d.said, d.heard = 0, 0
		}
		for range 15 {
			said++
			d.say(`{"n":%d,"t":%d,"u":%d,"watt":100}`, said, alarmHigh, said)
			d.heed(n)
		}
	}
	n.settled()
	if alarms := n.status().Alarms; len(alarms) != 1 || alarms[0].Channel != "box/t" || alarms[0].State != "high" {
		t.Errorf("/api/status lists %+v; want the alarm of box/t", alarms)
	}
	n.stop()
	a := readStreams(t, srv)
	for i, s := range a.values["box/n"] {
		if s.Value != float64(i+1) {
			t.Fatalf("value %d of box/n is %v: lost, twice or out of order", i, s.Value)
		}
	}
	counted := 0.0
	for _, s := range a.values["box/u_count_30s"] {
		counted += s.Value
	}
	for name, want := range map[string]int{"box/n": 75, "box/t": 75, "box/u": 75, "box/double": 45, "box/energy": 75} {
		if got := len(a.values[name]); got != want {
			t.Errorf("%s has %d values, want %d", name, got, want)
		}
	}
	if counted != 45 {
		t.Errorf("aggregates have counted %v values, want 45", counted)
	}
	a.wantAlternating("box/t", true) // raised once, and still
	a.wantGrowing("box/energy")
	n.wantAccounted(a)
	if log := n.log.String(); !strings.Contains(log, "an alarm was raised that the configuration does not know any more") {
		t.Error("the log does not tell of the alarm that the configuration has lost")
	}
	t.Logf("%d reloads, %d samples, energy %v", len(configs)-1, a.samples, a.newest("box/energy"))
}

// wantGrowing wants a counter that never goes back.
func (a *audit) wantGrowing(name string) {
	a.t.Helper()
	list := a.values[name]
	for i := 1; i < len(list); i++ {
		if list[i].Value < list[i-1].Value {
			a.t.Errorf("%s goes back from %v to %v at value %d", name, list[i-1].Value, list[i].Value, i)
		}
	}
}
