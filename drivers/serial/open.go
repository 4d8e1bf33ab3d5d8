package serial

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	goserial "go.bug.st/serial"
	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
)

// open finds the device behind path, takes it exclusively and configures it.
func open(path string, opt Options) (*conn, error) {
	device, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, openError(path, path, err)
	}
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, openError(path, device, err)
	}
	warning, err := prepare(fd, device, opt)
	if err != nil {
		unix.Close(fd)
		return nil, openError(path, device, err)
	}
	c, err := newConn(fd, device)
	if err != nil {
		return nil, openError(path, device, err)
	}
	c.warning = warning
	return c, nil
}

// prepare does, in this order: make sure that it is a terminal, lock it, stop
// the kernel from dropping DTR at the next close, set the mode, mark it
// exclusive, switch to RS-485 and set the modem lines if they are wanted.
func prepare(fd int, device string, opt Options) (warning string, err error) {
	attr, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return "", err
	}
	if err := lock(fd); err != nil {
		return "", err
	}
	// Without HUPCL the lines keep their level over a close, so that the next
	// open is no reset pulse for an Arduino.
	attr.Cflag &^= unix.HUPCL
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, attr); err != nil {
		return "", err
	}
	if err := configure(device, opt.Mode); err != nil {
		return "", err
	}
	if err := unix.IoctlSetInt(fd, unix.TIOCEXCL, 0); err != nil {
		return "", err
	}
	if err := opt.RS485.set(fd); err != nil {
		return "", err
	}
	return setLines(fd, opt)
}

// lock keeps others out and finds out whether others are in: flock for
// programs that also use it, the terminal's exclusive mark for the rest. Root
// is not stopped by that mark, so we look at it instead of trusting open(2).
func lock(fd int) error {
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if err == unix.EWOULDBLOCK {
			return unix.EBUSY
		}
		return err
	}
	if taken, err := unix.IoctlGetInt(fd, unix.TIOCGEXCL); err == nil && taken != 0 {
		return unix.EBUSY
	}
	return nil
}

// configure lets the library set raw mode, character format and any baud rate.
// These belong to the terminal and stay when the library's own descriptor is
// closed again.
func configure(device string, m Mode) error {
	port, err := goserial.Open(device, m.library())
	if err != nil {
		return fmt.Errorf("mode %q: %w", m, err)
	}
	return port.Close()
}

// setLines sets DTR and RTS as far as wanted. A port without modem lines (a
// pseudo-terminal, some SoC UARTs) answers ENOTTY or EINVAL, which is no
// reason not to use it.
func setLines(fd int, opt Options) (warning string, err error) {
	for _, l := range []struct {
		name string
		want Line
		bit  int
	}{{"DTR", opt.DTR, unix.TIOCM_DTR}, {"RTS", opt.RTS, unix.TIOCM_RTS}} {
		if l.want == Keep {
			continue
		}
		request := uint(unix.TIOCMBIS)
		if l.want == Off {
			request = unix.TIOCMBIC
		}
		err := unix.IoctlSetPointerInt(fd, request, l.bit)
		switch {
		case err == unix.ENOTTY || err == unix.EINVAL:
			warning = "the port has no modem lines; dtr and rts are not set"
		case err != nil:
			return "", fmt.Errorf("set %s: %w", l.name, err)
		}
	}
	return warning, nil
}

// openError says what is wrong and what to do about it.
func openError(path, device string, err error) error {
	name := path
	if device != path {
		name = path + " (" + device + ")"
	}
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV), errors.Is(err, unix.EIO):
		return fmt.Errorf("serial %s: no such port%s: %w", name, present(), drivers.ErrUnplugged)
	case errors.Is(err, unix.EBUSY), hasCode(err, goserial.PortBusy):
		return fmt.Errorf("serial %s: %w%s", name, drivers.ErrBusy, holders("/proc", device))
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), hasCode(err, goserial.PermissionDenied):
		return fmt.Errorf("serial %s: add the user to the port's group, usually dialout: %w", name, os.ErrPermission)
	case errors.Is(err, unix.ENOTTY):
		return fmt.Errorf("serial %s: not a serial port: %w", name, err)
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return fmt.Errorf("serial %s: raise LimitNOFILE of the service: %w", name, err)
	}
	return fmt.Errorf("serial %s: %w", name, err)
}

func hasCode(err error, code goserial.PortErrorCode) bool {
	var pe *goserial.PortError
	return errors.As(err, &pe) && pe.Code() == code
}

// present names the ports that are there, for somebody who mistyped one.
func present() string {
	ports, err := List("/")
	if err != nil || len(ports) == 0 {
		return "; no port is plugged in"
	}
	const most = 4
	var names []string
	for _, p := range ports[:min(len(ports), most)] {
		names = append(names, p.Path)
	}
	if len(ports) > most {
		names = append(names, "…")
	}
	return "; present: " + strings.Join(names, ", ")
}

// holders says which processes have device open, as far as we may look, and
// what to do. The attempt that just failed must have closed its descriptor.
func holders(proc, device string) string {
	var found []string
	pids, _ := filepath.Glob(filepath.Join(proc, "[0-9]*"))
	for _, dir := range pids {
		n := 0
		fds, _ := os.ReadDir(filepath.Join(dir, "fd"))
		for _, fd := range fds {
			if to, err := os.Readlink(filepath.Join(dir, "fd", fd.Name())); err == nil && to == device {
				n++
			}
		}
		if n == 0 {
			continue
		}
		found = append(found, text(filepath.Join(dir, "comm"))+" (pid "+filepath.Base(dir)+")")
	}
	if len(found) == 0 {
		return "; stop what uses it (a getty, gpsd, ModemManager?) or choose another port"
	}
	return ": held by " + strings.Join(found, ", ") + "; stop it or choose another port"
}
