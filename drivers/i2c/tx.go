package i2c

import (
	"syscall"
	"unsafe"
)

// Tx writes w to the device at addr and then, after a repeated start, reads
// len(r) bytes. Either may be empty: with no w it only reads, with no r it
// only writes, with neither it sends the bare address with the write bit,
// which a few chips take for a command.
//
// addr above 0x7f is a 10-bit address. w and r are copied and not kept, so
// they may live on the caller's stack; r is untouched when an error is
// returned. The error is an *Error, valid until the next call.
//
// An address that a kernel driver owns is refused with drivers.ErrBusy: the
// kernel itself would let two masters talk to the chip.
func (b *Bus) Tx(addr uint16, w, r []byte) error {
	b.err = Error{Bus: b.path, Addr: addr, Op: operation(w, r), w: len(w), r: len(r)}
	if b.fd < 0 {
		return b.fail(syscall.EBADF)
	}
	if len(w) > MaxTransfer || len(r) > MaxTransfer {
		return b.fail(syscall.EMSGSIZE)
	}
	if errno := b.claim(addr); errno != 0 {
		return b.fail(errno)
	}
	if b.funcs&FuncI2C == 0 {
		return b.txSMBus(w, r)
	}
	return b.txI2C(addr, w, r)
}

// Probe reads one byte from addr and drops it. It finds out whether something
// answers there without writing to it, and gives the error of Tx if not.
// Beware: some chips (SCD4x) empty their output when they are read.
func (b *Bus) Probe(addr uint16) error {
	var one [1]byte
	return b.Tx(addr, nil, one[:])
}

func operation(w, r []byte) string {
	switch {
	case len(r) == 0:
		return opWrite
	case len(w) == 0:
		return opRead
	}
	return opTx
}

func (b *Bus) fail(errno syscall.Errno) error {
	b.err.Errno = errno
	return &b.err
}

// claim makes sure that no kernel driver owns addr, once for each address and
// opening, and names it to the kernel when SMBus calls will follow.
func (b *Bus) claim(addr uint16) syscall.Errno {
	if addr > 0x7f {
		switch {
		case addr > 0x3ff:
			return syscall.EINVAL
		case b.funcs&(FuncI2C|FuncTenBit) != FuncI2C|FuncTenBit:
			return syscall.EAFNOSUPPORT
		}
		return 0 // the kernel's check compares 7-bit addresses only
	}
	bit := uint64(1) << (addr & 63)
	if b.free[addr>>6]&bit != 0 && (b.funcs&FuncI2C != 0 || b.slave == int(addr)) {
		return 0
	}
	if errno := b.sys.value(b.fd, ioctlSlave, uintptr(addr)); errno != 0 {
		b.err.Op = opSelect
		return errno
	}
	b.free[addr>>6] |= bit
	b.slave = int(addr)
	return 0
}

// txI2C makes the transaction as one I2C_RDWR request of one or two messages.
func (b *Bus) txI2C(addr uint16, w, r []byte) error {
	var flags uint16
	if addr > 0x7f {
		flags = flagTenBit
	}
	n := 0
	if len(w) > 0 || len(r) == 0 {
		copy(b.out[:], w)
		b.msgs[n] = message{addr, flags, uint16(len(w)), unsafe.Pointer(&b.out)}
		n++
	}
	if len(r) > 0 {
		b.msgs[n] = message{addr, flags | flagRead, uint16(len(r)), unsafe.Pointer(&b.in)}
		n++
	}
	b.rdwr = rdwrData{unsafe.Pointer(&b.msgs), uint32(n)}
	done, errno := b.object(ioctlRdwr, unsafe.Pointer(&b.rdwr))
	if errno != 0 || done != n {
		return b.fail(errno)
	}
	copy(r, b.in[:len(r)])
	return nil
}

// object makes a request, again when a signal interrupted it: the runtime
// preempts with signals, and some adapters wait interruptibly.
func (b *Bus) object(request uintptr, p unsafe.Pointer) (n int, errno syscall.Errno) {
	for range maxInterrupts {
		if n, errno = b.sys.object(b.fd, request, p); errno != syscall.EINTR {
			break
		}
	}
	return n, errno
}
