package sim

import (
	"time"

	"github.com/telhub/telhub/drivers"
)

// FaultKind is what goes wrong on an I2C bus.
type FaultKind uint8

const (
	// None: all is well.
	None FaultKind = iota
	// NACK: nobody acknowledges; drivers.ErrNACK.
	NACK
	// Stuck: the transaction ends with the bus's timeout; drivers.ErrTimeout.
	Stuck
	// Arbitration: the controller lost the bus; drivers.ErrBus.
	Arbitration
	// Short: half of the answer arrives; drivers.ErrShort.
	Short
	// Damaged: the last bit of the answer is flipped and no error is reported,
	// as on a wire: a chip with a CRC shows it, one without lies.
	Damaged
	// Slow: Delay passes before the answer, and it becomes Stuck when that is
	// longer than the bus's timeout.
	Slow
	// Unplugged: the adapter is gone, drivers.ErrUnplugged; at one address, the
	// chip is gone, which looks like NACK. When it ends, what was unplugged has
	// lost its supply and starts from its power-on state.
	Unplugged
)

// Fault is a fault of a bus or of one address on it.
type Fault struct {
	Kind  FaultKind
	Delay time.Duration // of Slow
	Times int           // transactions that it hits before it ends by itself; 0: until cleared
}

// take counts one transaction under the fault and gives what holds for it.
// ended reports that it was the last one.
func (f *Fault) take() (now Fault, ended bool) {
	now = *f
	if f.Kind == None || f.Times == 0 {
		return now, false
	}
	if f.Times--; f.Times == 0 {
		*f = Fault{}
		return now, true
	}
	return now, false
}

// busError is a transport's error: the bus's name and a sentinel of drivers.
type busError struct {
	bus   string
	cause error
}

func (e *busError) Error() string { return e.bus + ": " + e.cause.Error() }
func (e *busError) Unwrap() error { return e.cause }

// busErrors are the errors of one bus, made once so that failing does not allocate.
type busErrors struct {
	nack, timeout, bus, short, unplugged busError
}

func newBusErrors(name string) busErrors {
	return busErrors{
		nack:      busError{name, drivers.ErrNACK},
		timeout:   busError{name, drivers.ErrTimeout},
		bus:       busError{name, drivers.ErrBus},
		short:     busError{name, drivers.ErrShort},
		unplugged: busError{name, drivers.ErrUnplugged},
	}
}
