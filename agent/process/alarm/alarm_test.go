package alarm

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

const sec = int64(time.Second)

func ptr(v float64) *float64 { return &v }

// play feeds a script, one word an event at one second each, and returns the
// changes as "second:state". A number is a value, "lost", "bad" and "ok" are
// statuses, "." is a second in which only time passes, "@N" sets the clock.
func play(t *testing.T, a *Alarm, script string) string {
	t.Helper()
	var got []string
	at := int64(0)
	for _, word := range strings.Fields(script) {
		var (
			state   drivers.Alarm
			changed bool
			v       float64
		)
		switch {
		case word[0] == '@':
			if _, err := fmt.Sscanf(word, "@%d", &at); err != nil {
				t.Fatal(err)
			}
			continue
		case word == ".":
			state, changed = a.Advance(at * sec)
		case word == "ok":
			state, changed = a.Status(drivers.OK, at*sec)
		case word == "bad":
			state, changed = a.Status(drivers.Bad, at*sec)
		case word == "lost":
			state, changed = a.Status(drivers.Lost, at*sec)
		default:
			if _, err := fmt.Sscan(word, &v); err != nil {
				t.Fatal(err)
			}
			state, changed = a.Value(v, at*sec)
		}
		if state != a.State() {
			t.Fatalf("second %d: returned %v, State is %v", at, state, a.State())
		}
		if changed {
			got = append(got, fmt.Sprintf("%d:%v", at, state))
		}
		at++
	}
	return strings.Join(got, " ")
}

func TestAlarm(t *testing.T) {
	hysteresis := Options{High: ptr(35), ClearHigh: ptr(33)}
	lasting := Options{High: ptr(35), ClearHigh: ptr(33), For: 3 * time.Second}
	both := Options{High: ptr(35), Low: ptr(5), ClearHigh: ptr(33), ClearLow: ptr(7)}
	for _, c := range []struct {
		name   string
		o      Options
		script string
		want   string
	}{
		{"exactly at the limit and at clear", hysteresis, "34.999 35 34 33.001 33", "1:high 4:clear"},
		{"flapping at the threshold", hysteresis, "35 34.9 35 34.9 35.1 34.9 35 33.1 35 33", "0:high 9:clear"},
		{"flapping over the whole band", hysteresis, "35 33 35 33", "0:high 1:clear 2:high 3:clear"},
		{"without clear: below the limit", Options{High: ptr(35)}, "35 35 34.99999999999999 35", "0:high 2:clear 3:high"},
		{"low mirrored", Options{Low: ptr(5), ClearLow: ptr(7)}, "5.001 5 6 6.999 7", "1:low 4:clear"},
		{"low without clear", Options{Low: ptr(5)}, "5 5.000000000000001 5", "0:low 1:clear 2:low"},
		{"negative zero is zero", Options{High: ptr(0)}, "-1 -0 -1e-300", "1:high 2:clear"},
		{"high to low at once is one event", both, "36 4 20", "0:high 1:low 2:clear"},
		{"low to high at once", both, "4 36 20", "0:low 1:high 2:clear"},
		{"high to low with for is clear between", Options{High: ptr(35), Low: ptr(5), For: 2 * time.Second},
			"36 36 36 4 4 4 20", "2:high 3:clear 5:low 6:clear"},

		{"for counts from the first value beyond", lasting, "35 35 35 35 35", "3:high"},
		{"for: back below the limit begins anew", lasting, "35 35 35 34 35 35 35 35", "7:high"},
		{"for: exactly as long", lasting, "@10 35 @12 35 @13 35", "13:high"},
		{"for with sparse samples", lasting, "@0 36 @600 36 @1200 20", "600:high 1200:clear"},
		{"for: never raised by one value", lasting, "@0 20 @600 36 @1200 20 @1800 36", ""},
		{"for: changing sides begins anew", Options{High: ptr(35), Low: ptr(5), For: 3 * time.Second},
			"36 36 36 4 4 4 4", "6:low"},
		{"for: clearing does not wait", lasting, "35 35 35 35 33", "3:high 4:clear"},
		{"for: raised again needs the time again", lasting, "35 35 35 35 33 35 35 35 35", "3:high 4:clear 8:high"},

		{"gap: pending begins anew", lasting, "35 35 bad ok 35 35 35 35", "7:high"},
		{"gap: ok alone is none", lasting, "35 ok 35 35", "3:high"},
		{"gap: raised stays", hysteresis, "36 lost . . ok 36 34 33", "0:high 7:clear"},
		{"gap: and is cleared by the first normal value", hysteresis, "36 lost ok 20", "0:high 3:clear"},

		{"stamps run backwards: never held up", lasting, "@10 35 @9 35 @11 35 @10 35 @12 35", "12:high"},
		{"stamps run back an hour", lasting, "@3600 35 @0 35 35 35 35", "3:high"},
		{"stamps run back while raised", hysteresis, "@3600 36 @0 36 33", "3600:high 1:clear"},
		{"equal stamps", lasting, "@5 35 @5 35 @8 35 @8 20", "8:high 8:clear"},

		{"no number is a gap", lasting, "35 35 NaN 35 35 35 35", "6:high"},
		{"nor is infinity a height", hysteresis, "+Inf 36 -Inf", "1:high"},

		{"status raises stale", Options{Stale: true}, "20 lost lost bad 20", "1:stale 4:clear"},
		{"bad is no valid value either", Options{Stale: true}, "bad 20", "0:stale 1:clear"},
		{"ok alone does not end it", Options{Stale: true}, "lost ok ok 20", "0:stale 3:clear"},
		{"stale falls back to high", Options{High: ptr(35), ClearHigh: ptr(33), Stale: true},
			"36 lost 34 33", "0:high 1:stale 2:high 3:clear"},
		{"stale falls back to what the value says", Options{High: ptr(35), ClearHigh: ptr(33), Stale: true},
			"36 lost 20 lost 36", "0:high 1:stale 2:clear 3:stale 4:high"},
		{"not watched: statuses raise nothing", hysteresis, "lost bad . .", ""},

		{"silent since the start", Options{Stale: true, StaleAfter: 3 * time.Second}, "@5 . . . . 20", "8:stale 9:clear"},
		{"silent since the last value", Options{Stale: true, StaleAfter: 3 * time.Second},
			". 20 . . . . . 20 . . 20 . . .", "4:stale 7:clear 13:stale"},
		{"a status does not shorten it", Options{Stale: true, StaleAfter: 3 * time.Second}, "20 lost . .", "3:stale"},
		{"no number does not lengthen it", Options{Stale: true, StaleAfter: 3 * time.Second}, "20 NaN NaN .", "3:stale"},
		{"silence is a gap", Options{High: ptr(35), For: 4 * time.Second, Stale: true, StaleAfter: 3 * time.Second},
			"36 . . . 36 . 36 . 36", "3:stale 4:clear 8:high"},
		{"late values do not make it flap", Options{Stale: true, StaleAfter: 3 * time.Second},
			". 20 @9 . @1 20 @10 . @2 20 @11 . @11 20", "9:stale 11:clear"},
		{"an older value does not shorten it", Options{Stale: true, StaleAfter: 3 * time.Second},
			"@10 20 @8 20 @12 . @13 .", "13:stale"},
		{"a stamp ahead of time does not hold it up", Options{Stale: true, StaleAfter: 3 * time.Second},
			"@9999 20 @10 . @12 . @13 .", "13:stale"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.o.Check(); err != nil {
				t.Fatal(err)
			}
			if got := play(t, New(c.o), c.script); got != c.want {
				t.Errorf("%s:\n got %s\nwant %s", c.script, got, c.want)
			}
		})
	}
}

