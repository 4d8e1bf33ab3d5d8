package profile

import (
	"fmt"

	"github.com/telhub/telhub/drivers"
)

// Error says at which step of which profile something went wrong. A Device
// has one of them and uses it again: it is valid until the device's, or its
// bus's, next call.
type Error struct {
	Profile string
	Addr    uint16
	Step    string // "identify", "init[0]", "read[1].poll"
	Err     error  // what the bus said, or a sentinel of package drivers

	// What was seen and what was wanted, when Err is ErrIdentity, ErrCRC or
	// the ErrTimeout of a poll.
	Seen, Want, Mask uint64

	compared, differs bool
}

// Error names chip, address and step, and what was seen and wanted.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s 0x%02x: %s: %v", e.Profile, e.Addr, e.Step, e.Err)
	if !e.compared {
		return s
	}
	not := ""
	if e.differs {
		not = "anything but "
	}
	s += fmt.Sprintf(": got 0x%02X, want %s0x%02X", e.Seen, not, e.Want)
	if e.Mask != 0 {
		s += fmt.Sprintf(" (mask 0x%02X)", e.Mask)
	}
	return s
}

// Unwrap gives Err.
func (e *Error) Unwrap() error { return e.Err }

// fail makes the device's error of a step's.
func (d *Device) fail(o *op, err error) error {
	d.err = Error{Profile: d.prog.name, Addr: d.addr, Step: o.path, Err: err}
	return &d.err
}

// failCompared does the same for an answer that was not the wanted one.
func (d *Device) failCompared(o *op, err error, seen uint64) error {
	_ = d.fail(o, err)
	d.err.Seen, d.err.Want, d.err.compared, d.err.differs = seen, o.check.values[0], true, o.check.differs
	if f := &o.check.field; f.mask != f.ones() {
		d.err.Mask = f.mask
	}
	return &d.err
}

// failChecksum does the same for a checksum. Where a valid checksum is the
// only proof of identity, a wrong one means another chip.
func (d *Device) failChecksum(o *op, want, got uint16) error {
	err := drivers.ErrCRC
	if o.kind == opCheck && len(o.check.values) == 0 {
		err = drivers.ErrIdentity
	}
	_ = d.fail(o, err)
	d.err.Seen, d.err.Want, d.err.compared = uint64(got), uint64(want), true
	return &d.err
}
