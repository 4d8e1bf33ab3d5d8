package bme680_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bme680"
	"github.com/telhub/telhub/drivers/sim"
)

// rig is a device on a simulated bus.
type rig struct {
	bus *sim.I2CBus
	air *sim.BME680
	dev *bme680.Dev
}

func newRig(t testing.TB, o bme680.Opts) rig {
	t.Helper()
	r := rig{bus: sim.NewI2CBus("i2c1"), air: sim.NewBME680(sim.BME680Typical())}
	r.bus.Attach(o.Addr, r.air)
	dev, err := bme680.New(r.bus, o)
	if err != nil {
		t.Fatal(err)
	}
	r.dev = dev
	return r
}

func (r rig) mustInit(t testing.TB) {
	t.Helper()
	time.Sleep(10 * time.Millisecond) // since power-on
	if err := r.dev.Init(); err != nil {
		t.Fatal(err)
	}
}

// measure reads until the measurement ends.
func measure(d *bme680.Dev, dst *drivers.Reading) error {
	dst.Reset()
	for {
		wait, err := d.Read(dst)
		if err != nil || wait == 0 {
			return err
		}
		time.Sleep(wait)
	}
}

// Physical truth in, physical truth out.
func TestTheAirArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bme680.DefaultOpts())
		r.mustInit(t)
		for _, want := range [][4]float64{
			{20, 101325, 50, 50000}, {-35, 30000, 5, 800}, {80, 110000, 95, 3e6}, {23.4, 98765.4, 33.3, 123456},
		} {
			r.air.Set(want[0], want[1], want[2], want[3])
			var dst drivers.Reading
			start := time.Now()
			if err := measure(r.dev, &dst); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took != r.dev.Conversion() {
				t.Errorf("took %v, want %v", took, r.dev.Conversion())
			}
			for i, within := range []float64{0.001, 0.3, 0.02, 0.002 * want[3]} {
				if !dst.Has(i) || math.Abs(dst.Values[i]-want[i]) > within {
					t.Errorf("%s: %v %v, want %v within %v", r.dev.Outputs()[i].Name, dst.Has(i), dst.Values[i], want[i], within)
				}
			}
		}
	})
}

// The heater is set again when the air has changed, and only then.
func TestHeaterFollowsTheAir(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bme680.DefaultOpts())
		r.mustInit(t)
		var dst drivers.Reading
		r.air.Set(25, 101325, 50, 50000)
		first := r.air.Heater()
		for range 3 {
			if err := measure(r.dev, &dst); err != nil {
				t.Fatal(err)
			}
		}
		if got := r.air.Heater(); got != first {
			t.Errorf("the air is as assumed, res_heat_0 went from %d to %d", first, got)
		}
		r.air.Set(80, 101325, 50, 50000)
		_ = measure(r.dev, &dst)
		_ = measure(r.dev, &dst)
		if got := r.air.Heater(); got <= first { // par_g3 is positive: warmer air, larger code
			t.Errorf("in air of 80 degrees res_heat_0 is %d, before %d", got, first)
		}
	})
}

func TestColdHeaterIsBad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := bme680.DefaultOpts()
		short.HeaterTime = 10 * time.Millisecond // too short to get hot
		for name, r := range map[string]rig{"fault": newRig(t, bme680.DefaultOpts()), "too short": newRig(t, short)} {
			r.mustInit(t)
			r.air.ColdHeater(name == "fault")
			var dst drivers.Reading
			if err := measure(r.dev, &dst); err != nil {
				t.Fatal(err)
			}
			if dst.Has(3) || !dst.IsBad(3) || !dst.Has(0) || !dst.Has(1) || !dst.Has(2) {
				t.Errorf("%s: want a bad gas resistance and good other values", name)
			}
		}
	})
}

