package bmx280

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
	startup   = 2 * time.Millisecond // t_startup, table 1
	resetTrys = 6                    // so the copy of calibration has 12 ms: clones are slower
	lateTrys  = 4                    // waits beyond the longest conversion of section 9.1
	lateWait  = 2 * time.Millisecond
)

// Dev is one BME280 or BMP280. It is owned by its bus's goroutine.
type Dev struct {
	regs bosch.Registers
	opts Opts
	set  settings
	wait time.Duration // longest conversion

	outputs []drivers.Output
	iT      int // index of each output; -1: not measured
	iP      int
	iH      int

	cal   calibration
	state state
	late  int // waits beyond d.wait in this measurement

	verdicts verdicts
	r        [lenCalibration]byte
}

// state is where Read stands.
type state uint8

const (
	idle       state = iota // forced: nothing started; normal: results are there
	settling                // normal, after Init: the first result is not there yet
	converting              // forced: started
)

// New checks the options and prepares a device; it does not touch the bus.
func New(bus i2c.Bus, opts Opts) (*Dev, error) {
	set, err := opts.encode()
	if err != nil {
		return nil, fmt.Errorf("bmx280: %w", err)
	}
	d := &Dev{opts: opts, set: set, wait: opts.conversion(), iT: -1, iP: -1, iH: -1}
	d.iT = d.output("temperature", "Cel", 0.01)
	if opts.Pressure > 0 {
		d.iP = d.output("pressure", "Pa", 1.0/256)
	}
	if opts.Humidity > 0 {
		d.iH = d.output("humidity", "%RH", 1.0/1024)
	}
	d.regs = bosch.NewRegisters(bus, opts.Addr, d.String())
	d.verdicts.init(d.String())
	return d, nil
}

func (d *Dev) output(name, unit string, resolution float64) int {
	d.outputs = append(d.outputs, drivers.Output{Name: name, Unit: unit, Resolution: resolution})
	return len(d.outputs) - 1
}

// String names the device as errors do: "bme280 0x76".
func (d *Dev) String() string { return fmt.Sprintf("%s 0x%02x", d.opts.Chip, d.opts.Addr) }

// Outputs lists temperature (Cel), pressure (Pa) and humidity (%RH), without
// those that the options skip. The slice belongs to the device.
func (d *Dev) Outputs() []drivers.Output { return d.outputs }

// Conversion is the longest time that one measurement takes: a period shorter
// than this cannot be kept.
func (d *Dev) Conversion() time.Duration { return d.wait }

// Read implements drivers.Sensor. In mode Forced it starts a measurement and
// asks for the conversion time first; in mode Normal it takes the newest
// result at once, except right after Init. ErrInvalid asks for a new Init.
func (d *Dev) Read(dst *drivers.Reading) (time.Duration, error) {
	if d.state == settling || d.state == idle && d.opts.Mode == Forced {
		return d.begin()
	}
	busy, err := d.verify()
	if busy {
		return d.wait4more()
	}
	d.state = idle
	if err != nil {
		return 0, err
	}
	return 0, d.fetch(dst)
}

// begin starts a forced measurement, or lets the first normal one end.
func (d *Dev) begin() (time.Duration, error) {
	d.late = 0
	if d.state == settling {
		d.state = idle
		return d.wait, nil
	}
	if err := d.regs.Write(opStart, regCtrlMeas, d.set.ctrlMeas|modeForced); err != nil {
		return 0, err
	}
	d.state = converting
	return d.wait, nil
}

// wait4more bounds the patience with a chip that is still measuring after the
// longest time that the data sheet gives it.
func (d *Dev) wait4more() (time.Duration, error) {
	if d.late++; d.late > lateTrys {
		d.state = idle
		return 0, d.verdicts.stuck
	}
	return lateWait, nil
}

// verify reads status and the settings in one transaction. busy means that a
// forced measurement is running; then the settings are as they should be.
func (d *Dev) verify() (busy bool, err error) {
	mode := byte(modeSleep) // to which a forced measurement returns, section 3.3.3
	if d.opts.Mode == Normal {
		mode = modeNormal
	}
	status, err := d.settings(mode)
	if err != nil {
		return false, err
	}
	return d.state == converting && status&statusMeasuring != 0, nil
}

// settings compares the control registers with what they should hold and
// gives the status. While a forced measurement runs, its mode bits still stand.
func (d *Dev) settings(mode byte) (status byte, err error) {
	r := d.r[:lenStatus]
	reg := byte(regStatus)
	if d.opts.Chip == BME280 {
		r, reg = d.r[:lenStatus+1], regCtrlHum
	}
	if err := d.regs.Read(opStatus, reg, r); err != nil {
		return 0, err
	}
	ok := true
	if d.opts.Chip == BME280 {
		ok = r[0]&ctrlHumMask == d.set.ctrlHum
		r = r[1:]
	}
	if r[0]&statusMeasuring != 0 && d.state == converting {
		mode = r[1] & modeMask
	}
	if !ok || r[1] != d.set.ctrlMeas|mode || r[2]&configMask != d.set.config {
		return 0, d.verdicts.brownOut
	}
	return r[0], nil
}

