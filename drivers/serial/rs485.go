package serial

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// RS485 asks the kernel to switch a transceiver's direction with RTS, as
// Documentation/driver-api/serial/serial-rs485.rst describes. USB adapters
// and most boards' RS-485 ports switch by themselves and need none of it.
type RS485 struct {
	// Send is RTS's level while sending: On is high, Off is low, Keep leaves
	// the port in the mode it is in.
	Send Line
	// Before and After are how long RTS stands before the first bit and after
	// the last one; whole milliseconds, up to 100 (the kernel's own bound).
	Before, After time.Duration
	// Hear also receives while sending.
	Hear bool
}

// Flags of struct serial_rs485 (linux/serial.h).
const (
	rs485Enabled      = 1 << 0
	rs485RTSOnSend    = 1 << 1
	rs485RTSAfterSend = 1 << 2
	rs485RXDuringTX   = 1 << 4
)

// maxRS485Delay is the bound to which the kernel clamps delays.
const maxRS485Delay = 100 * time.Millisecond

// serialRS485 is struct serial_rs485.
type serialRS485 struct {
	flags, before, after uint32
	_                    [5]uint32
}

func (r RS485) validate() error {
	if r.Send > Off {
		return fmt.Errorf("rs485 send %d: want Keep, On or Off", r.Send)
	}
	for _, d := range []time.Duration{r.Before, r.After} {
		if d < 0 || d > maxRS485Delay || d%time.Millisecond != 0 {
			return fmt.Errorf("rs485 delay %v: want whole milliseconds up to %v", d, maxRS485Delay)
		}
	}
	return nil
}

// request is what the kernel is told.
func (r RS485) request() serialRS485 {
	k := serialRS485{
		flags:  rs485Enabled | rs485RTSAfterSend,
		before: uint32(r.Before / time.Millisecond), after: uint32(r.After / time.Millisecond),
	}
	if r.Send == On {
		k.flags = rs485Enabled | rs485RTSOnSend
	}
	if r.Hear {
		k.flags |= rs485RXDuringTX
	}
	return k
}

// set switches the port behind fd, if that is wanted.
func (r RS485) set(fd int) error {
	if r.Send == Keep {
		return nil
	}
	k := r.request()
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCSRS485, uintptr(unsafe.Pointer(&k)))
	switch errno {
	case 0:
		return nil
	case unix.ENOTTY, unix.EINVAL, unix.EOPNOTSUPP:
		return fmt.Errorf("rs485: this port's driver cannot switch the direction; "+
			"delete rs485 if the adapter does it by itself, as USB ones do (%v)", errno)
	}
	return fmt.Errorf("rs485: %w", errno)
}
