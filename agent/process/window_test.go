package process

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

// statistics gives channel a an aggregate of each kind over window, on the
// channels from first on.
func statistics(window time.Duration, first int) (all []Aggregate) {
	for i, s := range Statistics() {
		all = append(all, Aggregate{Of: s, Window: window, Channel: first + i})
	}
	return all
}

func aggregated(t *testing.T, window time.Duration) *rig {
	channels := []Channel{{Name: "a", Send: Send{Never: true}, Aggregates: statistics(window, 1)}}
	for _, s := range Statistics() {
		channels = append(channels, Channel{Name: s.String()})
	}
	return newRig(t, channels...)
}

func TestWindow(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"closed by the first value behind it", "60 a=1\n 65 a=3\n 69.999 a=2\n 70 a=9", `
			70 mean=2
			70 min=1
			70 max=3
			70 count=3
			70 last=2
			70 stddev=1`},
		{"one value has no deviation", "60 a=5\n 75 a=1", "70 mean=5\n70 min=5\n70 max=5\n70 count=1\n70 last=5"},
		{"closed by time, after the grace", "62 a=5\n 70 advance\n 70.499 advance\n 70.5 advance\n 71 advance",
			"70 mean=5\n70 min=5\n70 max=5\n70 count=1\n70 last=5"},
		{"a value on its way finds it open", "62 a=5\n 70.1 advance\n 69 a=7\n 70.5 advance",
			"70 mean=6\n70 min=5\n70 max=7\n70 count=2\n70 last=7\n70 stddev=1.4142135623730951"},
		{"empty ones give nothing", "62 a=5\n 70.5 advance\n 80.5 advance\n 3000 advance\n 3600 a=6\n 3700 a=1", `
			70 mean=5
			70 min=5
			70 max=5
			70 count=1
			70 last=5
			3610 mean=6
			3610 min=6
			3610 max=6
			3610 count=1
			3610 last=6`},
		{"too late counts in none", "62 a=5\n 70.5 advance\n 69.9 a=100\n 71 a=1\n 69.9 a=100\n 80.5 advance", `
			70 mean=5
			70 min=5
			70 max=5
			70 count=1
			70 last=5
			80 mean=1
			80 min=1
			80 max=1
			80 count=1
			80 last=1`},
		{"last is of the latest stamp", "62 a=5\n 66 a=6\n 64 a=7\n 70 a=0",
			"70 mean=6\n70 min=5\n70 max=7\n70 count=3\n70 last=6\n70 stddev=1"},
		{"statuses do not count and do not close", "62 a=5\n 63 a/status=lost\n 75 a/status=lost\n 76 advance",
			"63 a/status=lost\n70 mean=5\n70 min=5\n70 max=5\n70 count=1\n70 last=5"},
		{"a part at the end", "62 a=5\n 63 a=5\n 64 finish", "63 mean=5\n63 min=5\n63 max=5\n63 count=2\n63 last=5\n63 stddev=0"},
		{"a whole one at the end", "62 a=5\n 70 finish", "70 mean=5\n70 min=5\n70 max=5\n70 count=1\n70 last=5"},
		{"nothing twice at the end", "62 a=5\n 64 finish\n 65 finish\n 80 advance", "62 mean=5\n62 min=5\n62 max=5\n62 count=1\n62 last=5"},
		{"a stamp ahead of time does not stop the rest", "60 advance\n 999999 a=7\n 61 a=1\n 70.5 advance\n 71 a=2\n 80.5 advance", `
			1e+06 mean=7
			1e+06 min=7
			1e+06 max=7
			1e+06 count=1
			1e+06 last=7
			80 mean=2
			80 min=2
			80 max=2
			80 count=1
			80 last=2`},
		{"what overflows is bad", "62 a=1.7e308\n 63 a=-1.7e308\n 75 a=1\n 81 advance", `
			70 mean/status=bad
			70 min=-1.7e+308
			70 max=1.7e+308
			70 count=2
			70 last=-1.7e+308
			70 stddev/status=bad
			80 mean/status=ok
			80 mean=1
			80 min=1
			80 max=1
			80 count=1
			80 last=1`},
	} {
		t.Run(c.name, func(t *testing.T) { aggregated(t, 10*time.Second).expect(c.script, c.want) })
	}
}

func TestWindowAsksToBeClosed(t *testing.T) {
	r := aggregated(t, 10*time.Second)
	next := func(want int64) {
		t.Helper()
		if got := r.e.Next(); got != want {
			t.Errorf("next at %d, want %d", got, want)
		}
	}
	next(math.MaxInt64)
	r.play("61 advance\n 62 a=5")
	next(70*sec + grace)
	r.play("64 advance")
	next(70*sec + grace)
	r.play("70.5 advance")
	next(math.MaxInt64)
	if got := r.e.Late(); got != 0 {
		t.Errorf("%d values were late, want none", got)
	}
	r.play("69 a=5")
	if got := r.e.Late(); got != 1 {
		t.Errorf("%d values were late, want 1", got)
	}
	next(math.MaxInt64)
}

