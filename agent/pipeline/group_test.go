package pipeline

import (
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// Members of a group on two buses start together; on one bus they follow each
// other in the plan's order, and convert side by side.
func TestGroupsAreReadTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 6)
		const call, conversion = 2, 30 // ms
		var order []string
		var mu sync.Mutex
		devices := map[string]*device{}
		member := func(name, group string, converts bool) Polled {
			d := r.device()
			devices[name] = d
			d.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				pass(call * time.Millisecond)
				if converts && n%2 == 0 {
					return conversion * time.Millisecond, nil
				}
				dst.Set(0, 1)
				return 0, nil
			}
			p := d.polled(name, 500*time.Millisecond)
			p.Group = group
			return p
		}
		r.bus(nil, member("other", "", false), member("a", "g", true), member("b", "g", true), member("c", "g", false))
		r.bus(nil, member("x", "", false), member("d", "g", false))
		r.start()
		wait(40 * time.Second)
		r.stopAll()
		// The group has the phase of its first member: a quarter of 500 ms.
		equal(t, "a", devices["a"].reads[:4], []int64{125, 157, 625, 657})
		equal(t, "b", devices["b"].reads[:4], []int64{127, 159, 627, 659})
		equal(t, "c", devices["c"].reads[:2], []int64{129, 629})
		equal(t, "d, on another bus", devices["d"].reads[:2], []int64{125, 625})
		for i := range 70 {
			start := devices["a"].reads[2*i]
			for _, at := range []int64{devices["b"].reads[2*i], devices["c"].reads[i], devices["d"].reads[i]} {
				if at-start > 2*call {
					t.Fatalf("round %d starts at %d and %d ms", i, start, at)
				}
			}
		}
		on := slices.DeleteFunc(order, func(name string) bool { return name > "c" })
		equal(t, "order on the first bus", on[:5], []string{"a", "b", "c", "a", "b"})
	})
}

// Whatever stretches or delays one of them, members of a group meet again.
func TestGroupStaysTogetherUnderPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.opts.Capacity = 500
		r.opts.Pool = frame.NewPool(frame.PoolSize{Small: 1, SmallBytes: 16 << 10})
		a, b := r.device(), r.device()
		pa, pb := a.polled("a", 20*time.Millisecond), b.polled("b", 20*time.Millisecond)
		pa.Group, pb.Group = "g", "g"
		r.bus(nil, pa)
		r.bus(nil, pb)
		r.start()
		r.out.hold()
		wait(20 * time.Second)
		if s := r.Stats(); s.Stretch != 8 {
			t.Errorf("stretched ×%d: the test shows nothing", s.Stretch)
		}
		r.out.release()
		wait(20 * time.Second)
		r.stopAll()
		alone := 0
		for _, at := range a.reads {
			if _, together := slices.BinarySearch(b.reads, at); !together {
				alone++
			}
		}
		if n := len(a.reads); alone > 6 || n < 500 { // once at each of the six changes
			t.Errorf("%d of %d readings of one alone", alone, n)
		}
	})
}

func TestJitterIsObservedPerBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		a, b := r.device(), r.device()
		a.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			pass(7 * time.Millisecond)
			dst.Set(0, 1)
			return 0, nil
		}
		pa, pb := a.polled("a", 100*time.Millisecond), b.polled("b", 100*time.Millisecond)
		pa.Group, pb.Group = "g", "g"
		r.bus(nil, pa, pb)
		jitter := &observed{}
		r.opts.Buses[0].Jitter = jitter
		r.start()
		wait(950 * time.Millisecond)
		r.stopAll()
		if len(jitter.v) != 20 {
			t.Fatalf("%d observations of 20 measurements", len(jitter.v))
		}
		for i, v := range jitter.v {
			if want := float64(i%2) * 0.007; math.Abs(v-want) > 1e-9 {
				t.Errorf("measurement %d: %v s beside its instant, want %v", i, v, want)
			}
		}
	})
}
