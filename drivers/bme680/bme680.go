package bme680

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bosch"
)

var _ drivers.Sensor = (*Dev)(nil)

// Times that the chip may take.
const (
	restart   = 5 * time.Millisecond // after a reset: Bosch's own driver waits as long
	resetTrys = 3
	lateTrys  = 5 // waits beyond the conversion
	lateWait  = 5 * time.Millisecond
)

// firstAir is the temperature that the heater is set for before one is known.
const firstAir = 25

// Dev is one BME680. It is owned by its bus's goroutine.
type Dev struct {
	regs bosch.Registers
	opts Opts
	set  settings
	wait time.Duration

	outputs        []drivers.Output
	iT, iP, iH, iG int // index of each output; -1: not measured

	cal    calibration
	ready  bool    // Init succeeded
	busy   bool    // a measurement was started
	late   int     // waits beyond wait in this measurement
	air    float64 // temperature of the last reading
	heater byte    // what res_heat_0 holds

	verdicts verdicts
	r        [lenCalibration + lenCalibrateHi + lenHeater]byte
}

// New checks the options and prepares a device; it does not touch the bus.
func New(bus i2c.Bus, opts Opts) (*Dev, error) {
	set, err := opts.encode()
	if err != nil {
		return nil, fmt.Errorf("bme680: %w", err)
	}
	d := &Dev{opts: opts, set: set, wait: opts.conversion()}
	d.iT = d.output(true, "temperature", "Cel", 0.001)
	d.iP = d.output(opts.Pressure > 0, "pressure", "Pa", 0.1)
	d.iH = d.output(opts.Humidity > 0, "humidity", "%RH", 0.001)
	d.iG = d.output(opts.Heater > 0, "gas_resistance", "Ohm", 1)
	d.regs = bosch.NewRegisters(bus, opts.Addr, d.String())
	d.verdicts = newVerdicts(d.String())
	return d, nil
}

func (d *Dev) output(measured bool, name, unit string, resolution float64) int {
	if !measured {
		return -1
	}
	d.outputs = append(d.outputs, drivers.Output{Name: name, Unit: unit, Resolution: resolution})
	return len(d.outputs) - 1
}

// String names the device as errors do: "bme680 0x76".
func (d *Dev) String() string { return fmt.Sprintf("bme680 0x%02x", d.opts.Addr) }

// Outputs lists temperature (Cel), pressure (Pa), humidity (%RH) and
// gas_resistance (Ohm), without those that the options skip. The slice belongs
// to the device.
func (d *Dev) Outputs() []drivers.Output { return d.outputs }

// Conversion is how long one measurement takes, the heater's time included.
func (d *Dev) Conversion() time.Duration { return d.wait }

// Read implements drivers.Sensor. It starts a measurement and asks for the
// conversion time first. ErrInvalid asks for a new Init.
func (d *Dev) Read(dst *drivers.Reading) (time.Duration, error) {
	if !d.ready {
		return 0, d.verdicts.notInit
	}
	if !d.busy {
		return d.begin()
	}
	wait, err := d.fetch(dst)
	d.busy = wait > 0
	return wait, err
}

// begin sets the heater for the air and starts a forced measurement.
func (d *Dev) begin() (time.Duration, error) {
	if err := d.verify(d.verdicts.brownOut); err != nil {
		return 0, err
	}
	if err := d.heat(); err != nil {
		return 0, err
	}
	if err := d.regs.Write(opStart, regCtrlMeas, d.set.meas|modeForced); err != nil {
		return 0, err
	}
	d.busy, d.late = true, 0
	return d.wait, nil
}

// heat writes res_heat_0 if the air has changed by so much that it matters.
func (d *Dev) heat() error {
	if d.opts.Heater == 0 {
		return nil
	}
	code := d.cal.heater(float64(d.opts.Heater), d.air)
	if code == d.heater {
		return nil
	}
	if err := d.regs.Write(opStart, regResHeat0, code); err != nil {
		return err
	}
	d.heater = code
	return nil
}

// fetch reads the results in one burst, if they are there and the settings
// still stand.
func (d *Dev) fetch(dst *drivers.Reading) (time.Duration, error) {
	if err := d.verify(d.verdicts.brownOut); err != nil {
		return 0, err
	}
	r := d.r[:lenData]
	if err := d.regs.Read(opData, regData, r); err != nil {
		return 0, err
	}
	if r[0]&statusMeasuring != 0 || r[0]&statusNewData == 0 {
		if d.late++; d.late > lateTrys {
			return 0, d.verdicts.stuck
		}
		return lateWait, nil
	}
	t := adc20(r[dataTemp:])
	if t == notMeasured && (d.iP < 0 || adc20(r[dataPress:]) == notMeasured) {
		return 0, d.verdicts.reset
	}
	d.compensate(dst, t, r)
	return 0, nil
}

