package sysfs

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Above gives the last part but one of what a symbolic link leads to: of
// "../../../1-0076/iio:device0" it is "1-0076", the device that the link's
// own device is part of. It is empty for what is no link.
func (p *Path) Above(buf []byte) []byte {
	at := unix.AT_FDCWD
	n, _, e := unix.Syscall6(unix.SYS_READLINKAT, uintptr(at), uintptr(unsafe.Pointer(&p.b[0])),
		uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0)
	if e != 0 {
		return nil
	}
	to := buf[:n]
	end := -1
	for i := len(to) - 1; i >= 0; i-- {
		switch {
		case to[i] != '/':
		case end < 0:
			end = i
		default:
			return to[i+1 : end]
		}
	}
	return nil
}

// OpenDevice opens a device's node with these flags; the caller closes.
func (p *Path) OpenDevice(flags int) (fd int, err error) { return p.open(flags) }
