package bme680

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
	opStatus      = "read settings"
	opData        = "read data"
)

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

func (id wrongID) Error() string { return bosch.WrongID(byte(id), "0x61") }
func (wrongID) Unwrap() error    { return drivers.ErrIdentity }