// compensate stores what r, from meas_status_0 on, holds.
func (d *Dev) compensate(dst *drivers.Reading, t int, r []byte) {
	cel, fine := d.cal.temperature(t)
	dst.Set(d.iT, grid(cel, 1000))
	d.air = min(max(cel, -40), 85) // what the chip is made for: nothing else reaches the heater
	if d.iP >= 0 {
		if pa, ok := d.cal.pressure(adc20(r[dataPress:]), fine); ok {
			dst.Set(d.iP, grid(pa, 10))
		} else {
			dst.SetBad(d.iP)
		}
	}
	if d.iH >= 0 {
		dst.Set(d.iH, grid(d.cal.humidity(int(r[dataHum])<<8|int(r[dataHum+1]), cel), 1000))
	}
	if d.iG < 0 {
		return
	}
	msb, lsb := r[dataGas], r[dataGas+1]
	ohm, ok := d.cal.gas(int(msb)<<2|int(lsb>>6), lsb)
	if ok && lsb&gasValid != 0 && lsb&heatStable != 0 {
		dst.Set(d.iG, grid(ohm, 1))
	} else {
		dst.SetBad(d.iG)
	}
}

// adc20 is a result of 20 bits in three bytes.
func adc20(r []byte) int { return int(r[0])<<12 | int(r[1])<<4 | int(r[2]>>4) }

// verify compares the settings with what they should hold; lost is the error
// when they differ.
func (d *Dev) verify(lost error) error {
	r := d.r[:lenSettings]
	if err := d.regs.Read(opStatus, regCtrlGas0, r); err != nil {
		return err
	}
	s := &d.set
	if r[0]&heatOff != s.gas0 || r[1]&gas1Mask != s.gas1 || r[2]&humMask != s.hum ||
		r[4]&^modeMask != s.meas || r[5]&filterMask != s.config {
		return lost
	}
	return nil
}

// Init implements drivers.Sensor: identity, reset, calibration, settings. It
// sleeps 5 ms for the restart, 15 ms at the very most.
func (d *Dev) Init() error {
	d.busy, d.ready, d.air = false, false, firstAir
	if err := d.identify(); err != nil {
		return err
	}
	if err := d.reset(); err != nil {
		return err
	}
	if err := d.calibrate(); err != nil {
		return err
	}
	if err := d.configure(); err != nil {
		return err
	}
	d.ready = true
	return nil
}

func (d *Dev) identify() error {
	if err := d.regs.Read(opIdentity, regID, d.r[:1]); err != nil {
		return err
	}
	if id := d.r[0]; id != idBME680 {
		return d.regs.Fail(opIdentity, wrongID(id))
	}
	if err := d.regs.Read(opIdentity, regVariant, d.r[:1]); err != nil {
		return err
	}
	if d.r[0] == variantBME688 && d.opts.Heater != 0 {
		return d.verdicts.variant
	}
	return nil
}

// reset brings the chip to its power-on state. An error while it restarts
// counts only if it is still there at the end.
func (d *Dev) reset() error {
	err := d.regs.Write(opReset, regReset, cmdReset)
	if err != nil {
		return err
	}
	for range resetTrys {
		time.Sleep(restart)
		if err = d.regs.Read(opReset, regID, d.r[:1]); err == nil {
			return nil
		}
	}
	return err
}

func (d *Dev) calibrate() error {
	lo := d.r[:lenCalibration]
	hi := d.r[lenCalibration : lenCalibration+lenCalibrateHi]
	heater := d.r[lenCalibration+lenCalibrateHi:]
	if err := d.regs.Read(opCalibration, regCalibration, lo); err != nil {
		return err
	}
	if err := d.regs.Read(opCalibration, regCalibrateHi, hi); err != nil {
		return err
	}
	if err := d.regs.Read(opCalibration, regHeater, heater); err != nil {
		return err
	}
	d.cal.parse(lo, hi, heater)
	if !d.cal.plausible() {
		return d.verdicts.blank
	}
	return nil
}

// configure writes the settings, which the chip takes in sleep mode only
// (section 3.2.1), and reads them back.
func (d *Dev) configure() error {
	d.heater = d.cal.heater(float64(d.opts.Heater), d.air)
	for _, w := range [...][2]byte{
		{regConfig, d.set.config}, {regCtrlHum, d.set.hum}, {regResHeat0, d.heater}, {regGasWait0, d.set.gasWait},
		{regCtrlGas0, d.set.gas0}, {regCtrlGas1, d.set.gas1}, {regCtrlMeas, d.set.meas},
	} {
		if err := d.regs.Write(opConfigure, w[0], w[1]); err != nil {
			return err
		}
	}
	return d.verify(d.verdicts.readback)
}
