package process

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/process/alarm"
)

func TestNewRefusesWhatCannotWork(t *testing.T) {
	of := func(s Statistic, w time.Duration, c int) []Aggregate {
		return []Aggregate{{Of: s, Window: w, Channel: c}}
	}
	for _, c := range []struct {
		name string
		plan []Channel
		want string
	}{
		{"unknown input", []Channel{{Name: "d", Value: compile(t, "x"), Inputs: []int{7}}},
			"process: channel d: inputs: input 1 is channel 7, there are 1"},
		{"input missing", []Channel{{Name: "a"}, {Name: "d", Value: compile(t, "x + y"), Inputs: []int{0}}},
			"process: channel d: inputs: 1 given, the expression has 2"},
		{"inputs of a measured channel", []Channel{{Name: "a"}, {Name: "b", Inputs: []int{0}}},
			"process: channel b: inputs: 1 given, the expression has 0"},
		{"constant", []Channel{{Name: "d", Value: compile(t, "1 + 2")}},
			"process: channel d: value: 1 + 2 has no input that would tell when to compute it"},
		{"its own input", []Channel{{Name: "a"}, {Name: "d", Value: compile(t, "x + y"), Inputs: []int{0, 1}}},
			"process: channel d is computed from itself: d → d; take one of them out of the circle"},
		{"a circle", []Channel{
			{Name: "a", Value: compile(t, "x"), Inputs: []int{1}},
			{Name: "b", Value: compile(t, "x"), Inputs: []int{2}},
			{Name: "c", Value: compile(t, "x"), Inputs: []int{0}}},
			"process: channel a is computed from itself: a → c → b → a; take one of them out of the circle"},
		{"a circle through a window", []Channel{
			{Name: "a", Value: compile(t, "x"), Inputs: []int{1}, Aggregates: of(Mean, time.Second, 1)}, {Name: "a.mean"}},
			"process: channel a is computed from itself: a → a.mean → a; take one of them out of the circle"},
		{"its own aggregate", []Channel{{Name: "a", Aggregates: of(Mean, time.Second, 0)}},
			"process: channel a is computed from itself: a → a; take one of them out of the circle"},
		{"change", []Channel{{Name: "a", Send: Send{Change: -1}}},
			"process: channel a: send: change = -1 must be a finite number, 0 for any change"},
		{"every", []Channel{{Name: "a", Send: Send{Change: math.NaN(), Every: -time.Second}}},
			"process: channel a: send: change = NaN must be a finite number, 0 for any change\n" +
				"process: channel a: send: every = -1s must not be negative, 0 for no heartbeat"},
		{"window", []Channel{{Aggregates: of(Mean, 0, 1)}, {}},
			"process: channel #0: aggregate mean of 0s: the window must be longer than 0"},
		{"result's channel", []Channel{{Name: "a", Aggregates: of(Max, time.Minute, 1)}},
			"process: channel a: aggregate max of 1m0s: its channel is 1, there are 1"},
		{"result of two", []Channel{{Name: "a", Aggregates: of(Max, time.Minute, 2)}, {Name: "b", Aggregates: of(Min, time.Minute, 2)}, {Name: "c"}},
			"process: channel b: aggregate min of 1m0s: its channel c carries an aggregate of a"},
		{"result of a derived channel's own", []Channel{{Name: "a", Aggregates: of(Max, time.Minute, 1)}, {Name: "d", Value: compile(t, "x"), Inputs: []int{0}}},
			"process: channel a: aggregate max of 1m0s: its channel d is computed by an expression"},
		{"statistic", []Channel{{Name: "a", Aggregates: of(9, time.Minute, 1)}, {}},
			"process: channel a: aggregate: statistic 9 is unknown"},
		{"alarm", []Channel{{Name: "a", Alarm: &alarm.Options{}}},
			"process: channel a: alarm: nothing to watch: set high, low or stale"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(Plan{Channels: c.plan})
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	if _, err := New(Plan{Channels: make([]Channel, 65537)}); err == nil || !strings.Contains(err.Error(), "65537 channels") {
		t.Errorf("65537 channels: %v", err)
	}
	if _, err := New(Plan{}); err != nil {
		t.Errorf("no channels: %v", err)
	}
}
