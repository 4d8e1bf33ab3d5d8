package bmx280

import (
	"fmt"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bosch"
)

// The steps of the conversation with the chip, for its errors.
const (
	opIdentity    = "read chip id"
	opReset       = "reset"
	opCalibration = "read calibration"
	opConfigure   = "configure"
	opStart       = "start measurement"
	opStatus      = "read status"
	opData        = "read data"
)

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

func (id notBME280) Error() string { return bosch.WrongID(byte(id), "0x60") }
func (id notBMP280) Error() string { return bosch.WrongID(byte(id), "0x58, 0x57 or 0x56") }
func (notBME280) Unwrap() error    { return drivers.ErrIdentity }
func (notBMP280) Unwrap() error    { return drivers.ErrIdentity }
