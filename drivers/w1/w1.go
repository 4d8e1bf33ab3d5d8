package w1

import (
	"fmt"
	"strings"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// devices is where the kernel lists what is on its 1-Wire buses.
const devices = "/sys/bus/w1/devices"

// Options say which thermometer.
type Options struct {
	Root string // where /sys is; "" is /
	ID   string // its ROM number as the kernel writes it: "28-0316a2795dff"; "" is the only one
}

// Sensor is one thermometer. It satisfies drivers.Sensor.
type Sensor struct {
	root, id string
	outputs  [1]drivers.Output
	files    []sysfs.File

	family uint8 // of the device that Init found
	last   int64 // the reading before in m°C, where before
	before bool

	path  sysfs.Path
	list  sysfs.Dir
	found [idLen]byte
	err   sysfs.Error
	buf   [256]byte // w1_slave has 75 characters
}

// idLen is the length of a ROM number: family, dash, 48 bits in hexadecimal.
const idLen = 2 + 1 + 12

var _ drivers.Sensor = (*Sensor)(nil)

// New makes the sensor. It opens nothing.
func New(o Options) (*Sensor, error) {
	id := strings.ToLower(o.ID)
	if _, ok := parseID([]byte(id)); id != "" && !ok {
		return nil, fmt.Errorf("w1: id %q: want the ROM number of a thermometer as the kernel writes it: family 10, 22, 28, 3b or 42, a dash and "+
			"12 hexadecimal digits, as in 28-0316a2795dff; ls %s lists them", o.ID, devices)
	}
	s := &Sensor{root: o.Root, id: id, files: make([]sysfs.File, 1)}
	s.outputs[0] = drivers.Output{Name: "temperature", Unit: "Cel", Resolution: 0.0625}
	s.err.Subject = "w1"
	if id != "" {
		s.err.Subject += " " + id
	}
	sysfs.Own(s, s.files)
	return s, nil
}

// parseID tells the family of a thermometer's ROM number.
func parseID(id []byte) (family uint8, ok bool) {
	if len(id) != idLen || id[2] != '-' {
		return 0, false
	}
	family, rest, _ := sysfs.Hex(id)
	if len(rest) != idLen-2 || !thermometer(family) {
		return 0, false
	}
	for i := 3; i < idLen; i++ {
		if _, rest, ok := sysfs.Hex(id[i : i+1]); !ok || len(rest) > 0 {
			return 0, false
		}
	}
	return family, true
}

// Outputs implements drivers.Sensor.
func (s *Sensor) Outputs() []drivers.Output { return s.outputs[:] }

// Init implements drivers.Sensor: it finds the device. The first reading of
// 85 °C after it is not believed.
func (s *Sensor) Init() error {
	s.before = false
	s.files[0].Close()
	count, err := s.find()
	if err != nil {
		return s.err.Set("find", sysfs.Sentinel(err), "the kernel has no 1-Wire bus; enable one, as with dtoverlay=w1-gpio on a Raspberry Pi")
	}
	switch {
	case count == 0 && s.err.There.Empty():
		return s.err.Set("find", drivers.ErrUnplugged, "no thermometer on any 1-Wire bus; check its supply, the data line and the pull-up of 4.7 kΩ")
	case count == 0:
		return s.err.Set("find", drivers.ErrUnplugged, "it is not on the bus; there are ")
	case count > 1:
		return s.err.Set("find", drivers.ErrIdentity, "several thermometers are on the bus; choose one with id: ")
	}
	s.family, _ = parseID(s.found[:])
	s.err.There.Reset()
	n := s.path.Root(s.root).Add(devices).Add("/").AddBytes(s.found[:]).Len()
	err = s.files[0].Open(s.path.Add("/w1_slave"))
	if err != nil {
		err = s.files[0].Open(s.path.Cut(n).Add("/temperature"))
	}
	if sysfs.Sentinel(err) == drivers.ErrUnplugged {
		return s.err.Set("open", drivers.ErrUnplugged, "the device is there and its driver is not; modprobe w1_therm")
	} else if err != nil {
		return s.err.Fail("open", err)
	}
	return nil
}

// find looks for the device, lists the thermometers that there are, and counts
// those that it may be.
func (s *Sensor) find() (count int, err error) {
	s.err.There.Reset()
	if err := s.list.Open(s.path.Root(s.root).Add(devices)); err != nil {
		return 0, err
	}
	for name := s.list.Next(); name != nil; name = s.list.Next() {
		if _, ok := parseID(name); !ok {
			continue
		}
		s.err.There.Add(name, nil)
		if s.id == "" || string(name) == s.id {
			copy(s.found[:], name)
			count++
		}
	}
	return count, nil
}

// Read implements drivers.Sensor. It lasts as long as the conversion.
func (s *Sensor) Read(dst *drivers.Reading) (time.Duration, error) {
	text, err := s.files[0].Read(s.buf[:])
	if err != nil {
		return 0, s.err.Fail("read", err)
	}
	m, err := parse(text)
	if err == drivers.ErrInvalid {
		dst.SetBad(0)
		return 0, nil
	} else if err != nil {
		return 0, s.err.Fail("read", err)
	}
	if m.known && m.pad == [9]uint8{} {
		return 0, s.err.Set("read", drivers.ErrBus, "nothing but zeros came; the data line is shorted to ground")
	}
	if m.plausible(s.family, s.last, s.before) {
		dst.Set(0, m.celsius())
	} else {
		dst.SetBad(0)
	}
	s.last, s.before = m.milli, true
	return 0, nil
}