func TestRestore(t *testing.T) {
	o := Options{High: ptr(35), ClearHigh: ptr(33), For: 2 * time.Second, Stale: true}
	for _, c := range []struct {
		name   string
		o      Options
		from   drivers.Alarm
		script string
		want   string
	}{
		{"raised is not raised twice", o, drivers.AlarmHigh, "36 36 36 36", ""},
		{"raised stays in the band", o, drivers.AlarmHigh, "34 34.9 33.1", ""},
		{"raised is cleared once", o, drivers.AlarmHigh, "20 20 20", "0:clear"},
		{"stale ends with a value", o, drivers.AlarmStale, "lost 20", "1:clear"},
		{"stale falls to clear, and high needs its time", o, drivers.AlarmStale, "36 36 36", "0:clear 2:high"},
		{"raised becomes stale", o, drivers.AlarmHigh, "lost 36 20", "0:stale 1:high 2:clear"},
		{"clear", o, drivers.AlarmClear, "20 36 36 36", "3:high"},
		{"a limit that is gone clears", Options{Low: ptr(5)}, drivers.AlarmHigh, "99", "0:clear"},
		{"the other limit that is gone clears", Options{High: ptr(50)}, drivers.AlarmLow, "1", "0:clear"},
		{"stale that is not watched any more clears", Options{High: ptr(35)}, drivers.AlarmStale, "lost . 20", "2:clear"},
		{"an unknown state is clear", o, drivers.Alarm(77), "20", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := New(c.o)
			a.Restore(c.from)
			if got := play(t, a, c.script); got != c.want {
				t.Errorf("restored %v, %s:\n got %s\nwant %s", c.from, c.script, got, c.want)
			}
		})
	}
}

