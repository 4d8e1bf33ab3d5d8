package bmx280_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bmx280"
	"github.com/telhub/telhub/drivers/sim"
)

// rig is a driver and its simulated chip on one bus.
type rig struct {
	bus  *sim.I2CBus
	chip *sim.BMx280
	dev  *bmx280.Dev
}

func newRig(t *testing.T, chip *sim.BMx280, opts bmx280.Opts) *rig {
	t.Helper()
	r := &rig{bus: sim.NewI2CBus("i2c1"), chip: chip, dev: nil}
	r.bus.Attach(opts.Addr, chip)
	r.dev = mustNew(t, r.bus, opts)
	return r
}

func mustNew(t *testing.T, bus i2c.Bus, opts bmx280.Opts) *bmx280.Dev {
	t.Helper()
	d, err := bmx280.New(bus, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustInit(t *testing.T, d *bmx280.Dev) {
	t.Helper()
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
}

// measure reads as a bus's owner does: it waits as long as the driver asks.
// Inside a synctest bubble that takes no time.
func measure(d *bmx280.Dev, dst *drivers.Reading) error {
	dst.Reset()
	for {
		wait, err := d.Read(dst)
		if err != nil || wait <= 0 {
			return err
		}
		time.Sleep(wait)
	}
}

func mustMeasure(t *testing.T, d *bmx280.Dev) *drivers.Reading {
	t.Helper()
	var r drivers.Reading
	if err := measure(d, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: got %v, want %v ± %v", what, got, want, tolerance)
	}
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// Half steps of the results at 1x oversampling (16 bits, section 3.4.2), and
// the integers' own rounding.
const (
	lsbT = 0.008
	lsbP = 1.31 + 0.6
	lsbH = 0.006 + 0.01
)

// air is a set of conditions across the operating range.
var air = [...]struct{ cel, pa, rh float64 }{
	{23.4, 101325, 45}, {-39.5, 30100, 20}, {84.5, 109900, 99}, {0, 95000, 33.3}, {22.98, 65000, 70}, {-10.01, 88888, 61.8},
}

func TestPhysicalTruth(t *testing.T) {
	calibrations := map[string]sim.BMxCalibration{"typical": sim.BMxTypical(), "negative": sim.BMxNegative()}
	for name, cal := range calibrations {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, sim.NewBME280(cal), bmx280.DefaultOpts(bmx280.BME280))
				mustInit(t, r.dev)
				for _, a := range air {
					if name == "negative" && (a.rh < 25 || a.cel < 0) {
						continue // below what this trimming can encode
					}
					r.chip.Set(a.cel, a.pa, a.rh)
					got := mustMeasure(t, r.dev)
					near(t, "temperature", got.Values[0], a.cel, lsbT)
					near(t, "pressure", got.Values[1], a.pa, lsbP)
					near(t, "humidity", got.Values[2], a.rh, lsbH)
				}
			})
		})
	}
}

func TestBMP280(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := bmx280.DefaultOpts(bmx280.BMP280)
		opts.Addr, opts.Temperature, opts.Pressure, opts.Filter = 0x77, 2, 16, 16
		r := newRig(t, sim.NewBMP280(sim.BMxTypical()), opts)
		mustInit(t, r.dev)
		r.chip.Set(25.08, 100653.27, 0)
		got := mustMeasure(t, r.dev)
		near(t, "temperature", got.Values[0], 25.08, 0.006)
		near(t, "pressure", got.Values[1], 100653.27, 0.6)
		if n := len(r.dev.Outputs()); n != 2 || got.Has(2) || got.IsBad(2) {
			t.Errorf("%d outputs, humidity %v, want 2 and none", n, got.Has(2))
		}
	})
}

// Every combination of oversampling and mode, the filter going round.
func TestAllSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		filters := []int{0, 2, 4, 8, 16}
		n := 0
		for _, ot := range []int{1, 2, 4, 8, 16} {
			for _, op := range []int{0, 1, 2, 4, 8, 16} {
				for _, oh := range []int{0, 1, 2, 4, 8, 16} {
					for _, mode := range []bmx280.Mode{bmx280.Forced, bmx280.Normal} {
						o := bmx280.Opts{Chip: bmx280.BME280, Addr: 0x76, Temperature: ot, Pressure: op, Humidity: oh,
							Filter: filters[n%5], Mode: mode}
						if mode == bmx280.Normal {
							o.Standby = 10 * time.Millisecond
						}
						n++
						checkSettings(t, o)
					}
				}
			}
		}
	})
}

