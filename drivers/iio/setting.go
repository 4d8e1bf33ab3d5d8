package iio

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// setting is an attribute of a device that is written before it is read.
type setting struct {
	name, step string
	value      []byte
	refused    string // the hint when the device cannot take the value
}

// permit says what to do about a file that may not be written or read.
const permit = "let a udev rule give the device's files to the agent's group"

func newSetting(name, value string) setting {
	available := name + "_available"
	return setting{
		name: name, step: "set " + name, value: []byte(value),
		refused: "the device cannot take " + value + "; what it can, it may tell in " + available,
	}
}

// settings takes "attribute = value" apart; the list was checked.
func settings(list []string) (out []setting) {
	for _, s := range list {
		name, value, _ := attribute(s)
		out = append(out, newSetting(name, value))
	}
	return out
}

// attribute takes "in_accel_scale = 0.0048" apart.
func attribute(s string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(s, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	ok = ok && name != "" && value != "" && !strings.ContainsAny(name, "/ \t\n") && !strings.Contains(value, "\n")
	return name, value, ok
}

// write writes an attribute of the device.
func (d *device) write(s *setting) error {
	n := d.dir.Len()
	err := put(d.dir.Add("/").Add(s.name), s.value)
	d.dir.Cut(n)
	if err == nil {
		return nil
	}
	d.err.There.Reset()
	switch err {
	case unix.ENOENT:
		return d.err.Set(s.step, drivers.ErrIdentity, "the device has no such attribute")
	case unix.EACCES, unix.EPERM, unix.EROFS:
		return d.err.Set(s.step, err, permit)
	case unix.EINVAL, unix.ERANGE:
		return d.err.Set(s.step, err, s.refused)
	case unix.EBUSY:
		return d.err.Set(s.step, drivers.ErrBusy, "another program uses the device's buffer")
	}
	return d.err.Fail(s.step, err)
}

// put writes a file of the kernel's.
func put(p *sysfs.Path, value []byte) error {
	fd, err := p.OpenDevice(unix.O_WRONLY | unix.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, value)
	_ = unix.Close(fd)
	return err
}
