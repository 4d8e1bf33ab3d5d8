//go:build hil

package rig

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Temperatures above and below the alarm of guest/time.toml.
const (
	hot  = 60
	cool = 20
)

// lamps says what burns: the LED by the kernel's word, and LED and horn by the
// levels of their pins, GPIO 47 and GPIO 17.
func (w *history) lamps(t *testing.T) (burn []bool) {
	t.Helper()
	out := w.run(t, "grep -E '\\|(ACT|telhub) ' /sys/kernel/debug/gpio; cat /sys/class/leds/ACT/brightness")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 {
		t.Fatalf("one LED and one line are in use, not\n%s", out)
	}
	for _, line := range lines[:2] {
		burn = append(burn, strings.HasSuffix(strings.TrimSpace(line), " hi"))
	}
	return append(burn, lines[2] != "0")
}

// awaitLamps waits until all are on or off.
func (w *history) awaitLamps(t *testing.T, on bool) {
	t.Helper()
	await(t, time.Minute, "the lamps", func() bool { return !slices.Contains(w.lamps(t), !on) })
}

// checkLamps wants all to be on or off.
func (w *history) checkLamps(t *testing.T, on bool, when string) {
	t.Helper()
	if burn := w.lamps(t); slices.Contains(burn, !on) {
		t.Errorf("LED, horn and brightness are %v %s", burn, when)
	}
}

// alarms lists the events of the thermometer's alarm that have come.
func (w *history) alarms() (states []string, events []sample) {
	events = w.since(0, "thermo/temperature/alarm")
	for _, e := range events {
		states = append(states, e.Text)
	}
	return states, events
}

// awaitAlarms waits for the events that there are to have been.
func (w *history) awaitAlarms(t *testing.T, want ...string) {
	t.Helper()
	await(t, time.Minute, "alarm "+want[len(want)-1], func() bool {
		w.read(t)
		states, _ := w.alarms()
		return len(states) >= len(want)
	})
	states, events := w.alarms()
	if !slices.Equal(states, want) {
		t.Errorf("alarms %v, want %v", states, want)
	}
	for _, e := range events {
		if e.in.lane.String() != "alarm" {
			t.Errorf("alarm %s came in lane %v", e.Text, e.in.lane)
		}
	}
}

// alarmShows: an alarm is sent, told, and lights a lamp, and stops doing so.
func (w *history) alarmShows(t *testing.T) {
	w.checkLamps(t, false, "before the alarm")
	start := time.Now()
	w.temperature(t, "th0", hot*1000)
	w.awaitAlarms(t, "high")
	_, events := w.alarms()
	e := events[0]
	t.Logf("in the stream %.1f s after the world grew hot", e.in.at.Sub(start).Seconds())
	slack := time.Second + w.zero[1].error() // of the board's clock against this machine's
	if at := time.UnixMilli(e.Millis); e.in.Quality != "ntp" || at.Before(start.Add(-slack)) || at.After(e.in.at.Add(slack)) {
		t.Errorf("raised at %v, q %s; it grew hot at %v", at, e.in.Quality, start)
	}
	w.awaitLamps(t, true)
	if s := w.status(t); len(s.Alarms) != 1 || s.Alarms[0].State != "high" || s.Alarms[0].Level != "critical" {
		t.Errorf("status: alarms %+v", s.Alarms)
	}
	w.temperature(t, "th0", 47*1000) // between clear and high
	w.awaitTemperature(t, 47)
	w.checkLamps(t, true, "above clear")
	w.temperature(t, "th0", cool*1000)
	w.awaitAlarms(t, "high", "clear")
	w.awaitLamps(t, false)
}

// alarmAndCut: the network is away when an alarm is raised, and the power goes
// as soon as the lamp is seen.
func (w *history) alarmAndCut(t *testing.T) {
	w.link(t, false)
	wait(t, 8*time.Second) // the breaker opens, live frames go to the spool
	w.temperature(t, "th0", hot*1000)
	start := time.Now()
	w.awaitLamps(t, true)
	w.cut(t)
	w.counter.pause()
	t.Logf("cut %.1f s after the world grew hot", time.Since(start).Seconds())
	w.read(t)
	if states, _ := w.alarms(); len(states) != 2 {
		t.Errorf("alarms %v: the network was away", states)
	}
}

// alarmRestored: in the next boot it is as hot as before: the alarm is still
// raised, the lamp burns, and that is no new event.
func (w *history) alarmRestored(t *testing.T) {
	t.Helper()
	w.awaitLamps(t, true)
	if s := w.status(t); len(s.Alarms) != 1 || s.Alarms[0].State != "high" {
		t.Errorf("status: alarms %+v", s.Alarms)
	}
}

// alarmOnce: the alarm that was raised before the power cut comes once, dated
// by its own boot; the next event is that it is cleared.
func (w *history) alarmOnce(t *testing.T) {
	t.Helper()
	w.awaitAlarms(t, "high", "clear", "high")
	_, events := w.alarms()
	e := events[2]
	if e.in.ID.Epoch != 2 || e.in.Boot != w.boots[1] || e.in.Quality == "unset" {
		t.Errorf("the alarm came as %v of boot %s, q %s", e.in.ID, e.in.Boot, e.in.Quality)
	}
	if s, ok := w.stored[kept{"alarm", e.in.ID}]; !ok || max(s.t0-e.in.T0, e.in.T0-s.t0) > 10 {
		t.Errorf("the alarm of %d stood in the spool as %+v", e.in.T0, s)
	}
	w.temperature(t, "th0", cool*1000)
	w.awaitAlarms(t, "high", "clear", "high", "clear")
	w.awaitLamps(t, false)
}