// fetch reads the results in one burst, which keeps them of one measurement
// (section 4), and compensates them into dst.
func (d *Dev) fetch(dst *drivers.Reading) error {
	r := d.r[:lenDataBMP]
	if d.opts.Chip == BME280 {
		r = d.r[:lenDataBME]
	}
	if err := d.regs.Read(opData, regData, r); err != nil {
		return err
	}
	p, t, h := adc20(r), adc20(r[3:]), int64(notMeasured16)
	if d.opts.Chip == BME280 {
		h = adc16(r[6:])
	}
	if len(d.outputs) > 1 && p == notMeasured20 && t == notMeasured20 && h == notMeasured16 {
		return d.verdicts.reset // a skipped quantity holds its reset value anyway
	}
	d.compensate(dst, t, p, h)
	return nil
}

func (d *Dev) compensate(dst *drivers.Reading, t, p, h int64) {
	centi, fine := d.cal.temperature(t)
	dst.Set(d.iT, float64(centi)/100)
	if d.iP >= 0 {
		if q8, ok := d.cal.pressure(p, fine); ok {
			dst.Set(d.iP, float64(q8)/256)
		} else {
			dst.SetBad(d.iP)
		}
	}
	if d.iH >= 0 {
		dst.Set(d.iH, float64(d.cal.humidity(h, fine))/1024)
	}
}

// Init implements drivers.Sensor: identity, reset, calibration, settings. It
// sleeps 2 ms for the start-up, 12 ms at the very most.
func (d *Dev) Init() error {
	d.state = idle
	if err := d.identify(); err != nil {
		return err
	}
	if err := d.reset(); err != nil {
		return err
	}
	if err := d.calibrate(); err != nil {
		return err
	}
	return d.configure()
}

func (d *Dev) identify() error {
	if err := d.regs.Read(opIdentity, regID, d.r[:1]); err != nil {
		return err
	}
	id := d.r[0]
	switch {
	case d.opts.Chip == BME280 && id != idBME280:
		return d.regs.Fail(opIdentity, notBME280(id))
	case d.opts.Chip == BMP280 && (id < idBMP280Sample1 || id > idBMP280):
		return d.regs.Fail(opIdentity, notBMP280(id))
	}
	return nil
}

// reset brings the chip to its power-on state and waits until calibration is
// copied from non-volatile memory (im_update). An error while it restarts
// counts only if it is still there at the end.
func (d *Dev) reset() error {
	if err := d.regs.Write(opReset, regReset, cmdReset); err != nil {
		return err
	}
	var err error
	for range resetTrys {
		time.Sleep(startup)
		if err = d.regs.Read(opReset, regStatus, d.r[:1]); err == nil && d.r[0]&statusImUpdate == 0 {
			return nil
		}
	}
	if err == nil {
		err = d.verdicts.nvm
	}
	return err
}

func (d *Dev) calibrate() error {
	if err := d.regs.Read(opCalibration, regCalibration, d.r[:lenCalibration]); err != nil {
		return err
	}
	d.cal.parseTP(d.r[:])
	if d.opts.Chip == BME280 {
		if err := d.regs.Read(opCalibration, regCalibrationHi, d.r[:lenCalibrationHi]); err != nil {
			return err
		}
		d.cal.parseH(d.r[:])
	}
	if !d.cal.plausible() {
		return d.verdicts.blank
	}
	return nil
}

// configure writes the settings and reads them back. The order matters: config
// may be ignored outside sleep mode (section 5.4.6), and ctrl_hum takes effect
// with the next write of ctrl_meas (section 5.4.3).
func (d *Dev) configure() error {
	if d.opts.Chip == BME280 {
		if err := d.regs.Write(opConfigure, regCtrlHum, d.set.ctrlHum); err != nil {
			return err
		}
	}
	if err := d.regs.Write(opConfigure, regConfig, d.set.config); err != nil {
		return err
	}
	mode := byte(modeSleep)
	if d.opts.Mode == Normal {
		mode = modeNormal
	}
	if err := d.regs.Write(opConfigure, regCtrlMeas, d.set.ctrlMeas|mode); err != nil {
		return err
	}
	if _, err := d.settings(mode); err != nil {
		if err == d.verdicts.brownOut {
			return d.verdicts.readback
		}
		return err
	}
	if d.opts.Mode == Normal {
		d.state = settling
	}
	return nil
}