// A dip of the supply at any point of a measurement: never a value, always
// ErrInvalid, and Init heals it.
func TestBrownOut(t *testing.T) {
	plain := bme680.DefaultOpts()
	plain.Heater, plain.Pressure, plain.Humidity, plain.Temperature = 0, 0, 0, 1
	for _, o := range []bme680.Opts{bme680.DefaultOpts(), plain} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, o)
			r.mustInit(t)
			var dst drivers.Reading
			r.air.BrownOut()
			if err := measure(r.dev, &dst); !errors.Is(err, drivers.ErrInvalid) || !dst.Empty() {
				t.Errorf("before a measurement: %v, want %v", err, drivers.ErrInvalid)
			}
			r.mustInit(t)
			wait, err := r.dev.Read(&dst)
			if err != nil || wait == 0 {
				t.Fatalf("wait %v, error %v", wait, err)
			}
			r.air.BrownOut()
			time.Sleep(wait)
			if _, err := r.dev.Read(&dst); !errors.Is(err, drivers.ErrInvalid) || !dst.Empty() {
				t.Errorf("while measuring: %v, want %v", err, drivers.ErrInvalid)
			}
			r.mustInit(t)
			if err := measure(r.dev, &dst); err != nil || math.Abs(dst.Values[0]-20) > 0.001 {
				t.Errorf("healed: %v, %v", err, dst.Values[0])
			}
		})
	}
}

func TestBusErrorsNameTheStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, bme680.DefaultOpts())
		var dst drivers.Reading
		if _, err := r.dev.Read(&dst); !errors.Is(err, drivers.ErrNotReady) {
			t.Errorf("before init: %v", err)
		}
		r.mustInit(t)
		r.bus.Inject(sim.Fault{Kind: sim.NACK, Times: 1})
		if _, err := r.dev.Read(&dst); !errors.Is(err, drivers.ErrNACK) || !strings.HasPrefix(err.Error(), "bme680 0x76: read settings: ") {
			t.Errorf("got %v", err)
		}
		if err := measure(r.dev, &dst); err != nil {
			t.Errorf("the next measurement: %v", err)
		}
	})
}

func TestOtherChipsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := sim.NewI2CBus("i2c1")
		bus.Attach(0x76, sim.NewBME280(sim.BMxTypical()))
		d, err := bme680.New(bus, bme680.DefaultOpts())
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Init(); !errors.Is(err, drivers.ErrIdentity) || !strings.Contains(err.Error(), "this is a bme280") {
			t.Errorf("got %v", err)
		}
	})
}

func TestOptionsThatCannotBe(t *testing.T) {
	for _, tt := range []struct {
		change func(*bme680.Opts)
		want   string
	}{
		{func(o *bme680.Opts) { o.Addr = 0x75 }, "addr 0x75"},
		{func(o *bme680.Opts) { o.Temperature = 0 }, "temperature 0"},
		{func(o *bme680.Opts) { o.Pressure = 3 }, "pressure 3"},
		{func(o *bme680.Opts) { o.Filter = 4 }, "filter 4"},
		{func(o *bme680.Opts) { o.Heater = 450 }, "heater_temperature 450"},
		{func(o *bme680.Opts) { o.HeaterTime = 5 * time.Second }, "heater_duration 5s"},
	} {
		o := bme680.DefaultOpts()
		tt.change(&o)
		if _, err := bme680.New(sim.NewI2CBus("i2c1"), o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	now := time.Now()
	r := newRig(t, bme680.DefaultOpts())
	r.bus.SetClock(func() time.Time { now = now.Add(time.Millisecond); return now }, func(d time.Duration) { now = now.Add(d) })
	now = now.Add(time.Hour)
	if err := r.dev.Init(); err != nil {
		t.Fatal(err)
	}
	var dst drivers.Reading
	read := func() (err error) {
		dst.Reset()
		for {
			wait, err := r.dev.Read(&dst)
			if err != nil || wait == 0 {
				return err
			}
			now = now.Add(wait)
		}
	}
	now = now.Add(time.Second)
	if err := read(); err != nil {
		t.Fatal(err)
	}
	if got := testing.AllocsPerRun(100, func() { _ = read() }); got != 0 {
		t.Errorf("a measurement: %v allocations, want 0", got)
	}
	r.air.BrownOut()
	if got := testing.AllocsPerRun(100, func() {
		if !errors.Is(read(), drivers.ErrInvalid) {
			t.Error("no error")
		}
	}); got != 0 {
		t.Errorf("after a brown-out: %v allocations, want 0", got)
	}
	r.bus.Inject(sim.Fault{Kind: sim.NACK})
	if got := testing.AllocsPerRun(100, func() {
		if read() == nil || r.dev.Init() == nil {
			t.Error("no error")
		}
	}); got != 0 {
		t.Errorf("a dead bus: %v allocations, want 0", got)
	}
}
