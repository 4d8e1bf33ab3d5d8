package bmp180

import (
	"fmt"

	"github.com/telhub/telhub/drivers"
)

const name = "bmp180 0x77"

// op is a step of the conversation with the chip, for its errors.
type op uint8

const (
	opIdentity op = iota
	opCalibration
	opStart
	opResult
	numOps
)

func (o op) String() string {
	return [numOps]string{"read chip id", "read calibration", "start measurement", "read result"}[o]
}

// fault is a bus error with the step. A Dev has one and uses it again, as the
// bus does with the error that it wraps.
type fault struct {
	op    op
	cause error
}

func (f *fault) Error() string { return name + ": " + f.op.String() + ": " + f.cause.Error() }
func (f *fault) Unwrap() error { return f.cause }

func (d *Dev) wrap(o op, cause error) error {
	d.fault = fault{o, cause}
	return &d.fault
}

// verdicts are the errors that do not come from the bus, built once by New.
type verdicts struct {
	notInit    error
	blank      error // a word of calibration is all zeros or ones
	brownOut   error // control and data registers hold their reset values
	impossible error // a temperature that cannot be computed
	stuck      error // converting does not end
}

func newVerdicts() verdicts {
	return verdicts{
		notInit:    fmt.Errorf("%s: init has not succeeded yet: %w", name, drivers.ErrNotReady),
		blank:      fmt.Errorf("%s: calibration is blank: %w", name, drivers.ErrInvalid),
		brownOut:   fmt.Errorf("%s: registers hold their reset values, the chip lost its supply: %w", name, drivers.ErrInvalid),
		impossible: fmt.Errorf("%s: no temperature belongs to this result: %w", name, drivers.ErrInvalid),
		stuck:      fmt.Errorf("%s: measurement does not end: %w", name, drivers.ErrTimeout),
	}
}

// wrongID is the chip id that was seen instead. A single byte becomes an error
// value without allocating.
type wrongID byte

func (id wrongID) Error() string {
	s := fmt.Sprintf("%v: chip id 0x%02x, expected 0x%02x", drivers.ErrIdentity, byte(id), idBMP180)
	switch id { // Bosch's neighbours at this address, by register 0xD0
	case 0x56, 0x57, 0x58:
		s += "; this is a bmp280"
	case 0x60:
		s += "; this is a bme280"
	case 0x61:
		s += "; this is a bme680 or bme688"
	}
	return s
}

func (wrongID) Unwrap() error { return drivers.ErrIdentity }
