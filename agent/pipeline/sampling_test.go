package pipeline

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// observed keeps what a histogram is given.
type observed struct {
	mu sync.Mutex // guards v
	v  []float64
}

func (o *observed) Observe(v float64) {
	o.mu.Lock()
	o.v = append(o.v, v)
	o.mu.Unlock()
}

func TestOversampling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		d := r.device()
		p := d.polled("a", 100*time.Millisecond)
		p.Oversample = 4
		r.bus(nil, p)
		r.start()
		wait(999 * time.Millisecond)
		equal(t, "reads", d.reads, every(0, 25, 999))
		r.stopAll()
		// The means of 0..3, 4..7, …
		equal(t, "values", r.out.values(0), []float64{1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5, 33.5, 37.5})
		for i, s := range r.out.records()[0].samples {
			if want := boot + int64(i)*100*ms + 37*ms + ms/2; s.Stamp != want {
				t.Errorf("mean %d is dated %d, want %d, the mean of its stamps", i, s.Stamp, want)
			}
		}
		if s := r.sensor(0); s.Readings != 10 || s.Skipped != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestOversamplingLeavesOutWhatIsInvalid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		d := r.device()
		d.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			switch {
			case n == 1, n >= 4 && n < 8:
				dst.SetBad(0)
			case n == 9:
				return 0, drivers.ErrInvalid
			case n == 14:
				return 0, drivers.ErrTimeout
			default:
				dst.Set(0, float64(n))
			}
			return 0, nil
		}
		p := d.polled("a", time.Second)
		p.Oversample = 4
		r.bus(nil, p)
		r.start()
		wait(10 * time.Second)
		r.stopAll()
		// 0 2 3; none; 8 10 11; then 12 13 before the failure.
		values := r.out.values(0)
		for i, want := range []float64{5. / 3, 29. / 3, 12.5} {
			if math.Abs(values[i]-want) > 1e-14 {
				t.Errorf("value %d is %v, want %v", i, values[i], want)
			}
		}
		equal(t, "statuses", r.out.statuses(0)[:3], []string{"1375 bad", "2375 ok", "3500 lost"})
	})
}

// All that was read is stale three published periods after it ceases.
func TestOversampledSensorIsStaleAfterThreePeriods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		d := r.device()
		d.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			if n >= 10 {
				return 0, drivers.ErrNotReady
			}
			dst.Set(0, 1)
			return 0, nil
		}
		p := d.polled("a", time.Second)
		p.Oversample = 10
		r.bus(nil, p)
		r.start()
		wait(10 * time.Second)
		r.stopAll()
		if s := r.out.statuses(0); len(s) != 1 || s[0] < "3900 stale" || s[0] > "4100 stale" {
			t.Errorf("statuses %v, want stale three periods after the mean at 0.9 s", s)
		}
	})
}

// The grid against exact arithmetic: instants follow each other without drift,
// whatever the number of readings in a period.
func TestGridIsExact(t *testing.T) {
	for range 2000 {
		g := grid{origin: rand.Int64N(1e15), every: 1e6 + rand.Int64N(1e13), n: 1 + rand.Int64N(MaxOversample)}
		factor := int64(1) << rand.IntN(4)
		at := g.origin
		for k := int64(1); k < 3*g.n; k++ {
			at = g.next(at, factor)
			exact := new(big.Int).Mul(big.NewInt(g.every*factor), big.NewInt(k))
			want := g.origin + exact.Div(exact, big.NewInt(g.n)).Int64()
			if k%g.n == 0 && at != want || at > want || at < want-1 {
				t.Fatalf("%+v ×%d: instant %d is %d, want %d", g, factor, k, at, want)
			}
			if end := g.end(at, factor); end <= at || (end-g.origin)%(g.every*factor) != 0 || end-at > g.every*factor {
				t.Fatalf("%+v ×%d: the period of %d ends at %d", g, factor, at, end)
			}
		}
		t0 := g.origin + rand.Int64N(1e14) // off the grid, after a back-off
		if next := g.next(t0, factor); next <= t0 || next > t0+g.every*factor/g.n+1 || g.floor(next, factor) != next {
			t.Fatalf("%+v ×%d: after %d comes %d", g, factor, t0, next)
		}
	}
}

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

func TestWhatInitTakesDatesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		d := r.device()
		d.init = func(int) error { pass(300 * time.Millisecond); return nil }
		d.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			pass(10 * time.Millisecond)
			dst.Set(0, 1)
			return 0, nil
		}
		r.bus(nil, d.polled("a", time.Minute))
		r.start()
		wait(time.Second)
		r.stopAll()
		if got := r.Latest().Get(0).Stamp; got != boot+305*ms {
			t.Errorf("dated %d ms, want the middle of the read, 305", (got-boot)/ms)
		}
	})
}

// A retry begins a new conversion: its trigger dates the reading.
func TestRetriedConversionIsDatedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		d := r.device()
		d.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			pass(2 * time.Millisecond)
			switch n {
			case 0, 2:
				return 40 * time.Millisecond, nil
			case 1:
				return 0, drivers.ErrCRC
			}
			dst.Set(0, 1)
			return 0, nil
		}
		r.bus(nil, d.polled("a", time.Minute))
		r.start()
		wait(time.Second)
		r.stopAll()
		// Trigger 0–2, collected damaged 42–44, triggered again 44–46.
		if got := r.Latest().Get(0).Stamp; got != boot+45*ms {
			t.Errorf("dated %d ms, want the middle of the second trigger, 45", (got-boot)/ms)
		}
	})
}

func TestDevicesTellTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		d := r.device()
		d.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			dst.Set(0, 1)
			if n > 0 {
				dst.Stamp, dst.UTC = boot+int64(n), 1_700_000_000_000+int64(n)
			}
			return 0, nil
		}
		var told []int64
		r.opts.UTC = func(utc, stamp int64) { told = append(told, utc-1_700_000_000_000, stamp-boot) }
		r.bus(nil, d.polled("a", time.Second))
		r.start()
		wait(2500 * time.Millisecond)
		r.stopAll()
		equal(t, "told", told, []int64{1, 1, 2, 2})
	})
}

// A thousand readings a second, on a bus that takes its time for each.
func TestMillisecondSensor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		d := r.device()
		d.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			pass(300 * time.Microsecond)
			dst.Set(0, float64(n))
			return 0, nil
		}
		slow := r.device()
		slow.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			pass(300 * time.Microsecond)
			dst.Set(0, 1)
			return 0, nil
		}
		r.bus(nil, d.polled("fast", time.Millisecond), slow.polled("slow", 100*time.Millisecond))
		r.start()
		wait(9999 * time.Millisecond) // the last one has just begun
		s := r.sensor(0)
		r.stopAll()
		if s.Readings != 9_999 || s.Skipped != 0 || s.LateMax > 300*time.Microsecond {
			t.Errorf("%d readings in 10 s, %d skipped, %v late", s.Readings, s.Skipped, s.LateMax)
		}
	})
}

// How late a millisecond's readings are on this machine's own clock: a report,
// for it depends on what else runs. That nearly none is skipped shows that
// sleeps are finer than the runtime's millisecond.
func TestMillisecondSensorOnTheRealClock(t *testing.T) {
	r := newRig(t, 1)
	r.opts.Now = nil
	jitter := &observed{}
	done := make(chan struct{})
	d := &quad{fail: func(n int) error {
		if n == 1000 {
			close(done)
		}
		return nil
	}}
	r.opts.Schema = &frame.Schema{Channels: []frame.Channel{{Name: "q/0"}, {Name: "q/1"}, {Name: "q/2"}, {Name: "q/3"}}}
	r.bus(nil, Polled{Name: "q", Sensor: d, Every: time.Millisecond})
	r.opts.Buses[0].Jitter = jitter
	r.start()
	<-done
	if err := r.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	s := r.sensor(0)
	slices.Sort(jitter.v)
	at := func(q float64) time.Duration { return time.Duration(jitter.v[int(q*float64(len(jitter.v)-1))] * 1e9) }
	t.Logf("%d readings, %d slots skipped; beside the instant: median %v, 99 %% %v, worst %v",
		s.Readings, s.Skipped, at(.5), at(.99), at(1))
}
