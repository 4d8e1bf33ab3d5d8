package i2c

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/telhub/telhub/drivers"
)

func TestErrnoBecomesSentinel(t *testing.T) {
	sentinels := []error{
		drivers.ErrNACK, drivers.ErrTimeout, drivers.ErrBus, drivers.ErrShort, drivers.ErrCRC,
		drivers.ErrUnplugged, drivers.ErrBusy, errors.ErrUnsupported,
	}
	for _, tt := range []struct {
		op    string
		errno syscall.Errno
		want  error
	}{
		{opRead, syscall.EREMOTEIO, drivers.ErrNACK}, // i2c-bcm2835
		{opRead, syscall.ENXIO, drivers.ErrNACK},     // the kernel's convention
		{opOpen, syscall.ENXIO, drivers.ErrUnplugged},
		{opRead, syscall.ETIMEDOUT, drivers.ErrTimeout},
		{opRead, syscall.EIO, drivers.ErrBus},
		{opRead, syscall.EAGAIN, drivers.ErrBus},
		{opRead, syscall.EPROTO, drivers.ErrBus},
		{opRead, syscall.EBUSY, drivers.ErrBus},
		{opSelect, syscall.EBUSY, drivers.ErrBusy},
		{opOpen, syscall.EBUSY, drivers.ErrBusy},
		{opRead, syscall.EBADMSG, drivers.ErrCRC},
		{opRead, 0, drivers.ErrShort},
		{opRead, syscall.ENODEV, drivers.ErrUnplugged},
		{opRead, syscall.ESHUTDOWN, drivers.ErrUnplugged},
		{opRead, syscall.EBADF, drivers.ErrUnplugged},
		{opOpen, syscall.ENOENT, drivers.ErrUnplugged},
		{opRead, syscall.EOPNOTSUPP, errors.ErrUnsupported},
		{opRead, syscall.EAFNOSUPPORT, errors.ErrUnsupported},
		{opRead, syscall.EINVAL, nil},
	} {
		err := error(&Error{Bus: "/dev/i2c-1", Addr: 0x48, Op: tt.op, Errno: tt.errno})
		for _, s := range sentinels {
			if got, want := errors.Is(err, s), s == tt.want; got != want {
				t.Errorf("%s %v: is %q: %v, want %v", tt.op, tt.errno, s, got, want)
			}
		}
		if tt.errno != 0 && !errors.Is(err, tt.errno) {
			t.Errorf("%s %v: is not its own errno", tt.op, tt.errno)
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, tt := range []struct{ err, want string }{
		{(&Error{Bus: "/dev/i2c-1", Addr: 0x48, Op: opTx, Errno: syscall.EREMOTEIO, w: 1, r: 2}).Error(),
			"/dev/i2c-1 0x48: write-read (1 out, 2 in): remote I/O error"},
		{(&Error{Bus: "/dev/i2c-1", Addr: 0x48, Op: opRead, r: 2}).Error(), "short read"},
		{(&Error{Bus: "/dev/i2c-1", Addr: 0x48, Op: opSelect, Errno: syscall.EBUSY}).Error(), "iio or hwmon"},
		{(&Error{Bus: "/dev/i2c-1", Op: opOpen, Errno: syscall.EACCES}).Error(), "group"},
		{(&Error{Bus: "/dev/i2c-1", Op: opOpen, Errno: syscall.ENOENT}).Error(), "i2c-dev"},
		{(&Error{Bus: "/dev/i2c-1", Op: opWrite, Errno: syscall.EMSGSIZE}).Error(), "at most 8192 bytes"},
		{(&Error{Bus: "/dev/i2c-1", Op: opTx, Errno: syscall.EOPNOTSUPP}).Error(), "SMBus"},
		{(&Error{Bus: "/dev/i2c-1", Op: opTx, Errno: syscall.EAFNOSUPPORT}).Error(), "10-bit"},
	} {
		if !strings.Contains(tt.err, tt.want) {
			t.Errorf("got %q, want %q in it", tt.err, tt.want)
		}
	}
}
