package sysfs

import (
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
)

// File is one file that is held open. The zero value is closed.
type File struct {
	fd1  int // descriptor + 1, so that the zero value is closed
	stat unix.Stat_t
}

// Open opens what p names, after closing what was open.
func (f *File) Open(p *Path) error {
	f.Close()
	fd, err := p.open(unix.O_RDONLY)
	if err != nil {
		return err
	}
	f.fd1 = fd + 1
	return nil
}

// IsOpen reports whether there is something to read.
func (f *File) IsOpen() bool { return f.fd1 != 0 }

// Close closes the file; it may be closed already.
func (f *File) Close() {
	if f.fd1 != 0 {
		_ = unix.Close(f.fd1 - 1)
		f.fd1 = 0
	}
}

// Read reads the file from its beginning into buf and returns its text
// without line end. ENODEV, which the kernel gives for a device that has gone,
// stands for a closed file, too, and for one that was removed.
func (f *File) Read(buf []byte) ([]byte, error) {
	if f.fd1 == 0 {
		return nil, unix.ENODEV
	}
	n, err := pread(f.fd1-1, buf)
	if err != nil {
		return nil, err
	}
	// The kernel's own files tell that they have gone by an error; copies of
	// them, as tests and containers have, only by having no name any more.
	if unix.Fstat(f.fd1-1, &f.stat) == nil && f.stat.Nlink == 0 {
		return nil, unix.ENODEV
	}
	return Line(buf[:n]), nil
}

// Int reads a file that holds one number.
func (f *File) Int(buf []byte) (int64, error) {
	text, err := f.Read(buf)
	if err != nil {
		return 0, err
	}
	n, ok := Int(text)
	if !ok {
		return 0, unix.EINVAL
	}
	return n, nil
}

func pread(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Pread(fd, buf, 0)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// Own has files closed when their owner, in which they must not lie, is
// garbage: sensors have no Close.
func Own[T any](owner *T, files []File) {
	runtime.AddCleanup(owner, closeAll, files)
}

func closeAll(files []File) {
	for i := range files {
		files[i].Close()
	}
}

// Sentinel translates an error of the kernel to one of package drivers. What
// a driver answers while it has no valid value (EAGAIN, ENODATA, EINVAL,
// ERANGE) is ErrInvalid; what it could not read at all is the bus's error.
func Sentinel(err error) error {
	switch err {
	case unix.ENODEV, unix.ENOENT, unix.ENOTDIR, unix.ENAMETOOLONG, unix.ESHUTDOWN:
		return drivers.ErrUnplugged
	case unix.ENXIO, unix.EREMOTEIO:
		return drivers.ErrNACK
	case unix.ETIMEDOUT:
		return drivers.ErrTimeout
	case unix.EAGAIN, unix.ENODATA, unix.EINVAL, unix.ERANGE, unix.EOPNOTSUPP:
		return drivers.ErrInvalid
	case unix.EBADMSG:
		return drivers.ErrCRC
	case unix.EBUSY:
		return drivers.ErrBusy
	case unix.EIO, unix.EPROTO:
		return drivers.ErrBus
	}
	return err
}
