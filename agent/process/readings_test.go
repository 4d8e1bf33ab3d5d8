package process

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/telhub/telhub/drivers"
)

// TestDerivedAgainstReadings computes what must come out from whole readings:
// a sum within a sensor, a product over two, and a difference of both.
func TestDerivedAgainstReadings(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 9))
		rig := newRig(t,
			Channel{Name: "a", Sensor: 0}, Channel{Name: "b", Sensor: 0}, Channel{Name: "x", Sensor: 1},
			Channel{Name: "diff", Value: compile(t, "prod - sum"), Inputs: []int{4, 5}},
			Channel{Name: "prod", Value: compile(t, "x * a"), Inputs: []int{2, 0}},
			Channel{Name: "sum", Value: compile(t, "a + b"), Inputs: []int{0, 1}})
		var raw, want, got []drivers.Sample
		value := make([]float64, 6)
		known := make([]bool, 6)
		for i := range int64(100) {
			stamp := (i + 1) * 10
			reading, values := []uint16{2}, make(map[uint16]bool)
			if r.IntN(2) == 0 {
				reading = [][]uint16{{0}, {1}, {0, 1}, {1, 0}}[r.IntN(4)]
			}
			emit := func(s drivers.Sample) { want = append(want, s) }
			for _, c := range reading {
				v := float64(r.IntN(100))
				s := drivers.Sample{Stamp: stamp, Channel: c, Value: v}
				raw = append(raw, s)
				emit(s)
				value[c], known[c], values[c] = v, true, true
			}
			compute := func(c uint16, v float64, inputs ...uint16) {
				touched, ready := false, true
				for _, in := range inputs {
					touched, ready = touched || values[in], ready && known[in]
				}
				if touched && ready {
					value[c], known[c], values[c] = v, true, true
					emit(drivers.Sample{Stamp: stamp, Channel: c, Value: v})
				}
			}
			compute(4, value[2]*value[0], 2, 0)
			compute(5, value[0]+value[1], 0, 1)
			compute(3, value[4]-value[5], 4, 5)
		}
		for len(raw) > 0 {
			n := r.IntN(len(raw)) + 1
			got = rig.e.Process(got, raw[:n])
			raw = raw[n:]
		}
		got = rig.e.Advance(got, 2000)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d:\ngot\n%swant\n%s", seed, rig.text(got), rig.text(want))
		}
	}
}
