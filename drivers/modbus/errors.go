package modbus

import (
	"fmt"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/profile"
)

// What is known better than that there was no answer.
var (
	errEcho = fmt.Errorf("no answer, only the request itself came back; if the adapter hears what it sends, that is all right: %w", drivers.ErrTimeout)
	errOwed = fmt.Errorf("not asked: answers to earlier requests may still come: %w", drivers.ErrNotReady)
	// A line in the other kind of frame. Neither can be mistaken for the other.
	errIsTCP = fmt.Errorf("the answer is a Modbus TCP frame: delete framing = \"rtu\" from the bus: %w", drivers.ErrShort)
	errIsRTU = fmt.Errorf("the answer is a Modbus RTU frame: write framing = \"rtu\" under the bus: %w", drivers.ErrShort)
)

// Error says which request of which device went wrong. A Device has one of
// them and uses it again: it is valid until the device's next call.
type Error struct {
	Profile   string
	Unit      uint8
	Block     profile.Block
	Exception uint8 // that the device answered with; 0 is none
	Err       error // a sentinel of package drivers, or what the line said

	Seen, Want uint64 // when Err is ErrIdentity
	compared   bool
}

// Error names the device, the request, what went wrong and, where one is
// known, the cure.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s unit %d: %s %d", e.Profile, e.Unit, tableName(e.Block.Table), e.Block.Addr)
	if e.Block.Count > 1 {
		s += fmt.Sprintf(" to %d", uint32(e.Block.Addr)+uint32(e.Block.Count)-1)
	}
	if e.Exception != 0 {
		return fmt.Sprintf("%s: exception %d, %s", s, e.Exception, exceptionText(e.Exception))
	}
	s += fmt.Sprintf(": %v", e.Err)
	if e.compared {
		s += fmt.Sprintf(": got 0x%02X, want 0x%02X", e.Seen, e.Want)
	}
	return s
}

// Unwrap gives Err.
func (e *Error) Unwrap() error { return e.Err }

// fail makes the device's error of what went wrong with a block.
func (d *Device) fail(b *profile.Block, err error) error {
	d.err = Error{Profile: d.prog.Name(), Unit: d.unit, Block: *b, Err: err}
	return &d.err
}

func tableName(t profile.Table) string {
	switch t {
	case profile.Coils:
		return "coil"
	case profile.DiscreteInputs:
		return "discrete input"
	case profile.Holding:
		return "holding register"
	}
	return "input register"
}

// exceptionError classifies an exception code (application protocol, section 7).
func exceptionError(code uint8) error {
	switch code {
	case 5, 6:
		return drivers.ErrNotReady
	case 10, 11:
		return drivers.ErrNACK
	}
	return drivers.ErrInvalid
}

// exceptionText says what a code means, and what to do about it.
func exceptionText(code uint8) string {
	switch code {
	case 1:
		return "illegal function: the device does not know this kind of request; is it another model?"
	case 2:
		return "illegal data address: the device has no such register; leave its outputs out with only, or use another profile"
	case 3:
		return "illegal data value: the device refuses to read so many registers at once; set max_registers in the profile"
	case 4:
		return "device failure"
	case 5:
		return "acknowledge: the device needs more time"
	case 6:
		return "device busy"
	case 8:
		return "memory parity error"
	case 10:
		return "gateway path unavailable: the gateway has no line for this unit_id"
	case 11:
		return "gateway target failed to respond: check unit_id, wiring and power of the device behind the gateway"
	}
	return "unknown code"
}