// A window's result is a value like any other: it has a chain, an alarm, a
// deadband, windows of its own, and channels that are derived from it.
func TestResultsGoTheirOwnWay(t *testing.T) {
	r := newRig(t,
		Channel{Name: "d", Value: compile(t, "{m} - {n}"), Inputs: []int{3, 4}},
		Channel{Name: "a", Sensor: 1, Aggregates: []Aggregate{{Of: Mean, Window: 10 * time.Second, Channel: 3}}},
		Channel{Name: "b", Sensor: 1, Aggregates: []Aggregate{{Of: Mean, Window: 10 * time.Second, Channel: 4}}},
		Channel{Name: "m", Alarm: high(4), Chain: filter(t, "round 0"), Aggregates: []Aggregate{{Of: Max, Window: 20 * time.Second, Channel: 5}}},
		Channel{Name: "n", Send: Send{Never: true}},
		Channel{Name: "top"})
	r.expect("1 a=4.6\n 2 b=1\n 10.5 advance\n 11 a=3\n 12 b=1\n 21 a=1\n 21 b=2\n 21 advance\n 25 finish", `
		1 a=4.6
		2 b=1
		10 m=5
		10 m/alarm=high
		10 d=4
		11 a=3
		12 b=1
		20 top=5
		20 m=3
		20 m/alarm=clear
		21 a=1
		21 b=2
		20 d=2
		21 m=1
		21 top=3
		21 d=-1`)
}

// What a result brings about is counted before the windows behind it close,
// however late the dispatcher comes, and at the end.
func TestResultsOfResultsAreInTime(t *testing.T) {
	channels := func() []Channel {
		return []Channel{
			{Name: "top"},
			{Name: "d", Value: compile(t, "m * 2"), Inputs: []int{3}, Aggregates: []Aggregate{{Of: Mean, Window: 7 * time.Second, Channel: 0}}},
			{Name: "a", Aggregates: []Aggregate{{Of: Mean, Window: 10 * time.Second, Channel: 3}}},
			{Name: "m"},
		}
	}
	newRig(t, channels()...).expect("1 a=1\n 11 a=2\n 60 advance", `
		1 a=1
		10 m=1
		11 a=2
		10 d=2
		20 m=2
		14 top=2
		20 d=4
		21 top=4`)
	newRig(t, channels()...).expect("1 a=1\n 2 finish", "1 a=1\n1 m=1\n1 d=2\n1 top=2")
}

// A channel computed from a value and a result is as young as the younger.
func TestDerivedOfValueAndResult(t *testing.T) {
	r := newRig(t,
		Channel{Name: "a", Aggregates: []Aggregate{{Of: Mean, Window: 10 * time.Second, Channel: 1}}},
		Channel{Name: "m"},
		Channel{Name: "d", Value: compile(t, "a - m"), Inputs: []int{0, 1}})
	r.expect("1 a=1\n 10.2 a=5\n 11 advance", "1 a=1\n10 m=1\n10.2 a=5\n10.2 d=4")
}

// TestWindowsAgainstSQLite compares with results that SQLite computed;
// testdata/README.md says how.
func TestWindowsAgainstSQLite(t *testing.T) {
	r := aggregated(t, 10*time.Second)
	var out []drivers.Sample
	at := int64(0)
	for _, row := range table(t, "testdata/windows.csv")[1:] {
		var v float64
		if _, err := fmt.Sscan(row[0]+" "+row[1], &at, &v); err != nil {
			t.Fatal(err)
		}
		out = r.e.Process(out, []drivers.Sample{{Stamp: at, Value: v}})
	}
	out = r.e.Advance(out, at+3600*sec)

	columns := []Statistic{Count, Mean, Min, Max, Last, StdDev}
	want := table(t, "testdata/windows-want.csv")
	n := 0
	for _, row := range want {
		end, err := strconv.ParseInt(row[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range columns {
			if row[1+i] == "" {
				continue
			}
			v, err := strconv.ParseFloat(row[1+i], 64)
			if err != nil {
				t.Fatal(err)
			}
			n++
			k := slices.IndexFunc(out, func(x drivers.Sample) bool {
				return x.Stamp == end*sec && int(x.Channel) == 1+int(s)
			})
			if k < 0 {
				t.Errorf("window to %d s: no %v", end, s)
			} else if got := out[k].Value; math.Abs(got-v) > 1e-12*math.Abs(v)+1e-11 {
				t.Errorf("window to %d s: %v = %v, want %v", end, s, got, v)
			}
		}
	}
	if len(out) != n || len(want) < 50 {
		t.Errorf("%d results of %d windows, want %d", len(out), len(want), n)
	}
}

func table(t *testing.T, file string) [][]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Every value counts in exactly the window that it lies in, or in none when
// it is late; no window gives two results, none is empty.
func TestWindowsNeverWiderNeverEmpty(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		size := []time.Duration{time.Second, 7 * time.Second, time.Minute, 1, 3 * time.Nanosecond}[r.IntN(5)]
		rig := aggregated(t, size)
		counted := make(map[int64]int) // end of window → values with a stamp in it
		var out []drivers.Sample
		now := r.Int64N(int64(size) * 5)
		values := 0
		for range 200 {
			now += r.Int64N(int64(size)/2 + 2)
			if r.IntN(5) == 0 {
				out = rig.e.Advance(out, now)
				continue
			}
			stamp := now - r.Int64N(int64(size)/3+1)
			counted[floor(stamp, int64(size))+int64(size)]++
			values++
			out = rig.e.Process(out, []drivers.Sample{{Stamp: stamp, Value: 1}})
		}
		out = rig.e.Advance(out, now+int64(size)+grace)
		total, last := 0, int64(math.MinInt64)
		for _, s := range out {
			if Statistic(s.Channel-1) != Count {
				continue
			}
			n := int(s.Value)
			if s.Stamp%int64(size) != 0 || s.Stamp <= last {
				t.Fatalf("seed %d: a window of %v to %d after one to %d", seed, size, s.Stamp, last)
			}
			if n < 1 || n > counted[s.Stamp] {
				t.Fatalf("seed %d: the window to %d counts %d of %d values", seed, s.Stamp, n, counted[s.Stamp])
			}
			total, last = total+n, s.Stamp
		}
		if late := int(rig.e.Late()); total+late != values {
			t.Fatalf("seed %d: %d counted + %d late of %d", seed, total, late, values)
		}
	}
}
