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
