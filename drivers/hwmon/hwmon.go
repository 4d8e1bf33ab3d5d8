package hwmon

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// class is where the kernel lists the chips.
const class = "/sys/class/hwmon"

// Sensor is one chip. It satisfies drivers.Sensor.
type Sensor struct {
	root, chip, device string

	channels []channel
	outputs  []drivers.Output
	files    []sysfs.File // two for each channel: value and fault

	walk   sysfs.Class
	labels sysfs.Dir
	path   sysfs.Path // the chip's directory, found by Init
	err    sysfs.Error
	buf    [64]byte
	label  [64]byte
}

// channel is how an output is read.
type channel struct {
	key
	value, fault *sysfs.File
	step         string // "read temp1", for errors
	wanted       bool
	optional     bool // the chip need not have it
}

var _ drivers.Varied = (*Sensor)(nil)

// New makes the sensor. It opens nothing.
func New(o Options) (*Sensor, error) {
	if o.Chip == "" || strings.ContainsAny(o.Chip, "/ \n") {
		return nil, fmt.Errorf("hwmon: chip %q: want what the file name of the chip says, as in chip = \"lm75\"; cat /sys/class/hwmon/*/name lists them", o.Chip)
	}
	if strings.Contains(o.Device, "/") {
		return nil, fmt.Errorf("hwmon: device %q: want only the last part of the device's path, as in device = \"1-0048\"", o.Device)
	}
	list, err := o.declare()
	if err != nil {
		return nil, fmt.Errorf("hwmon: %w", err)
	}
	s := &Sensor{root: o.Root, chip: o.Chip, device: o.Device, channels: list.channels, outputs: list.outputs}
	s.files = make([]sysfs.File, 2*len(s.channels))
	for i := range s.channels {
		c := &s.channels[i]
		c.value, c.fault = &s.files[2*i], &s.files[2*i+1]
		c.wanted = o.Only == nil || slices.Contains(o.Only, s.outputs[i].Name)
		c.step = "read " + c.text()
	}
	s.err.Subject = "hwmon " + o.Chip
	if o.Device != "" {
		s.err.Subject += " " + o.Device
	}
	sysfs.Own(s, s.files)
	return s, nil
}

// text gives the key as the user writes it.
func (k *key) text() string {
	switch {
	case k.label != "":
		return k.stem + ":" + k.label
	case k.attr == "input" || k.attr == "":
		return k.stem
	}
	return k.stem + "_" + k.attr
}

// Outputs implements drivers.Sensor.
func (s *Sensor) Outputs() []drivers.Output { return s.outputs }

// Varies implements drivers.Varied: chips of one name need not have all that
// is known of them, but all that was declared.
func (s *Sensor) Varies() bool { return s.channels[0].optional }

// Init implements drivers.Sensor: it finds the chip and opens its files.
func (s *Sensor) Init() error {
	for i := range s.files {
		s.files[i].Close()
	}
	if err := s.find(); err != nil {
		return err
	}
	opened := 0
	var missing error
	for i := range s.channels {
		c := &s.channels[i]
		if !c.wanted {
			continue
		}
		if err := s.open(c); err == nil {
			opened++
		} else if missing = err; !c.optional {
			return err
		}
	}
	if opened == 0 {
		return missing
	}
	return nil
}

// find goes to the directory of the chip and makes sure that there is one.
func (s *Sensor) find() error {
	s.err.There.Reset()
	if err := s.walk.Walk(s.root, class, "hwmon", "name"); err != nil {
		return s.err.Set("find", sysfs.Sentinel(err), "there is no "+class+"; the kernel was built without hwmon, or no driver is loaded")
	}
	found := 0
	for s.walk.Next() {
		if !s.walk.Is(s.chip, s.device) {
			continue
		}
		found++
		s.path.Root("").AddBytes(s.walk.Path.Bytes())
		s.err.There.Add(s.walk.Value, s.walk.Device)
	}
	switch found {
	case 1:
		return nil
	case 0:
		s.list()
		return s.err.Set("find", drivers.ErrUnplugged, "load its driver (a dtoverlay, or modprobe); the kernel has ")
	}
	return s.err.Set("find", drivers.ErrIdentity, "several chips have this name; choose one with device, what stands in brackets: ")
}

