package bmp180

import (
	"fmt"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bosch"
)

const name = "bmp180 0x77"

// The steps of the conversation with the chip, for its errors.
const (
	opIdentity    = "read chip id"
	opCalibration = "read calibration"
	opStart       = "start measurement"
	opResult      = "read result"
)

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

func (id wrongID) Error() string { return bosch.WrongID(byte(id), "0x55") }
func (wrongID) Unwrap() error    { return drivers.ErrIdentity }
