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

// Half steps of the results at 1x oversampling (16 bits, section 3.4.1), and
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

// Section 9.1's worked figure: 1x, 1x, 1x take at most 9.3 ms.
func TestConversionTime(t *testing.T) {
	o := bmx280.DefaultOpts(bmx280.BME280)
	bus := sim.NewI2CBus("i2c1")
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

// A dip of the supply at any point of a measurement: never a value, always
// ErrInvalid, and Init heals it. The settings are the ones that are hardest to
// tell from reset values.
func TestBrownOut(t *testing.T) {
	plain := bmx280.DefaultOpts(bmx280.BMP280)
	normal := bmx280.DefaultOpts(bmx280.BME280)
	normal.Mode, normal.Standby = bmx280.Normal, 500*time.Microsecond
	dry := bmx280.DefaultOpts(bmx280.BME280)
	dry.Humidity, dry.Pressure = 0, 0
	for _, o := range []bmx280.Opts{plain, normal, dry, bmx280.DefaultOpts(bmx280.BME280)} {
		synctest.Test(t, func(t *testing.T) {
			chip := sim.NewBME280(sim.BMxTypical())
			if o.Chip == bmx280.BMP280 {
				chip = sim.NewBMP280(sim.BMxTypical())
			}
			r := newRig(t, chip, o)
			mustInit(t, r.dev)
			mustMeasure(t, r.dev)
			var dst drivers.Reading

			r.chip.BrownOut()
			wantError(t, "before a measurement", measure(r.dev, &dst), drivers.ErrInvalid)
			if !dst.Empty() {
				t.Errorf("%+v: brown-out gave values", o)
			}
			mustInit(t, r.dev)
			mustMeasure(t, r.dev)

			if o.Mode == bmx280.Forced {
				dst.Reset()
				wait, err := r.dev.Read(&dst)
				if err != nil || wait == 0 {
					t.Fatalf("wait %v, error %v", wait, err)
				}
				r.chip.BrownOut()
				time.Sleep(wait)
				_, err = r.dev.Read(&dst)
				wantError(t, "while converting", err, drivers.ErrInvalid)
				mustInit(t, r.dev)
			}
			near(t, "healed", mustMeasure(t, r.dev).Values[0], 20, lsbT)
		})
	}
}

// 0x80000 is a legal result too: near 23 Cel with common trimmings. It must not
// be taken for a brown-out, least of all again and again.
func TestResetValueAsResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		regs := &registers{}
		regs.load(0x88, "106e6c6632005d95b8d5d00b771e9dfff9ffac260ad8bd10004b")
		regs.load(0xE1, "6e01001305001e")
		regs.load(0xD0, "60")
		regs.load(0xF7, "4a52c08000008000")
		d := mustNew(t, regs, bmx280.DefaultOpts(bmx280.BME280))
		mustInit(t, d)
		r := mustMeasure(t, d)
		near(t, "temperature", r.Values[0], 22.98, 0.05)

		regs.load(0xF7, "8000008000008000") // all three: nothing was measured
		var dst drivers.Reading
		wantError(t, "all at reset", measure(d, &dst), drivers.ErrInvalid)
	})
}

// Each fault of the bus, in Init and in Read: the sentinel, the device's name,
// and health after it.
func TestBusFaults(t *testing.T) {
	faults := []struct {
		kind sim.FaultKind
		want error
	}{
		{sim.NACK, drivers.ErrNACK}, {sim.Stuck, drivers.ErrTimeout}, {sim.Arbitration, drivers.ErrBus},
		{sim.Short, drivers.ErrShort}, {sim.Unplugged, drivers.ErrUnplugged},
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sim.NewBME280(sim.BMxTypical()), bmx280.DefaultOpts(bmx280.BME280))
		for _, f := range faults {
			r.bus.Inject(sim.Fault{Kind: f.kind})
			err := r.dev.Init()
			wantError(t, "init", err, f.want)
			if err != nil && !strings.HasPrefix(err.Error(), "bme280 0x76: read chip id: i2c1: ") {
				t.Errorf("init: %v", err)
			}
			r.bus.Inject(sim.Fault{})
			mustInit(t, r.dev)

			r.bus.Inject(sim.Fault{Kind: f.kind})
			var dst drivers.Reading
			wantError(t, "read", measure(r.dev, &dst), f.want)
			if !dst.Empty() {
				t.Error("a fault gave values")
			}
			r.bus.Inject(sim.Fault{})
			if f.kind == sim.Unplugged {
				wantError(t, "after replug", measure(r.dev, &dst), drivers.ErrInvalid)
			}
			mustInit(t, r.dev)
			near(t, "healed", mustMeasure(t, r.dev).Values[0], 20, lsbT)
		}
	})
}

// A fault at each single transaction of Init and of a measurement.
func TestFaultAtEachStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sim.NewBME280(sim.BMxTypical()), bmx280.DefaultOpts(bmx280.BME280))
		bus := &failing{Bus: r.bus}
		d := mustNew(t, bus, bmx280.DefaultOpts(bmx280.BME280))
		var dst drivers.Reading
		for step := 1; ; step++ {
			bus.at = step
			err := d.Init()
			if err == nil {
				err = measure(d, &dst)
			}
			if bus.at > 0 { // never reached: every step was tried
				if step < 11 {
					t.Errorf("%d steps seen, want at least 10", step-1)
				}
				break
			}
			if step != 3 { // the first look after the reset may fail, the chip is starting
				wantError(t, "step", err, drivers.ErrNACK)
			}
			mustInit(t, d)
			mustMeasure(t, d)
		}
	})
}

// failing refuses the at-th transaction from now.
type failing struct {
	i2c.Bus
	at int
}

func (f *failing) Tx(addr uint16, w, r []byte) error {
	if f.at--; f.at == 0 {
		return drivers.ErrNACK
	}
	return f.Bus.Tx(addr, w, r)
}

func TestStuckMeasurement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		regs := newRecorded()
		d := mustNew(t, regs, bmx280.DefaultOpts(bmx280.BME280))
		mustInit(t, d)
		regs.status = 1 << 3 // measuring, for ever
		var dst drivers.Reading
		begin := time.Now()
		wantError(t, "measuring", measure(d, &dst), drivers.ErrTimeout)
		if took := time.Since(begin); took > 50*time.Millisecond {
			t.Errorf("gave up after %v", took)
		}
		regs.status = 1 // copying calibration, for ever
		begin = time.Now()
		wantError(t, "im_update", d.Init(), drivers.ErrTimeout)
		if took := time.Since(begin); took > 12*time.Millisecond {
			t.Errorf("gave up after %v", took)
		}
	})
}

func TestBlankCalibration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, b := range []string{"00", "ff"} {
			regs := newRecorded()
			regs.load(0x88, strings.Repeat(b, 26))
			d := mustNew(t, regs, bmx280.DefaultOpts(bmx280.BME280))
			wantError(t, "calibration of "+b, d.Init(), drivers.ErrInvalid)
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