// list gathers which chips there are.
func (s *Sensor) list() {
	s.err.There.Reset()
	if s.walk.Walk(s.root, class, "hwmon", "name") == nil {
		for s.walk.Next() {
			s.err.There.Add(s.walk.Value, s.walk.Device)
		}
	}
	if s.err.There.Empty() {
		s.err.There.Add([]byte("none"), nil)
	}
}

// open opens the files of a channel.
func (s *Sensor) open(c *channel) error {
	n := s.path.Len()
	defer s.path.Cut(n)
	var number [8]byte
	digits := number[:0]
	if c.label != "" {
		if digits = s.labelled(c, number[:0]); digits == nil {
			s.path.Cut(n)
			return s.err.Set(c.step, drivers.ErrIdentity, "not exactly one channel has this label; write a number as in temp1, or one of ")
		}
	}
	s.path.Cut(n).Add("/").Add(c.stem).AddBytes(digits)
	if c.attr != "" {
		s.path.Add("_").Add(c.attr)
	}
	if err := c.value.Open(&s.path); err != nil {
		s.err.There.Reset()
		if sysfs.Sentinel(err) == drivers.ErrUnplugged {
			return s.err.Set(c.step, drivers.ErrIdentity, "the chip has no such channel; see the names of the files in its directory under "+class)
		}
		return s.err.Fail(c.step, err)
	}
	if c.attr == "input" { // a fault concerns what is measured, not limits and alarms
		_ = c.fault.Open(s.path.Cut(n).Add("/").Add(c.stem).AddBytes(digits).Add("_fault")) // few channels have one
	}
	return nil
}

// labelled finds the number of the one channel that has c's label and appends
// its digits; nil if there is none or several, and then err lists the labels.
func (s *Sensor) labelled(c *channel, digits []byte) []byte {
	n, found := s.path.Len(), 0
	s.err.There.Reset()
	if s.labels.Open(&s.path) != nil {
		return nil
	}
	for name := s.labels.Next(); name != nil; name = s.labels.Next() {
		if len(name) <= len(c.stem) || string(name[:len(c.stem)]) != c.stem {
			continue
		}
		_, rest, ok := sysfs.Uint(name[len(c.stem):])
		if !ok || string(rest) != "_label" {
			continue
		}
		label, err := s.path.Cut(n).Add("/").AddBytes(name).Read(s.label[:])
		if err != nil {
			continue
		}
		if string(label) == c.label {
			found++
			digits = append(digits[:0], name[len(c.stem):len(name)-len(rest)]...)
		}
		s.err.There.Add(label, name[:len(name)-len(rest)])
	}
	if found != 1 {
		return nil
	}
	return digits
}

// Read implements drivers.Sensor. It never asks for a wait: the kernel's
// driver measures within the call, or has measured already.
func (s *Sensor) Read(dst *drivers.Reading) (time.Duration, error) {
	for i := range s.channels {
		c := &s.channels[i]
		if !c.wanted || !c.value.IsOpen() {
			continue
		}
		if err := s.read(c, i, dst); err != nil {
			return 0, s.err.Fail(c.step, err)
		}
	}
	return 0, nil
}

// read takes one channel's value. An error concerns the whole chip.
func (s *Sensor) read(c *channel, i int, dst *drivers.Reading) error {
	if c.fault.IsOpen() {
		if n, err := c.fault.Int(s.buf[:]); err == nil && n != 0 {
			dst.SetBad(i)
			return nil
		}
	}
	n, err := c.value.Int(s.buf[:])
	switch {
	case err == nil:
		dst.Set(i, c.kind.value(n))
	case sysfs.Sentinel(err) == drivers.ErrInvalid:
		dst.SetBad(i)
	default:
		return err
	}
	return nil
}
