package uplink

import (
	"reflect"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// Records that are lost themselves become one. Where the number of one of them is
// unknown, the whole is, and has the cause of that one.
func TestLossesOfSeveralCauses(t *testing.T) {
	counted := frame.GapInfo{Cause: frame.RingOverrun, N: 5, T0: 20, T1: 30, T0Known: true}
	cut := frame.GapInfo{Cause: frame.PowerCut, N: -1, T0: 10, T1: 20, T0Known: true}
	for _, c := range []struct {
		name string
		of   []frame.GapInfo
		want frame.GapInfo
	}{
		{"counted", []frame.GapInfo{counted, counted}, frame.GapInfo{Cause: frame.RingOverrun, N: 10, T0: 20, T1: 30, T0Known: true}},
		{"unknown last", []frame.GapInfo{counted, cut}, frame.GapInfo{Cause: frame.PowerCut, N: -1, T0: 10, T1: 30, T0Known: true}},
		{"unknown first", []frame.GapInfo{cut, counted}, frame.GapInfo{Cause: frame.PowerCut, N: -1, T0: 10, T1: 30, T0Known: true}},
	} {
		var l losses
		pool := frame.NewPool(frame.PoolSize{Small: 1, SmallBytes: gapBytes})
		for i := range c.of {
			f := pool.Get(gapBytes)
			if err := c.of[i].Seal(f); err != nil {
				t.Fatal(err)
			}
			l.add(f, frame.StoreFull)
			f.Free()
		}
		if got := l.info(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
