package i2c

import (
	"encoding/binary"
	"syscall"
	"testing"
	"unsafe"
)

// fakeKernel stands where the system calls are: it reads the request structs
// through the same addresses that a kernel would get and plays a chip with
// 256 registers at each address of chips.
type fakeKernel struct {
	funcs    Functions
	chips    map[uint16]*[256]byte
	owned    map[uint16]bool
	openErr  syscall.Errno
	funcsErr syscall.Errno
	fail     syscall.Errno // answer of the next transactions
	failLeft int           // how many of them fail; -1 is all
	short    bool

	before func() // runs between getting the address and using it

	opens, closes, slaves int
	values                map[uintptr]uintptr
	seen                  []message // of the last rdwr, data copied to data
	data                  [][]byte
	smbus                 smbusData
}

func newFake() *fakeKernel {
	return &fakeKernel{
		funcs: FuncI2C, chips: map[uint16]*[256]byte{}, owned: map[uint16]bool{}, values: map[uintptr]uintptr{},
	}
}

func (k *fakeKernel) calls() calls {
	return calls{open: k.open, close: func(int) { k.closes++ }, value: k.value, object: k.object}
}

func (k *fakeKernel) open(string) (int, syscall.Errno) {
	k.opens++
	return 7, k.openErr
}

func (k *fakeKernel) value(fd int, request, v uintptr) syscall.Errno {
	k.values[request] = v
	if request == ioctlSlave {
		k.slaves++
		if k.owned[uint16(v)] {
			return syscall.EBUSY
		}
	}
	return 0
}

// object holds the address as an integer, as a kernel does, while before
// runs. An address that was true at the call must still be true after it.
func (k *fakeKernel) object(fd int, request uintptr, p unsafe.Pointer) (int, syscall.Errno) {
	address := uintptr(p)
	if k.before != nil {
		k.before()
	}
	p = at(address)
	if request == ioctlFuncs {
		*(*uintptr)(p) = uintptr(k.funcs)
		return 0, k.funcsErr
	}
	if k.fail != 0 && k.failLeft != 0 {
		k.failLeft--
		return -1, k.fail
	}
	if request == ioctlSMBus {
		return k.doSMBus((*smbusData)(p))
	}
	return k.doRdwr((*rdwrData)(p))
}

// at turns an address from outside the runtime's sight into a pointer.
func at(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }

func (k *fakeKernel) doRdwr(d *rdwrData) (int, syscall.Errno) {
	msgs := unsafe.Slice((*message)(d.msgs), d.nmsgs)
	k.seen, k.data = append(k.seen[:0], msgs...), k.data[:0]
	reg := byte(0)
	for _, m := range msgs {
		chip := k.chips[m.addr]
		if chip == nil {
			return -1, syscall.EREMOTEIO
		}
		buf := unsafe.Slice((*byte)(m.buf), m.len)
		if m.flags&flagRead != 0 {
			copy(buf, chip[reg:])
		} else if len(buf) > 0 {
			reg = buf[0]
			copy(chip[reg:], buf[1:])
		}
		k.data = append(k.data, buf)
	}
	if k.short {
		return len(msgs) - 1, 0
	}
	return len(msgs), 0
}

// doSMBus plays the command on the chip of the address set before.
func (k *fakeKernel) doSMBus(d *smbusData) (int, syscall.Errno) {
	k.smbus = *d
	chip := k.chips[uint16(k.values[ioctlSlave])]
	if chip == nil {
		return -1, syscall.ENXIO
	}
	block := unsafe.Slice((*byte)(d.data), 34)
	reg := chip[d.command:]
	read := d.readWrite == smbusRead
	switch {
	case d.size == smbusByte && read:
		block[0] = chip[0]
	case d.size == smbusByteData && read:
		block[0] = reg[0]
	case d.size == smbusByteData:
		reg[0] = block[0]
	case d.size == smbusWordData && read:
		binary.NativeEndian.PutUint16(block, binary.LittleEndian.Uint16(reg))
	case d.size == smbusWordData:
		binary.LittleEndian.PutUint16(reg, binary.NativeEndian.Uint16(block))
	case d.size == smbusI2CBlock && read:
		if k.short {
			block[0]--
		}
		copy(block[1:1+block[0]], reg)
	case d.size == smbusI2CBlock:
		copy(reg, block[1:1+block[0]])
	}
	return 0, 0
}

func mustOpen(t testing.TB, k *fakeKernel, o Options) *Bus {
	t.Helper()
	b, err := open("/dev/i2c-1", o, k.calls())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}
