package bosch

import (
	"fmt"

	"periph.io/x/conn/v3/i2c"

	"github.com/telhub/telhub/drivers"
)

// Registers is a chip's register map on a bus.
type Registers struct {
	bus   i2c.Bus
	addr  uint16
	fault fault
	w     [2]byte // scratch of the bus: here, so that it does not escape per call
}

// fault is an error with the device's name and the step. There is one for each
// Registers, used again, as the bus does with the error that it wraps.
type fault struct {
	device, step string
	cause        error
}

func (f *fault) Error() string { return f.device + ": " + f.step + ": " + f.cause.Error() }
func (f *fault) Unwrap() error { return f.cause }

// NewRegisters makes the registers of a device, whose name its errors begin with.
func NewRegisters(bus i2c.Bus, addr uint16, device string) Registers {
	return Registers{bus: bus, addr: addr, fault: fault{device: device}}
}

// Read fills dst from the registers that begin at reg, with a repeated start.
// Its error wraps what the bus returned and is valid until the next call.
func (r *Registers) Read(step string, reg byte, dst []byte) error {
	r.w[0] = reg
	if err := r.bus.Tx(r.addr, r.w[:1], dst); err != nil {
		return r.Fail(step, err)
	}
	return nil
}

// Write sets one register. Its error is as Read's.
func (r *Registers) Write(step string, reg, value byte) error {
	r.w[0], r.w[1] = reg, value
	if err := r.bus.Tx(r.addr, r.w[:2], nil); err != nil {
		return r.Fail(step, err)
	}
	return nil
}

// Fail gives cause the device's name and the step.
func (r *Registers) Fail(step string, cause error) error {
	r.fault.step, r.fault.cause = step, cause
	return &r.fault
}

// WrongID says that register 0xD0 holds another identity than want, and whose.
func WrongID(seen byte, want string) string {
	s := fmt.Sprintf("%v: chip id 0x%02x, expected %s", drivers.ErrIdentity, seen, want)
	switch seen { // all of the family at the same addresses
	case 0x55:
		s += "; this is a bmp180"
	case 0x56, 0x57, 0x58:
		s += "; this is a bmp280"
	case 0x60:
		s += "; this is a bme280"
	case 0x61:
		s += "; this is a bme680 or bme688"
	}
	return s
}
