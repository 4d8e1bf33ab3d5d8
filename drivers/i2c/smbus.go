package i2c

import (
	"encoding/binary"
	"syscall"
	"unsafe"
)

// Transaction types of linux/i2c.h; the kernel calls the field size.
const (
	smbusQuick    = 0
	smbusByte     = 1
	smbusByteData = 2
	smbusWordData = 3
	smbusI2CBlock = 8

	smbusBlockMax = 32
)

// Directions of linux/i2c.h.
const (
	smbusWrite = 0
	smbusRead  = 1
)

// txSMBus makes the transaction with the SMBus command that looks the same on
// the wire. Adapters without plain I2C (most PC chipsets, i2c-stub) know only
// these commands; a shape that none of them has gives EOPNOTSUPP.
func (b *Bus) txSMBus(w, r []byte) error {
	size, ok := b.shape(len(w), len(r))
	if !ok {
		return b.fail(syscall.EOPNOTSUPP)
	}
	b.smbus = smbusData{readWrite: smbusWrite, size: size, data: unsafe.Pointer(&b.block)}
	if len(r) > 0 {
		b.smbus.readWrite = smbusRead
	}
	if len(w) > 0 {
		b.smbus.command = w[0]
	}
	b.fillBlock(size, w, len(r))
	if _, errno := b.object(ioctlSMBus, unsafe.Pointer(&b.smbus)); errno != 0 {
		return b.fail(errno)
	}
	return b.takeBlock(size, r)
}

// shape chooses the command for out bytes written and in bytes read, among
// those that the adapter has.
func (b *Bus) shape(out, in int) (size uint32, ok bool) {
	switch {
	case out == 0 && in == 0:
		return smbusQuick, b.funcs&FuncQuick != 0
	case out == 0 && in == 1:
		return smbusByte, b.funcs&FuncReadByte != 0
	case out == 1 && in == 0:
		return smbusByte, b.funcs&FuncWriteByte != 0
	case out == 1 && in == 1 && b.funcs&FuncReadByteData != 0,
		out == 2 && in == 0 && b.funcs&FuncWriteByteData != 0:
		return smbusByteData, true
	case out == 1 && in == 2 && b.funcs&FuncReadWordData != 0,
		out == 3 && in == 0 && b.funcs&FuncWriteWordData != 0:
		return smbusWordData, true
	case out == 1 && in > 0 && in <= smbusBlockMax:
		return smbusI2CBlock, b.funcs&FuncReadBlock != 0
	case out > 1 && out <= 1+smbusBlockMax && in == 0:
		return smbusI2CBlock, b.funcs&FuncWriteBlock != 0
	}
	return 0, false
}

// fillBlock puts what follows the command byte where the kernel looks for it.
// A word is in the machine's order there and goes out low byte first.
func (b *Bus) fillBlock(size uint32, w []byte, in int) {
	switch {
	case size == smbusI2CBlock && in > 0:
		b.block[0] = byte(in)
	case size == smbusI2CBlock:
		b.block[0] = byte(copy(b.block[1:], w[1:]))
	case size == smbusByteData && in == 0:
		b.block[0] = w[1]
	case size == smbusWordData && in == 0:
		binary.NativeEndian.PutUint16(b.block[:], uint16(w[1])|uint16(w[2])<<8)
	}
}

func (b *Bus) takeBlock(size uint32, r []byte) error {
	switch {
	case len(r) == 0:
	case size == smbusI2CBlock:
		if int(b.block[0]) != len(r) {
			return b.fail(0)
		}
		copy(r, b.block[1:])
	case size == smbusWordData:
		word := binary.NativeEndian.Uint16(b.block[:])
		r[0], r[1] = byte(word), byte(word>>8)
	default:
		r[0] = b.block[0]
	}
	return nil
}
