package process

import (
	"math"
	"testing"

	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/drivers"
)

// room is a sensor with two outputs and a sum of them; yard another sensor,
// and a difference over both.
func room(t *testing.T) *rig {
	return newRig(t,
		Channel{Name: "diff", Sensor: 3, Value: compile(t, "{room/sum} - {yard/t}"), Inputs: []int{3, 4}},
		Channel{Name: "t", Sensor: 1},
		Channel{Name: "h", Sensor: 1},
		Channel{Name: "sum", Sensor: 1, Value: compile(t, "t + h"), Inputs: []int{1, 2}},
		Channel{Name: "yard", Sensor: 2})
}

func TestDerivedOncePerReading(t *testing.T) {
	r := room(t)
	r.expect(`
		1 t=1 h=10
		1 yard=5
		2 t=2 h=20
		3 t=3 h=30
		3 advance`, `
		1 t=1
		1 h=10
		1 sum=11
		1 yard=5
		1 diff=6
		2 t=2
		2 h=20
		2 sum=22
		2 diff=17
		3 t=3
		3 h=30
		3 sum=33
		3 diff=28`)
}

func TestReadingSplitOverTwoCalls(t *testing.T) {
	r := room(t)
	r.expect("1 t=1\n 1 h=10\n", "1 t=1\n1 h=10")
	if got := r.e.Next(); got != 0 {
		t.Errorf("with a reading at hand: next at %d, want 0", got)
	}
	r.expect("1.1 advance", "1 sum=11")
	if got := r.e.Next(); got != math.MaxInt64 {
		t.Errorf("after Advance: next at %d, want never", got)
	}
}

// Of a reading without one of the inputs the earlier value of that is used.
func TestDerivedWithOneNewInput(t *testing.T) {
	r := room(t)
	r.expect("1 t=1 h=10\n 2 t=2\n 3 h=30\n 3 advance", `
		1 t=1
		1 h=10
		1 sum=11
		2 t=2
		2 sum=12
		3 h=30
		3 sum=32`)
}

func TestDerivedWaitsForAllInputs(t *testing.T) {
	r := room(t)
	r.expect("1 t=1\n 2 t=2\n 3 h=30\n 3 advance", "1 t=1\n2 t=2\n3 h=30\n3 sum=32")
}

func TestDerivedTakesWorstStatus(t *testing.T) {
	r := room(t)
	r.expect(`
		1 t=1 h=10
		1 yard=5
		2 t=2 h/status=bad
		3 t/status=lost
		4 yard/status=stale
		5 h/status=ok h=50
		6 t/status=ok t=6 h=60
		7 yard/status=ok yard=7
		7 advance`, `
		1 t=1
		1 h=10
		1 sum=11
		1 yard=5
		1 diff=6
		2 t=2
		2 h/status=bad
		2 sum/status=bad
		2 diff/status=bad
		3 t/status=lost
		3 sum/status=lost
		3 diff/status=lost
		4 yard/status=stale
		5 h/status=ok
		5 h=50
		6 t/status=ok
		6 t=6
		6 h=60
		6 sum/status=ok
		6 diff/status=stale
		6 sum=66
		7 yard/status=ok
		7 yard=7
		7 diff/status=ok
		7 diff=59`)
}

// After a gap an input counts only with a new value.
func TestDerivedForgetsValuesOfBeforeAGap(t *testing.T) {
	r := room(t)
	r.expect(`
		1 t=1 h=10
		2 h/status=lost
		3 h/status=ok
		4 t=4
		5 h=50
		5 advance`, `
		1 t=1
		1 h=10
		1 sum=11
		2 h/status=lost
		2 sum/status=lost
		2 diff/status=lost
		3 h/status=ok
		4 t=4
		5 h=50
		5 sum/status=ok
		5 sum=54`)
}

