package process

import (
	"math"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/process/alarm"
	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/drivers"
)

func TestChainOffsetAndHold(t *testing.T) {
	r := newRig(t,
		Channel{Name: "a", Chain: steps(t, chain.Spec{Op: chain.Offset, Args: []float64{0.5}})},
		Channel{Name: "b", Chain: filter(t, "throttle 10s")},
		Channel{Name: "c"})
	r.expect(`
		1 a=20 b=1 c=7
		2 a=21 b=2 c=8
		12 b=3`, `
		1 a=20.5
		1 b=1
		1 c=7
		2 a=21.5
		2 c=8
		12 b=3`)
}

func TestInvalidValueBecomesStatus(t *testing.T) {
	valid := steps(t, chain.Spec{Op: chain.Valid, Args: []float64{-40, 85}})
	r := newRig(t, Channel{Name: "a", Chain: valid}, Channel{Name: "b"})
	r.expect(`
		1 a=20
		2 a=99
		3 a=99
		4 a=21
		5 a=22
		6 b=NaN
		7 b=+Inf
		8 b=1`, `
		1 a=20
		2 a/status=bad
		4 a/status=ok
		4 a=21
		5 a=22
		6 b/status=bad
		8 b/status=ok
		8 b=1`)
}

// The source and the chain both have their say; a status goes out once.
func TestStatusNeverTwice(t *testing.T) {
	valid := steps(t, chain.Spec{Op: chain.Valid, Args: []float64{-40, 85}})
	r := newRig(t, Channel{Name: "a", Chain: valid})
	r.expect(`
		1 a/status=ok
		1 a=20
		2 a=99
		3 a/status=bad
		4 a/status=lost
		5 a/status=lost
		6 a/status=ok a=99
		7 a=20
		8 a/status=ok a=20`, `
		1 a/status=ok
		1 a=20
		2 a/status=bad
		4 a/status=lost
		6 a/status=ok
		6 a/status=bad
		7 a/status=ok
		7 a=20
		8 a=20`)
}

func TestFirstValueIsSilentlyOK(t *testing.T) {
	r := newRig(t, Channel{Name: "a"})
	r.expect("1 a=20\n2 a/status=ok", "1 a=20")
}

// A gap empties a window of values.
func TestStatusResetsChain(t *testing.T) {
	r := newRig(t, Channel{Name: "a", Chain: filter(t, "max 3")})
	r.expect(`
		1 a=9
		2 a=1
		3 a/status=lost
		4 a/status=ok a=2`, `
		1 a=9
		2 a=9
		3 a/status=lost
		4 a/status=ok
		4 a=2`)
}

func TestWhatNoDriverSendsIsRefused(t *testing.T) {
	r := newRig(t,
		Channel{Name: "a", Aggregates: []Aggregate{{Of: Mean, Window: time.Minute, Channel: 1}}},
		Channel{Name: "a.mean"},
		Channel{Name: "d", Value: compile(t, "a"), Inputs: []int{0}})
	raw := []drivers.Sample{
		{Channel: 3}, {Channel: math.MaxUint16}, {Channel: 1}, {Channel: 2},
		{Channel: 0, Kind: drivers.KindAlarm}, {Channel: 0, Kind: 200},
	}
	if out := r.e.Process(nil, raw); len(out) != 0 {
		t.Errorf("got %v, want nothing", out)
	}
	made, withheld := r.e.Counts()
	if refused := r.e.Refused(); refused != 6 || made != 0 || withheld != 6 {
		t.Errorf("refused %d, made %d, withheld %d, want 6, 0, 6", refused, made, withheld)
	}
	// A value of bad quality is its channel's status, one that nobody knows bad.
	out := r.e.Process(nil, []drivers.Sample{{Stamp: 1, Value: 5, Quality: drivers.Stale}, {Stamp: 2, Quality: 99, Kind: drivers.KindStatus}})
	want := "1e-09 a/status=stale\n1e-09 d/status=stale\n2e-09 a/status=bad\n2e-09 d/status=bad\n"
	if got := r.text(out); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestAlarmFollowsItsSample(t *testing.T) {
	a := &alarm.Options{High: ptr(35), ClearHigh: ptr(33), Stale: true}
	r := newRig(t, Channel{Name: "a", Alarm: a}, Channel{Name: "b"})
	r.expect(`
		1 a=34 b=1
		2 a=36 b=2
		3 a=34 b=3
		4 a=33 b=4
		5 a/status=lost b=5
		6 a/status=ok a=36 b=6`, `
		1 a=34
		1 b=1
		2 a=36
		2 a/alarm=high
		2 b=2
		3 a=34
		3 b=3
		4 a=33
		4 a/alarm=clear
		4 b=4
		5 a/status=lost
		5 a/alarm=stale
		5 b=5
		6 a/status=ok
		6 a=36
		6 a/alarm=high
		6 b=6`)
}

// The alarm sees what the deadband holds back, and a value that changes it is
// sent, so that a reader sees why.
func TestAlarmBeforeDeadband(t *testing.T) {
	r := newRig(t,
		Channel{Name: "a", Alarm: high(35), Send: Send{Change: 1}},
		Channel{Name: "never", Alarm: high(35), Send: Send{Never: true}})
	r.expect(`
		1 a=34.9 never=34.9
		2 a=35 never=35
		3 a=35.1 never=35.1
		4 a=34.9 never=34.9`, `
		1 a=34.9
		2 a=35
		2 a/alarm=high
		2 never/alarm=high
		4 a=34.9
		4 a/alarm=clear
		4 never/alarm=clear`)
}

// Silence raises at its instant, whenever the dispatcher comes.
func TestSilenceIsStampedWhenDue(t *testing.T) {
	r := newRig(t, Channel{Name: "a", Alarm: &alarm.Options{Stale: true, StaleAfter: 10 * time.Second}})
	if got := r.e.Next(); got != 0 {
		t.Errorf("before the first Advance: next at %d, want 0", got)
	}
	r.expect("3 advance", "")
	if got := r.e.Next(); got != 13*sec {
		t.Errorf("next at %d, want 13 s", got)
	}
	r.expect(`
		4 a=1
		13 advance
		13.999 advance
		17 advance
		20 advance
		21 a=2`, `
		4 a=1
		14 a/alarm=stale
		21 a=2
		21 a/alarm=clear`)
	r.e.Advance(nil, 31*sec-1)
	if got := r.e.Next(); got != 31*sec {
		t.Errorf("next at %d, want 31 s", got)
	}
}

func TestNothingToDoNeedsNoAdvance(t *testing.T) {
	r := newRig(t, Channel{Name: "a", Alarm: high(3), Send: Send{Change: 1, Every: time.Second}})
	r.expect("1 a=5", "1 a=5\n1 a/alarm=high")
	if got := r.e.Next(); got != math.MaxInt64 {
		t.Errorf("next at %d, want never", got)
	}
	if got := r.e.MaxOut(0); got != 0 {
		t.Errorf("MaxOut(0) = %d, want 0", got)
	}
	if got := r.e.MaxOut(10); got != 30 { // status, value, event
		t.Errorf("MaxOut(10) = %d, want 30", got)
	}
}
