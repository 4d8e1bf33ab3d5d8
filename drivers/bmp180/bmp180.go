package bmp180

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bosch"
)

var _ drivers.Sensor = (*Dev)(nil)

// Patience with a chip that still converts after the data sheet's longest time.
const (
	lateTrys = 4
	lateWait = 2 * time.Millisecond
)

// Opts says how to measure. Start from DefaultOpts: New rejects the zero value.
type Opts struct {
	// Pressure is how many samples a pressure is averaged from: 1, 2, 4 or 8
	// (oss 0 to 3, table 3).
	Pressure int
}

// DefaultOpts gives a pressure from one sample.
func DefaultOpts() Opts { return Opts{Pressure: 1} }

// Dev is one BMP180. It is owned by its bus's goroutine.
type Dev struct {
	regs  bosch.Registers
	oss   uint
	cal   calibration
	ready bool // cal is read

	outputs [2]drivers.Output

	state state
	late  int
	b5    int64 // of the temperature of this measurement
	deci  int64

	verdicts verdicts
	r        [lenCalibration]byte
}

// state is what Read waits for.
type state uint8

const (
	idle state = iota
	temperature
	pressure
)

// New checks the options and prepares a device; it does not touch the bus.
func New(bus i2c.Bus, opts Opts) (*Dev, error) {
	d := &Dev{regs: bosch.NewRegisters(bus, Addr, name), verdicts: newVerdicts()}
	d.outputs[0] = drivers.Output{Name: "temperature", Unit: "Cel", Resolution: 0.1}
	d.outputs[1] = drivers.Output{Name: "pressure", Unit: "Pa", Resolution: 1}
	for oss, n := range [...]int{1, 2, 4, 8} {
		if n == opts.Pressure {
			d.oss = uint(oss)
			return d, nil
		}
	}
	return nil, fmt.Errorf("bmp180: pressure %d: oversampling is 1, 2, 4 or 8", opts.Pressure)
}

// String names the device as errors do.
func (d *Dev) String() string { return name }

// Outputs lists temperature (Cel) and pressure (Pa).
// The slice belongs to the device.
func (d *Dev) Outputs() []drivers.Output { return d.outputs[:] }

// Conversion is the longest time that one measurement takes.
func (d *Dev) Conversion() time.Duration { return waitTemperature + waitPressure(d.oss) }

// Init implements drivers.Sensor: identity and calibration. The chip needs no
// settings.
func (d *Dev) Init() error {
	d.state, d.ready = idle, false
	if err := d.regs.Read(opIdentity, regID, d.r[:1]); err != nil {
		return err
	}
	if id := d.r[0]; id != idBMP180 {
		return d.regs.Fail(opIdentity, wrongID(id))
	}
	if err := d.regs.Read(opCalibration, regCalibration, d.r[:lenCalibration]); err != nil {
		return err
	}
	if !plausible(d.r[:]) {
		return d.verdicts.blank
	}
	d.cal.parse(d.r[:])
	d.ready = true
	return nil
}

// Read implements drivers.Sensor. It asks for a wait for the temperature and
// another for the pressure.
func (d *Dev) Read(dst *drivers.Reading) (time.Duration, error) {
	if !d.ready {
		return 0, d.verdicts.notInit
	}
	if d.state == idle {
		return d.start(temperature, cmdTemperature, waitTemperature)
	}
	if err := d.regs.Read(opResult, regCtrlMeas, d.r[:lenResult]); err != nil {
		return d.drop(err)
	}
	if d.r[0]&ctrlConverting != 0 {
		if d.late++; d.late > lateTrys {
			return d.drop(d.verdicts.stuck)
		}
		return lateWait, nil
	}
	result := int64(d.r[2])<<16 | int64(d.r[3])<<8 | int64(d.r[4])
	if d.r[0] == 0 && result>>8 == notMeasured {
		return d.drop(d.verdicts.brownOut)
	}
	if d.state == temperature {
		return d.between(result >> 8)
	}
	d.state = idle
	dst.Set(0, float64(d.deci)/10)
	if pa, ok := d.cal.pressure(result>>(8-d.oss), d.b5, d.oss); ok {
		dst.Set(1, float64(pa))
	} else {
		dst.SetBad(1)
	}
	return 0, nil
}

// between keeps the temperature and starts the pressure.
func (d *Dev) between(ut int64) (time.Duration, error) {
	var ok bool
	if d.deci, d.b5, ok = d.cal.temperature(ut); !ok {
		return d.drop(d.verdicts.impossible)
	}
	return d.start(pressure, cmdPressure|byte(d.oss<<6), waitPressure(d.oss))
}

// start begins a conversion.
func (d *Dev) start(s state, cmd byte, wait time.Duration) (time.Duration, error) {
	if err := d.regs.Write(opStart, regCtrlMeas, cmd); err != nil {
		return d.drop(err)
	}
	d.state, d.late = s, 0
	return wait, nil
}

// drop ends the measurement.
func (d *Dev) drop(err error) (time.Duration, error) {
	d.state = idle
	return 0, err
}
