package pipeline

import (
	"errors"
	"sync"

	"github.com/telhub/telhub/drivers"
)

// ErrorKind classifies what went wrong with a sensor; it is the label "kind"
// of sensor_errors_total.
type ErrorKind uint8

// The kinds of error.
const (
	NACK ErrorKind = iota
	Timeout
	BusError
	CRC
	Invalid
	Identity
	Short
	Unplugged
	Busy
	Other

	ErrorKinds = 10 // how many kinds there are
)

// String gives the word used as a metric label.
func (k ErrorKind) String() string {
	switch k {
	case NACK:
		return "nack"
	case Timeout:
		return "timeout"
	case BusError:
		return "bus"
	case CRC:
		return "crc"
	case Invalid:
		return "invalid"
	case Identity:
		return "identity"
	case Short:
		return "short"
	case Unplugged:
		return "unplugged"
	case Busy:
		return "busy"
	}
	return "other"
}

// classify names the kind of a driver's error without allocating.
func classify(err error) ErrorKind {
	switch {
	case errors.Is(err, drivers.ErrNACK):
		return NACK
	case errors.Is(err, drivers.ErrTimeout):
		return Timeout
	case errors.Is(err, drivers.ErrBus):
		return BusError
	case errors.Is(err, drivers.ErrCRC):
		return CRC
	case errors.Is(err, drivers.ErrInvalid):
		return Invalid
	case errors.Is(err, drivers.ErrIdentity):
		return Identity
	case errors.Is(err, drivers.ErrShort):
		return Short
	case errors.Is(err, drivers.ErrUnplugged):
		return Unplugged
	case errors.Is(err, drivers.ErrBusy):
		return Busy
	}
	return Other
}

// transient reports whether asking again at once may help. A timeout is not
// among them: each one may stall the neighbours for as long as it lasts.
func (k ErrorKind) transient() bool {
	return k == NACK || k == BusError || k == CRC || k == Short
}

// wholeBus reports whether the error usually concerns every device of a bus.
func (k ErrorKind) wholeBus() bool { return k == Timeout || k == BusError || k == Unplugged }

// silence reports whether nothing came from the device.
func (k ErrorKind) silence() bool { return k == NACK || k.wholeBus() }

// quality is the status of a sensor's channels after such an error: bad if the
// device answered, lost if it did not.
func (k ErrorKind) quality() drivers.Quality {
	switch k {
	case CRC, Invalid, Identity, Short:
		return drivers.Bad
	}
	return drivers.Lost
}

// errorText keeps the text of the last error, bounded and without allocating:
// drivers reuse their error values, so the value itself cannot be kept.
type errorText struct {
	mu   sync.Mutex // guards the rest
	text [192]byte
	n    int
}

func (t *errorText) set(err error) {
	s := err.Error()
	t.mu.Lock()
	t.n = copy(t.text[:], s)
	t.mu.Unlock()
}

func (t *errorText) get() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text[:t.n])
}
