package e2e

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// The limits of the alarm, and values that raise, keep and clear it.
const (
	alarmHigh  = 30
	alarmClear = 28
	alarmTable = "[sensor.t]\nalarm = { high = 30, clear = 28 }\n"
)

// alarmDevice is a box whose values flap across its alarm's limit.
type alarmDevice struct {
	*teller
	r    *rand.Rand
	last float64
}

// flap says a value, mostly on the other side of the limit, sometimes exactly
// on one, sometimes between both.
func (d *alarmDevice) flap() {
	v := []float64{22, 25, alarmClear, 29, 29.9, alarmHigh, 31, 40}[d.r.IntN(8)]
	d.last = v
	d.say(`{"t":%v}`, v)
}

// cross says a value that changes the alarm, if all went well so far.
func (d *alarmDevice) cross(high bool) {
	d.last = alarmClear
	if high {
		d.last = alarmHigh
	}
	d.say(`{"t":%v}`, d.last)
}

// The agent is killed again and again while an alarm comes and goes, with the
// server there and without it. Each change of state is told exactly once.
func TestAlarmsAreToldExactlyOnce(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, "--appendonly", "yes")
	d := &alarmDevice{teller: newTeller(t, "box"), r: dice(t)}
	n := newNode(t)
	n.configure(n.config(settings{
		redis: srv.URL(), flush: "50ms", maxLoss: "1s", breaker: "failures = 1\nopen = \"100ms\"\nopen_max = \"300ms\"",
		rest: d.config("", []string{"t"}, alarmTable),
	}))
	n.start()
	var cuts []cut
	up := true
	for i := range pick(15, 60) {
		lines := 6 + d.r.IntN(20)
		if i%7 == 3 {
			lines += 100 // long enough for values whose alarm is beyond doubt
		}
		for range lines {
			d.flap()
			wait(t, time.Duration(10+d.r.IntN(30))*time.Millisecond)
		}
		if i%3 == 2 {
			up = !up
			if up {
				srv.Start()
			} else {
				srv.Stop()
			}
		}
		d.cross(d.last < alarmHigh) // the kill comes while this is on its way
		wait(t, time.Duration(d.r.IntN(1<<d.r.IntN(9)))*time.Millisecond)
		at := time.Now().UnixMilli()
		n.kill()
		d.replug()
		n.start()
		cuts = append(cuts, cut{at, time.Now().UnixMilli()})
	}
	if !up {
		srv.Start()
	}
	high := d.r.IntN(2) == 0
	d.cross(high)
	n.drained()
	raised := n.status().Alarms
	n.stop()
	if (len(raised) == 1) != high {
		t.Errorf("/api/status lists %+v, although the last value is %v", raised, d.last)
	}
	a := readStreams(t, srv)
	a.wantAlternating("box/t", high)
	a.wantInForce("box/t", cuts)
	n.summaries()
	for _, g := range a.gaps {
		if g.Cause != "power_cut" {
			t.Errorf("a gap was declared: %v", g)
		}
	}
	t.Logf("%d kills, %d values, %d changes of the alarm, %d gap records of power cuts",
		len(cuts), len(a.values["box/t"]), len(a.texts["box/t/alarm"]), len(a.gaps))
}

// wantAlternating wants the words of a channel's alarm to take turns, and the
// last to be true.
func (a *audit) wantAlternating(channel string, high bool) {
	a.t.Helper()
	events := a.texts[channel+"/alarm"]
	for i, e := range events {
		if want := []string{"high", "clear"}[i%2]; e.Text != want {
			a.t.Fatalf("event %d of %d is %q, want %q: %v", i, len(events), e.Text, want, words(events))
		}
	}
	if (len(events)%2 == 1) != high {
		a.t.Errorf("the last of %d events is not what the last value says: high is %v", len(events), high)
	}
}

func words(events []redis.Sample) (list []string) {
	for _, e := range events {
		list = append(list, e.Text)
	}
	return list
}

// beforeCut is how long before a kill a value may have come to the streams
// while the alarm that it raised was not on flash yet: uplink waits a second
// at most, and what was lost comes again with the next value.
const beforeCut = 1200

// wantInForce checks values that leave no doubt against the alarm's state at
// their instant, but for those just before a kill.
func (a *audit) wantInForce(channel string, cuts []cut) {
	a.t.Helper()
	checked := 0
	for _, v := range a.values[channel] {
		if v.Value > alarmClear && v.Value < alarmHigh || slices.ContainsFunc(cuts, func(c cut) bool {
			return v.Millis > c.at-beforeCut && v.Millis < c.back
		}) {
			continue
		}
		checked++
		if want := v.Value >= alarmHigh; !a.inForce(channel, v.Millis, want) {
			a.t.Errorf("%s is %v at %d, and the alarm was never high = %v there: %v", channel, v.Value, v.Millis, want, a.texts[channel+"/alarm"])
			return
		}
	}
	if checked < 50 {
		a.t.Errorf("only %d values could be checked: this shows nothing", checked)
	}
}

// inForce reports whether the alarm had a state at an instant, or within what
// roundings of stamps and lines that came at once can hide.
func (a *audit) inForce(channel string, at int64, high bool) bool {
	state, ok := false, false
	for _, e := range a.texts[channel+"/alarm"] {
		if e.Millis > at-rounding {
			ok = ok || state == high
		}
		if e.Millis > at+rounding {
			return ok
		}
		state = e.Text == "high"
	}
	return ok || state == high
}