func checkSettings(t *testing.T, o bmx280.Opts) {
	t.Helper()
	r := newRig(t, sim.NewBME280(sim.BMxTypical()), o)
	r.chip.Set(23.4, 98765, 47.1)
	mustInit(t, r.dev)
	want := []struct {
		skip              bool
		value, resolution float64
		tolerance         float64
	}{{false, 23.4, 0.01, lsbT}, {o.Pressure == 0, 98765, 1.0 / 256, lsbP}, {o.Humidity == 0, 47.1, 1.0 / 1024, lsbH}}
	for range 2 {
		got, i := mustMeasure(t, r.dev), 0
		for _, w := range want {
			if w.skip {
				continue
			}
			near(t, r.dev.Outputs()[i].Name, got.Values[i], w.value, w.tolerance)
			near(t, "resolution", r.dev.Outputs()[i].Resolution, w.resolution, 0)
			i++
		}
		if i != len(r.dev.Outputs()) || got.Has(i) {
			t.Errorf("%+v: %d outputs, want %d", o, len(r.dev.Outputs()), i)
		}
	}
}

// The filter approaches a step by 1/c of the rest per measurement (section 3.4.4).
func TestFilterApproaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := bmx280.DefaultOpts(bmx280.BME280)
		o.Filter = 4
		r := newRig(t, sim.NewBME280(sim.BMxTypical()), o)
		mustInit(t, r.dev)
		r.chip.Set(20, 101325, 50)
		near(t, "first", mustMeasure(t, r.dev).Values[0], 20, lsbT)
		r.chip.Set(24, 101325, 50)
		near(t, "second", mustMeasure(t, r.dev).Values[0], 21, 0.02)
		near(t, "third", mustMeasure(t, r.dev).Values[0], 21.75, 0.02)
	})
}

// Section 9.1's example, temperature 1x, pressure 4x, no humidity, takes at most 13.3 ms.
func TestConversionTime(t *testing.T) {
	o := bmx280.DefaultOpts(bmx280.BME280)
	bus := sim.NewI2CBus("i2c1")
	o.Pressure, o.Humidity = 4, 0
	if got, want := mustNew(t, bus, o).Conversion(), 13325*time.Microsecond; got != want {
		t.Errorf("1x 4x 0x: %v, want %v", got, want)
	}
	o.Pressure, o.Humidity = 1, 1
	if got, want := mustNew(t, bus, o).Conversion(), 9300*time.Microsecond; got != want {
		t.Errorf("1x 1x 1x: %v, want %v", got, want)
	}
	o.Temperature, o.Pressure, o.Humidity = 16, 16, 16
	if got, want := mustNew(t, bus, o).Conversion(), 112800*time.Microsecond; got != want {
		t.Errorf("16x 16x 16x: %v, want %v", got, want)
	}
	p := bmx280.DefaultOpts(bmx280.BMP280) // ultra low power, BMP280 table 13: 6.4 ms
	if got, want := mustNew(t, bus, p).Conversion(), 6425*time.Microsecond; got != want {
		t.Errorf("bmp280: %v, want %v", got, want)
	}
}

// Read returns at once and takes its wait from the caller, twice at most.
func TestReadDoesNotBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sim.NewBME280(sim.BMxTypical()), bmx280.DefaultOpts(bmx280.BME280))
		mustInit(t, r.dev)
		var dst drivers.Reading
		begin := time.Now()
		wait, err := r.dev.Read(&dst)
		if err != nil || wait != r.dev.Conversion() || !dst.Empty() {
			t.Errorf("first: wait %v, error %v, empty %v, want %v, none, true", wait, err, dst.Empty(), r.dev.Conversion())
		}
		wait, err = r.dev.Read(&dst) // too early: still measuring
		if err != nil || wait <= 0 || !dst.Empty() {
			t.Errorf("early: wait %v, error %v, empty %v, want a wait", wait, err, dst.Empty())
		}
		if d := time.Since(begin); d != 0 {
			t.Errorf("two calls of Read took %v, want none", d)
		}
		time.Sleep(r.dev.Conversion())
		if wait, err = r.dev.Read(&dst); err != nil || wait != 0 || !dst.Has(2) {
			t.Errorf("last: wait %v, error %v, humidity %v, want a reading", wait, err, dst.Has(2))
		}
	})
}

