package i2c

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/telhub/telhub/drivers"
)

// Operations, as they stand in Error.Op.
const (
	opOpen   = "open"
	opSelect = "select" // asking the kernel whether the address is free for us
	opRead   = "read"
	opWrite  = "write"
	opTx     = "write-read"
)

// Error is what went wrong in a transaction. A Bus has one of them and uses
// it again: what Tx returned is valid until the next call of the same Bus.
//
// errors.Is maps Errno to the sentinels of package drivers, as the kernel's
// Documentation/i2c/fault-codes assigns the codes, and to Errno itself.
type Error struct {
	Bus   string // "/dev/i2c-1"
	Addr  uint16
	Op    string        // "open", "select", "read", "write" or "write-read"
	Errno syscall.Errno // 0 when the kernel moved fewer bytes than asked for

	w, r int // lengths of the transaction, for the message
}

// Error names the bus, the address, what was attempted, what the kernel said
// and, where one is known, the cure.
func (e *Error) Error() string {
	if e.Op == opOpen {
		return fmt.Sprintf("%s: open: %v%s", e.Bus, e.Errno, e.cure())
	}
	what := "short read"
	if e.Errno != 0 {
		what = e.Errno.Error()
	}
	return fmt.Sprintf("%s 0x%02x: %s (%d out, %d in): %s%s", e.Bus, e.Addr, e.Op, e.w, e.r, what, e.cure())
}

// cure is a hint for errors whose remedy is known, or nothing.
func (e *Error) cure() string {
	switch {
	case e.Op == opOpen && e.Errno == syscall.EACCES:
		return "; add the user to the group that owns the device, usually i2c"
	case e.Op == opOpen && e.Errno == syscall.ENOENT:
		return "; is the bus enabled and the module i2c-dev loaded?"
	case e.Op == opOpen && e.Errno == syscall.ENOTTY:
		return "; not an I2C adapter"
	case e.Errno == syscall.EBUSY && e.Op == opSelect:
		return "; a kernel driver owns this address: read it through iio or hwmon, or unbind the driver"
	case e.Errno == syscall.EOPNOTSUPP:
		return "; the adapter cannot do this transaction (SMBus adapters: at most 32 bytes, one register byte before a read)"
	case e.Errno == syscall.EAFNOSUPPORT:
		return "; the adapter has no 10-bit addresses"
	case e.Errno == syscall.EMSGSIZE:
		return fmt.Sprintf("; at most %d bytes each way", MaxTransfer)
	}
	return ""
}

// Unwrap gives the errno, so that errors.Is(err, syscall.ENXIO) works.
func (e *Error) Unwrap() error {
	if e.Errno == 0 {
		return nil
	}
	return e.Errno
}

// Is reports whether the error is of target's class.
func (e *Error) Is(target error) bool {
	switch e.Errno {
	case 0:
		return target == drivers.ErrShort
	case syscall.EREMOTEIO:
		return target == drivers.ErrNACK
	case syscall.ENXIO:
		// On open: the node is there, the adapter behind it is not.
		return target == drivers.ErrNACK && e.Op != opOpen || target == drivers.ErrUnplugged && e.Op == opOpen
	case syscall.ETIMEDOUT, syscall.ETIME:
		return target == drivers.ErrTimeout
	case syscall.EIO, syscall.EAGAIN, syscall.EPROTO, syscall.EINTR:
		return target == drivers.ErrBus
	case syscall.EBUSY:
		// In a transfer EBUSY means that the lines were busy for too long;
		// only the address check means that somebody owns the chip.
		return target == drivers.ErrBusy && e.Op != opRead && e.Op != opWrite && e.Op != opTx ||
			target == drivers.ErrBus && e.Op != opSelect && e.Op != opOpen
	case syscall.EBADMSG:
		return target == drivers.ErrCRC
	case syscall.ENODEV, syscall.ENOENT, syscall.EBADF, syscall.ESHUTDOWN:
		return target == drivers.ErrUnplugged
	case syscall.EOPNOTSUPP, syscall.EAFNOSUPPORT:
		return target == errors.ErrUnsupported
	}
	return false
}
