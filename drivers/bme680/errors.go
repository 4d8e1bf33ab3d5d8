package bme680

import (
	"fmt"

	"github.com/telhub/telhub/drivers"
)

// op is a step of the conversation with the chip, for its errors.
type op uint8

const (
	opIdentity op = iota
	opReset
	opCalibration
	opConfigure
	opStart
	opStatus
	opData
	numOps
)

func (o op) String() string {
	return [numOps]string{"read chip id", "reset", "read calibration", "configure",
		"start measurement", "read settings", "read data"}[o]
}

// fault is a bus error with the device's name and the step. A Dev has one and
// uses it again, as the bus does with the error that it wraps.
type fault struct {
	dev   string
	op    op
	cause error
}

func (f *fault) Error() string { return f.dev + ": " + f.op.String() + ": " + f.cause.Error() }
func (f *fault) Unwrap() error { return f.cause }

// wrap gives cause the device's name and the step.
func (d *Dev) wrap(o op, cause error) error {
	d.fault.op, d.fault.cause = o, cause
	return &d.fault
}

// verdicts are the errors that do not come from the bus, built once by New.
type verdicts struct {
	notInit  error
	blank    error // calibration is all zeros or ones
	readback error // the settings do not stick
	brownOut error // the settings are gone
	reset    error // the data registers hold their reset values
	stuck    error // measuring does not end
	variant  error // a BME688, whose gas resistance has another formula
}

func newVerdicts(dev string) verdicts {
	return verdicts{
		notInit:  fmt.Errorf("%s: init has not succeeded yet: %w", dev, drivers.ErrNotReady),
		blank:    fmt.Errorf("%s: calibration is blank: %w", dev, drivers.ErrInvalid),
		readback: fmt.Errorf("%s: settings do not read back as written: %w", dev, drivers.ErrInvalid),
		brownOut: fmt.Errorf("%s: settings are gone, the chip lost its supply: %w", dev, drivers.ErrInvalid),
		reset:    fmt.Errorf("%s: data registers hold their reset values: %w", dev, drivers.ErrInvalid),
		stuck:    fmt.Errorf("%s: measurement does not end: %w", dev, drivers.ErrTimeout),
		variant:  fmt.Errorf("%s: %w: this is a bme688; set heater_temperature = 0 to read it without gas resistance", dev, drivers.ErrIdentity),
	}
}

// wrongID is the chip id that was seen instead. A single byte becomes an error
// value without allocating.
type wrongID byte

func (id wrongID) Error() string {
	s := fmt.Sprintf("%v: chip id 0x%02x, expected 0x%02x", drivers.ErrIdentity, byte(id), idBME680)
	switch id { // Bosch's neighbours at the same addresses, by register 0xD0
	case 0x55:
		s += "; this is a bmp180"
	case 0x56, 0x57, 0x58:
		s += "; this is a bmp280"
	case 0x60:
		s += "; this is a bme280"
	}
	return s
}

func (wrongID) Unwrap() error { return drivers.ErrIdentity }
