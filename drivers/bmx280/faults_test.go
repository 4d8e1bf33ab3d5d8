package bmx280_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bmx280"
	"github.com/telhub/telhub/drivers/sim"
)

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
