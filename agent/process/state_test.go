package process

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/process/alarm"
	"github.com/telhub/telhub/drivers"
)

func watched() []Channel {
	return []Channel{
		{Name: "a", Alarm: &alarm.Options{High: ptr(35), ClearHigh: ptr(33), Level: "critical"}},
		{Name: "b"},
		{Name: "c", Alarm: &alarm.Options{Stale: true}},
	}
}

func TestAlarmStates(t *testing.T) {
	var told strings.Builder
	plan := Plan{Channels: watched(), OnAlarm: func(c int, from, to drivers.Alarm) {
		fmt.Fprintf(&told, "%d: %v to %v\n", c, from, to)
	}}
	e, err := New(plan)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, plan: plan, e: e}
	check := func(want ...AlarmState) {
		t.Helper()
		if got := e.AppendAlarms(nil); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
	}
	check(AlarmState{Level: "critical"}, AlarmState{Channel: 2, Level: "warn"})
	r.play("1 a=36\n 2 a=37\n 3 c=5\n 4 c/status=lost\n 5 c/status=lost")
	check(AlarmState{0, drivers.AlarmHigh, 1 * sec, 36, "critical"}, AlarmState{2, drivers.AlarmStale, 4 * sec, 5, "warn"})
	r.play("6 a=20\n 7 c=6")
	check(AlarmState{0, drivers.AlarmClear, 6 * sec, 20, "critical"}, AlarmState{2, drivers.AlarmClear, 7 * sec, 6, "warn"})
	want := "0: clear to high\n2: clear to stale\n0: high to clear\n2: stale to clear\n"
	if told.String() != want {
		t.Errorf("told\n%swant\n%s", &told, want)
	}
}

func TestRestoredAlarm(t *testing.T) {
	plan := Plan{Channels: watched(), OnAlarm: func(c int, from, to drivers.Alarm) {
		if from != drivers.AlarmHigh || to != drivers.AlarmClear {
			t.Errorf("told %d: %v to %v, want high to clear only", c, from, to)
		}
	}}
	e, err := New(plan)
	if err != nil {
		t.Fatal(err)
	}
	for c, want := range map[int]bool{0: true, 1: false, -1: false, 3: false} {
		if got := e.RestoreAlarm(c, drivers.AlarmHigh); got != want {
			t.Errorf("RestoreAlarm(%d) = %v, want %v", c, got, want)
		}
	}
	want := AlarmState{0, drivers.AlarmHigh, 0, 0, "critical"}
	if got := e.AppendAlarms(nil)[0]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	r := &rig{t: t, plan: plan, e: e}
	r.expect("1 a=36\n 2 a=34\n 3 a=33\n 4 a=33", "1 a=36\n2 a=34\n3 a=33\n3 a/alarm=clear\n4 a=33")
}

func energy(t *testing.T) []Channel {
	return []Channel{
		{Name: "p", Send: Send{Never: true}},
		{Name: "energy", Value: compile(t, "integral(p)"), Inputs: []int{0}},
		{Name: "twice", Value: compile(t, "p * 2"), Inputs: []int{0}, Send: Send{Never: true}},
	}
}

func TestCountersOutliveARun(t *testing.T) {
	r := newRig(t, energy(t)...)
	before := r.e.AppendCounters(nil)
	if len(before) != 1 || before[0].Channel != 1 || before[0].Expression != "integral(p)" {
		t.Fatalf("got %+v", before)
	}
	r.play("1 p=100\n 2 p=100\n 3 p=100")
	if got := r.e.AppendCounters(nil); !reflect.DeepEqual(got, before) {
		t.Errorf("before Advance: %+v, want %+v", got, before)
	}
	r.expect("4 advance", "3 energy=200")
	saved := r.e.AppendCounters(nil)

	r = newRig(t, energy(t)...)
	for c, want := range map[int]bool{0: false, 1: true, 2: false, 9: false} {
		if got := r.e.RestoreCounter(c, saved[0].State); got != want {
			t.Errorf("RestoreCounter(%d) = %v, want %v", c, got, want)
		}
	}
	if r.e.RestoreCounter(1, []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Error("a state of another expression was taken")
	}
	if got := r.e.AppendCounters(nil); !reflect.DeepEqual(got, saved) {
		t.Errorf("restored %+v, want %+v", got, saved)
	}
	r.expect("101 p=100\n 102 p=100\n 102 finish", "101 energy=200\n102 energy=300")
}

// Copies are taken while the Engine works; the race detector looks on.
func TestCopiesAreForAnybody(t *testing.T) {
	channels := append(energy(t), Channel{Name: "a", Alarm: high(35)})
	r := newRig(t, channels...)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		var alarms []AlarmState
		var counters []Counter
		for {
			select {
			case <-stop:
				return
			default:
				alarms = r.e.AppendAlarms(alarms[:0])
				counters = r.e.AppendCounters(counters[:0])
				r.e.Counts()
				r.e.Late()
				r.e.Refused()
			}
		}
	})
	buf := make([]drivers.Sample, 0, r.e.MaxOut(2))
	for i := range int64(2000) {
		at := i * int64(time.Second)
		buf = r.e.Process(buf[:0], []drivers.Sample{
			{Stamp: at, Value: float64(i)},
			{Stamp: at, Value: float64(i % 40), Channel: 3},
		})
		buf = r.e.Advance(buf[:0], at)
	}
	close(stop)
	readers.Wait()
}

// The observer sees what the deadband holds back, after the channel's steps.
func TestObserve(t *testing.T) {
	var seen []drivers.Sample
	plan := Plan{
		Observe: func(s *drivers.Sample) { seen = append(seen, *s) },
		Channels: []Channel{
			{Name: "a", Chain: filter(t, "round 0"), Send: Send{Change: 5}, Alarm: high(3)},
			{Name: "d", Value: compile(t, "a * 2"), Inputs: []int{0}, Send: Send{Never: true}},
		},
	}
	e, err := New(plan)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, plan: plan, e: e}
	r.expect("1 a=0.6\n 2 a=2.4\n 3 a=2.6\n 4 a/status=lost\n 5 advance",
		"1 a=1\n 3 a=3\n 3 a/alarm=high\n 4 a/status=lost\n 4 d/status=lost")
	want := "1 a=1\n1 d=2\n2 a=2\n2 d=4\n3 a=3\n3 a/alarm=high\n3 d=6\n4 a/status=lost\n4 d/status=lost\n"
	if got := r.text(seen); got != want {
		t.Errorf("seen\n%swant\n%s", got, want)
	}
}
