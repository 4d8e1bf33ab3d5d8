package drivers

import "errors"

// Errors that callers branch on; drivers wrap them with the device's name.
// NACK and Short concern one device, Timeout and Bus usually the whole bus.
var (
	// ErrNACK: nobody acknowledged the address, or the device refused a byte.
	ErrNACK = errors.New("no acknowledge")
	// ErrTimeout: the bus or the device did not finish in time.
	ErrTimeout = errors.New("timeout")
	// ErrBus: arbitration lost, line stuck, controller error.
	ErrBus = errors.New("bus error")
	// ErrShort: fewer bytes than asked for.
	ErrShort = errors.New("short read")
	// ErrCRC: the answer arrived damaged.
	ErrCRC = errors.New("checksum mismatch")
	// ErrIdentity: another chip answers at this address.
	ErrIdentity = errors.New("wrong device")
	// ErrNotReady: the device says that it has no new value yet.
	ErrNotReady = errors.New("not ready")
	// ErrInvalid: the device answered with its mark for "not measured".
	ErrInvalid = errors.New("not measured")
	// ErrUnplugged: the adapter or port is gone; reopening may bring it back.
	ErrUnplugged = errors.New("unplugged")
	// ErrBusy: a kernel driver owns the address, or another process the port.
	ErrBusy = errors.New("in use by another driver or process")
)
