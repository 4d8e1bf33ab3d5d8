package i2c

import (
	"runtime"
	"syscall"
	"unsafe"
)

// Requests of linux/i2c-dev.h.
const (
	ioctlRetries = 0x0701 // value: how often the core tries again after lost arbitration
	ioctlTimeout = 0x0702 // value: transaction timeout in units of 10 ms
	ioctlSlave   = 0x0703 // value: address for SMBus calls; EBUSY when a kernel driver owns it
	ioctlFuncs   = 0x0705 // pointer to unsigned long
	ioctlRdwr    = 0x0707 // pointer to rdwrData
	ioctlSMBus   = 0x0720 // pointer to smbusData
)

// Flags of i2c_msg (linux/i2c.h).
const (
	flagRead   = 0x0001
	flagTenBit = 0x0010
)

// message is struct i2c_msg. Its pointer is an unsafe.Pointer and not a
// uintptr so that the runtime sees it and keeps it right.
type message struct {
	addr  uint16
	flags uint16
	len   uint16
	buf   unsafe.Pointer
}

// rdwrData is struct i2c_rdwr_ioctl_data.
type rdwrData struct {
	msgs  unsafe.Pointer
	nmsgs uint32
}

// smbusData is struct i2c_smbus_ioctl_data.
type smbusData struct {
	readWrite uint8
	command   uint8
	size      uint32
	data      unsafe.Pointer
}

// The layouts above must be the kernel's: buf, msgs and data start at offset
// 8, pointer size and 8, and the structs have no tail but alignment. A wrong
// layout does not compile, on 64-bit and on 32-bit machines alike.
const (
	ptr = unsafe.Sizeof(unsafe.Pointer(nil))

	_ = -(unsafe.Offsetof(message{}.buf) ^ 8)
	_ = -(unsafe.Sizeof(message{}) ^ (8 + ptr))
	_ = -(unsafe.Offsetof(rdwrData{}.nmsgs) ^ ptr)
	_ = -(unsafe.Sizeof(rdwrData{}) ^ 2*ptr)
	_ = -(unsafe.Offsetof(smbusData{}.size) ^ 4)
	_ = -(unsafe.Offsetof(smbusData{}.data) ^ 8)
	_ = -(unsafe.Sizeof(smbusData{}) ^ (8 + ptr))
)

// calls are the system calls that a Bus makes; tests put their own in.
type calls struct {
	open  func(path string) (fd int, errno syscall.Errno)
	close func(fd int)
	value func(fd int, request, v uintptr) syscall.Errno
	// object passes p, which must point into the heap, and gives the
	// request's result: for rdwr how many messages went through.
	object func(fd int, request uintptr, p unsafe.Pointer) (int, syscall.Errno)
}

// linux are the real system calls.
func linux() calls {
	return calls{open: openDevice, close: closeDevice, value: ioctlValue, object: ioctlObject}
}

func openDevice(path string) (int, syscall.Errno) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
		if err == syscall.EINTR {
			continue
		}
		errno, _ := err.(syscall.Errno)
		return fd, errno
	}
}

// closeDevice ignores the error: after close(2) the descriptor is gone on
// Linux whatever it returned, and nothing is buffered.
func closeDevice(fd int) { _ = syscall.Close(fd) }

func ioctlValue(fd int, request, v uintptr) syscall.Errno {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, v)
	return errno
}

// ioctlObject converts p to an integer in the argument list of Syscall and
// nowhere earlier: only there does the compiler keep what it points to in
// place (unsafe.Pointer, rule 4).
func ioctlObject(fd int, request uintptr, p unsafe.Pointer) (int, syscall.Errno) {
	n, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(p))
	runtime.KeepAlive(p)
	return int(n), errno
}