func TestDerivedNotFinite(t *testing.T) {
	r := newRig(t,
		Channel{Name: "a"},
		Channel{Name: "inv", Value: compile(t, "1 / a"), Inputs: []int{0}},
		Channel{Name: "of", Value: compile(t, "inv + a"), Inputs: []int{1, 0}})
	r.expect("1 a=2\n 2 a=0\n 3 a=0\n 4 a=4\n 4 advance", `
		1 a=2
		1 inv=0.5
		1 of=2.5
		2 a=0
		2 inv/status=bad
		2 of/status=bad
		3 a=0
		4 a=4
		4 inv/status=ok
		4 inv=0.25
		4 of/status=ok
		4 of=4.25`)
}

// A derived channel has a chain, a deadband and an alarm like any other; its
// inputs are seen before their deadband.
func TestDerivedGoesItsOwnWay(t *testing.T) {
	r := newRig(t,
		Channel{Name: "a", Send: Send{Never: true}},
		Channel{
			Name: "d", Value: compile(t, "a * 2"), Inputs: []int{0},
			Chain: steps(t, chain.Spec{Op: chain.Offset, Args: []float64{1}}, chain.Spec{Op: chain.Valid, Args: []float64{0, 100}}),
			Send:  Send{Change: 4}, Alarm: high(20),
		})
	r.expect("1 a=1\n 2 a=2\n 3 a=3\n 4 a=10\n 5 a=60\n 6 a=60\n 7 a=1\n 7 advance", `
		1 d=3
		3 d=7
		4 d=21
		4 d/alarm=high
		5 d/status=bad
		7 d/status=ok
		7 d=3
		7 d/alarm=clear`)
}

// Energy does not grow over a gap, though the power's status was bad already
// when its second reason came.
func TestIntegralDoesNotBridgeGaps(t *testing.T) {
	r := newRig(t,
		Channel{Name: "p", Send: Send{Never: true}},
		Channel{Name: "energy", Value: compile(t, "integral(p) / p * p"), Inputs: []int{0}})
	r.expect("1 p=100\n 2 p=100\n 3 p=0\n 4 p/status=bad\n 8 p/status=ok p=100\n 9 p=100\n 9 advance", `
		1 energy=0
		2 energy=100
		3 energy/status=bad
		4 p/status=bad
		8 p/status=ok
		8 energy/status=ok
		8 energy=150
		9 energy=250`)
}

// Sensors on two buses: the later reading has the earlier stamp.
func TestDerivedCarriesTheStampOfItsReading(t *testing.T) {
	r := newRig(t,
		Channel{Name: "a", Sensor: 0},
		Channel{Name: "b", Sensor: 1},
		Channel{Name: "d", Sensor: 2, Value: compile(t, "a - b"), Inputs: []int{0, 1}})
	r.expect("10.5 a=5\n 10.4 b=3\n 11.5 a=6\n 11.5 advance", `
		10.5 a=5
		10.4 b=3
		10.4 d=2
		11.5 a=6
		11.5 d=3`)
}

// More than 64 derived channels, each computed from the one before and listed
// before it.
func TestLongLineOfDerivedChannels(t *testing.T) {
	const n = 200
	channels := make([]Channel, n)
	for i := range n - 1 {
		channels[i] = Channel{Value: compile(t, "x + 1"), Inputs: []int{i + 1}}
	}
	r := newRig(t, channels...)
	out := r.e.Process(make([]drivers.Sample, 0, r.e.MaxOut(1)), []drivers.Sample{{Stamp: 1, Value: 1, Channel: n - 1}})
	if len(out) != 1 {
		t.Fatalf("%d samples before the reading's end, want 1", len(out))
	}
	out = r.e.Advance(out, 2)
	if len(out) != n {
		t.Fatalf("%d samples, want %d", len(out), n)
	}
	for i, s := range out {
		if int(s.Channel) != n-1-i || s.Value != float64(i+1) {
			t.Fatalf("sample %d: channel %d = %v", i, s.Channel, s.Value)
		}
	}
}