// In mode normal only the first Read after Init waits, and later ones follow
// the air.
func TestNormalMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := bmx280.DefaultOpts(bmx280.BME280)
		o.Mode, o.Standby = bmx280.Normal, 62500*time.Microsecond
		r := newRig(t, sim.NewBME280(sim.BMxTypical()), o)
		mustInit(t, r.dev)
		mustMeasure(t, r.dev)
		r.chip.Set(30, 99000, 20)
		time.Sleep(time.Hour)
		var dst drivers.Reading
		if wait, err := r.dev.Read(&dst); err != nil || wait != 0 {
			t.Fatalf("wait %v, error %v, want neither", wait, err)
		}
		near(t, "temperature", dst.Values[0], 30, lsbT)
		near(t, "pressure", dst.Values[1], 99000, lsbP)
		near(t, "humidity", dst.Values[2], 20, lsbH)
	})
}

func TestWrongChip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sim.NewBMP280(sim.BMxTypical()), bmx280.DefaultOpts(bmx280.BME280))
		err := r.dev.Init()
		wantError(t, "bmp280 as bme280", err, drivers.ErrIdentity)
		want := "bme280 0x76: read chip id: wrong device: chip id 0x58, expected 0x60; this is a bmp280"
		if err.Error() != want {
			t.Errorf("got  %v\nwant %v", err, want)
		}
		r = newRig(t, sim.NewBME280(sim.BMxTypical()), bmx280.DefaultOpts(bmx280.BMP280))
		err = r.dev.Init()
		wantError(t, "bme280 as bmp280", err, drivers.ErrIdentity)
		if !strings.Contains(err.Error(), "chip id 0x60, expected 0x58, 0x57 or 0x56; this is a bme280") {
			t.Errorf("got %v", err)
		}
	})
}

func TestOptionsRejected(t *testing.T) {
	type edit func(*bmx280.Opts)
	tests := []struct {
		edit edit
		want string
	}{
		{func(o *bmx280.Opts) { *o = bmx280.Opts{} }, `chip ""`},
		{func(o *bmx280.Opts) { o.Addr = 0x48 }, "addr 0x48"},
		{func(o *bmx280.Opts) { o.Mode = "sleep" }, `mode "sleep"`},
		{func(o *bmx280.Opts) { o.Temperature = 0 }, "temperature 0: cannot be skipped"},
		{func(o *bmx280.Opts) { o.Temperature = 3 }, "temperature 3"},
		{func(o *bmx280.Opts) { o.Pressure = 32 }, "pressure 32"},
		{func(o *bmx280.Opts) { o.Humidity = -1 }, "humidity -1"},
		{func(o *bmx280.Opts) { o.Chip = bmx280.BMP280 }, "a bmp280 measures none"},
		{func(o *bmx280.Opts) { o.Filter = 3 }, "filter 3"},
		{func(o *bmx280.Opts) { o.Standby = time.Second }, "standby 1s: has no meaning"},
		{func(o *bmx280.Opts) { o.Mode = bmx280.Normal }, "standby 0s"},
		{func(o *bmx280.Opts) { o.Mode, o.Standby = bmx280.Normal, 2*time.Second }, "standby 2s: a bme280 has"},
	}
	for _, tt := range tests {
		o := bmx280.DefaultOpts(bmx280.BME280)
		tt.edit(&o)
		_, err := bmx280.New(sim.NewI2CBus("i2c1"), o)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want …%s…", o, err, tt.want)
		}
	}
	o := bmx280.DefaultOpts(bmx280.BMP280)
	o.Mode, o.Standby = bmx280.Normal, 4*time.Second
	if _, err := bmx280.New(sim.NewI2CBus("i2c1"), o); err != nil {
		t.Errorf("4 s on a bmp280: %v", err)
	}
}