func TestDue(t *testing.T) {
	a := New(Options{Stale: true, StaleAfter: 10 * time.Second})
	check := func(when string, want int64) {
		t.Helper()
		if got := a.Due(); got != want {
			t.Errorf("%s: due at %d, want %d", when, got, want)
		}
	}
	check("new", 0)
	a.Advance(5 * sec)
	check("begun", 15*sec)
	a.Value(1, 8*sec)
	check("value after the last Advance: not later than a silence after that", 15*sec)
	a.Advance(15 * sec)
	check("and then exactly", 18*sec)
	if got := a.SilentAt(); got != 18*sec {
		t.Errorf("silent at %d, want 18 s", got)
	}
	a.Advance(18 * sec)
	check("stale", Never)
	a.Value(1, 20*sec)
	check("after stale", 28*sec)
	if got := New(Options{Stale: true}).Due(); got != Never {
		t.Errorf("stale by status: due at %d, want never", got)
	}
	if got := New(Options{High: ptr(1)}).Due(); got != Never {
		t.Errorf("no stale: due at %d, want never", got)
	}
}

func TestCheck(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		o    Options
		want string // each line of the error
	}{
		{Options{High: ptr(1)}, ""},
		{Options{Low: ptr(1)}, ""},
		{Options{Stale: true}, ""},
		{Options{Stale: true, StaleAfter: time.Minute, Level: "critical"}, ""},
		{Options{High: ptr(35), Low: ptr(5), ClearHigh: ptr(10), ClearLow: ptr(30), For: time.Second}, ""},
		{Options{}, "nothing to watch: set high, low or stale"},
		{Options{High: ptr(5), Low: ptr(35)}, "low = 35 must be below high = 5: swap them, or leave one out"},
		{Options{High: ptr(5), Low: ptr(5)}, "low = 5 must be below high = 5: swap them, or leave one out"},
		{Options{High: &nan}, "high = NaN is no limit: write a finite number"},
		{Options{Low: &inf}, "low = +Inf is no limit: write a finite number"},
		{Options{High: ptr(35), ClearHigh: ptr(36)}, "clear = 36 must be below high = 35: leave it out for an alarm without hysteresis"},
		{Options{High: ptr(35), ClearHigh: ptr(35)}, "clear = 35 must be below high = 35: leave it out for an alarm without hysteresis"},
		{Options{High: ptr(35), ClearHigh: &nan}, "clear of high = NaN is no limit: write a finite number"},
		{Options{Low: ptr(5), ClearLow: ptr(5)}, "clear = 5 must be above low = 5: leave it out for an alarm without hysteresis"},
		{Options{High: ptr(35), ClearLow: ptr(7)}, "clear = 7 belongs to low, which is not set: set low, or leave clear out"},
		{Options{Low: ptr(5), ClearHigh: ptr(7)}, "clear = 7 belongs to high, which is not set: set high, or leave clear out"},
		{Options{High: ptr(35), Low: ptr(5), ClearHigh: ptr(5)}, "clear = 5 of high must be above low = 5: choose it between low and high"},
		{Options{High: ptr(35), Low: ptr(5), ClearLow: ptr(35)}, "clear = 35 of low must be below high = 35: choose it between low and high"},
		{Options{High: ptr(35), For: -1}, "for = -1ns must not be negative: write 0 to raise at the first value"},
		{Options{Stale: true, For: time.Minute}, "for = 1m0s has no limit to wait for: set high or low, or write the time as stale"},
		{Options{Stale: true, StaleAfter: -time.Second}, "stale = -1s must not be negative: write 0 to raise when the status says so"},
		{Options{High: ptr(1), StaleAfter: time.Second}, "stale = 1s is switched off: switch stale on, or leave the time out"},
		{Options{High: ptr(1), Level: "fatal"}, `level = "fatal" is unknown: write one of info, warn, critical`},
		{Options{For: -1, Level: "x"}, "nothing to watch: set high, low or stale\n" +
			"for = -1ns must not be negative: write 0 to raise at the first value\n" +
			`level = "x" is unknown: write one of info, warn, critical`},
	} {
		got := ""
		if err := c.o.Check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestAllocatesNothing(t *testing.T) {
	a := New(Options{High: ptr(35), Low: ptr(5), For: 2 * time.Second, Stale: true, StaleAfter: 4 * time.Second})
	at := int64(0)
	if n := testing.AllocsPerRun(1000, func() {
		a.Value(36, at)
		a.Value(math.NaN(), at)
		a.Status(drivers.Lost, at+sec)
		a.Advance(at + 9*sec)
		a.Due()
		at += 10 * sec
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkValue(b *testing.B) {
	a := New(Options{High: ptr(35), ClearHigh: ptr(33), For: 2 * time.Second, Stale: true, StaleAfter: time.Minute})
	at := int64(0)
	for b.Loop() {
		at += sec
		a.Value(34.5, at)
	}
}
