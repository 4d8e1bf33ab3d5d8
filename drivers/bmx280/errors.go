package bmx280

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
		"start measurement", "read status", "read data"}[o]
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
	blank    error // calibration is all zeros or ones
	nvm      error // copying it from non-volatile memory does not end
	readback error // the settings do not stick
	brownOut error // the settings are gone
	reset    error // the data registers hold their reset values
	stuck    error // measuring does not end
}

func (v *verdicts) init(dev string) {
	v.blank = fmt.Errorf("%s: calibration is blank: %w", dev, drivers.ErrInvalid)
	v.nvm = fmt.Errorf("%s: copy of calibration does not end: %w", dev, drivers.ErrTimeout)
	v.readback = fmt.Errorf("%s: settings do not read back as written: %w", dev, drivers.ErrInvalid)
	v.brownOut = fmt.Errorf("%s: settings are gone, the chip lost its supply: %w", dev, drivers.ErrInvalid)
	v.reset = fmt.Errorf("%s: data registers hold their reset values: %w", dev, drivers.ErrInvalid)
	v.stuck = fmt.Errorf("%s: measurement does not end: %w", dev, drivers.ErrTimeout)
}

// notBME280 and notBMP280 are the chip ids seen instead. A single byte becomes
// an error value without allocating.
type (
	notBME280 byte
	notBMP280 byte
)

func (id notBME280) Error() string { return wrongID(byte(id), "0x60") }
func (id notBMP280) Error() string { return wrongID(byte(id), "0x58, 0x57 or 0x56") }
func (notBME280) Unwrap() error    { return drivers.ErrIdentity }
func (notBMP280) Unwrap() error    { return drivers.ErrIdentity }

func wrongID(seen byte, want string) string {
	s := fmt.Sprintf("%v: chip id 0x%02x, expected %s", drivers.ErrIdentity, seen, want)
	if name := chipName(seen); name != "" {
		s += "; this is a " + name
	}
	return s
}

// chipName names Bosch's neighbours at the same addresses, by register 0xD0.
func chipName(id byte) string {
	switch id {
	case idBMP280Sample1, idBMP280Sample2, idBMP280:
		return "bmp280"
	case idBME280:
		return "bme280"
	case 0x55:
		return "bmp180"
	case 0x61:
		return "bme680 or bme688"
	}
	return ""
}
