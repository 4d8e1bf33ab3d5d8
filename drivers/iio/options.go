package iio

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// Options say which device and what of it.
type Options struct {
	Root     string   // where /sys and /dev are; "" is /
	Chip     string   // what the device's file name says: "bme280"
	Device   string   // which one, where several have the name: "1-0076", a label, "iio:device0"
	Channels []string // the outputs are called like them: "temp", "accel_x"
	Outputs  []Output // channels under names of the user's
	Only     []string // outputs that somebody wants; nil is all
	Set      []string // attributes to be written first: "in_accel_scale = 0.0048"

	Buffer Buffer
}

// Buffer are the settings of the buffered mode. Zero leaves each to the kernel
// or to the package.
type Buffer struct {
	Frequency float64 // scans per second to ask for
	Trigger   string  // name of the trigger
	Length    int     // scans that the kernel keeps
	Watermark int     // scans that the kernel gathers before it wakes the reader
}

// Output is a channel under a name of the user's.
type Output struct {
	Name       string  // lower case, digits, underscores
	Key        string  // the channel: "voltage0-voltage1"; "" = Name
	Unit       string  // "" or the channel's own unit; free where it has none
	Resolution float64 // 0 = not known
}

// channel is what an output reads.
type channel struct {
	name   string // "rot_quaternion"
	part   int    // of one that has several, from 0
	kind   kind
	wanted bool

	offset, scale []string // the files that can hold them
}

// check compiles the channels.
func (o *Options) check() ([]channel, []drivers.Output, error) {
	if o.Chip == "" || strings.ContainsAny(o.Chip, "/ \n") {
		return nil, nil, fmt.Errorf("chip %q: want what the file name of the device says, as in chip = \"bme280\"; cat /sys/bus/iio/devices/*/name lists them", o.Chip)
	}
	if strings.Contains(o.Device, "/") {
		return nil, nil, fmt.Errorf("device %q: want only the last part of a path, as in device = \"1-0076\"", o.Device)
	}
	for _, s := range o.Set {
		if _, _, ok := attribute(s); !ok {
			return nil, nil, fmt.Errorf("set %q: want an attribute of the device and its value, as in \"in_accel_scale = 0.0048\"", s)
		}
	}
	var (
		channels []channel
		outputs  []drivers.Output
	)
	add := func(option string, out Output) error {
		c, err := out.compile()
		if err != nil {
			return fmt.Errorf("%s: %w", option, err)
		}
		if slices.ContainsFunc(outputs, func(o drivers.Output) bool { return o.Name == out.Name }) {
			return fmt.Errorf("%s: %q is there twice; remove one, or call it differently by out", option, out.Name)
		}
		c.offset, c.scale = names(c.name, "offset"), names(c.name, "scale")
		c.wanted = o.Only == nil || slices.Contains(o.Only, out.Name)
		channels = append(channels, c)
		outputs = append(outputs, drivers.Output{Name: out.Name, Unit: c.kind.unit, Resolution: out.Resolution})
		return nil
	}
	for _, name := range o.Channels {
		if !sysfs.ValidName(name) {
			return nil, nil, fmt.Errorf(`channels: %q cannot name an output; write out = { NAME = { key = %q } }`, name, name)
		}
		if err := add("channels", Output{Name: name, Key: name}); err != nil {
			return nil, nil, err
		}
	}
	for _, out := range o.Outputs {
		if !sysfs.ValidName(out.Name) {
			return nil, nil, fmt.Errorf("output %q: want a name of lower-case letters, digits and underscores that begins with a letter", out.Name)
		}
		if err := add(fmt.Sprintf("output %q", out.Name), out); err != nil {
			return nil, nil, err
		}
	}
	switch n := len(channels); {
	case n == 0:
		return nil, nil, fmt.Errorf(`channels []: is missing; the files in_*_raw and in_*_input of the device say which there are, as in channels = ["temp"]`)
	case n > drivers.MaxOutputs:
		return nil, nil, fmt.Errorf("channels: %d with those of out, the most are %d", n, drivers.MaxOutputs)
	}
	return channels, outputs, nil
}

// compile finds what the output reads, and gives it its unit.
func (o *Output) compile() (c channel, err error) {
	key := o.Key
	if key == "" {
		key = o.Name
	}
	name, part, found := strings.Cut(key, "[")
	if c.name = name; found {
		digits, closed := strings.CutSuffix(part, "]")
		c.part, err = strconv.Atoi(digits)
		if err != nil || !closed || c.part < 0 || c.part >= maxRepeat {
			return c, fmt.Errorf(`key %q: want the number of a part in brackets, as in "rot_quaternion[0]"`, key)
		}
	}
	if bare, is := strings.CutPrefix(name, "in_"); is || strings.HasSuffix(name, "_raw") || strings.HasSuffix(name, "_input") {
		bare = strings.TrimSuffix(strings.TrimSuffix(bare, "_raw"), "_input")
		return c, fmt.Errorf("key %q: write %q, without in_ and _raw", key, bare)
	}
	ok := false
	if c.kind, ok = kindOf(name); !ok || strings.ContainsAny(name, "/ \n") {
		return c, fmt.Errorf("key %q: is no channel of iio; want one like temp, voltage0, accel_x, humidityrelative, as the files in_*_raw and in_*_input are called", key)
	}
	switch {
	case c.kind.unit == "":
		c.kind.unit = o.Unit
	case o.Unit != "" && o.Unit != c.kind.unit:
		return c, fmt.Errorf("unit %q: %s is in %s; leave the unit out, and convert it with the output's unit", o.Unit, key, c.kind.unit)
	}
	if !(o.Resolution >= 0) || math.IsInf(o.Resolution, 0) {
		return c, fmt.Errorf("resolution %v: want a positive step, or 0 when it is not known", o.Resolution)
	}
	return c, nil
}

// stamped is the channel that every scan has.
const stamped = "timestamp"

// check refuses settings that no device can have.
func (b *Buffer) check() error {
	switch {
	case !(b.Frequency >= 0) || math.IsInf(b.Frequency, 0):
		return fmt.Errorf("sampling_frequency %v: want scans per second", b.Frequency)
	case b.Length < 0 || b.Length > maxLength:
		return fmt.Errorf("length %d: want 2 to %d scans", b.Length, maxLength)
	case b.Watermark < 0 || b.Length > 0 && b.Watermark > b.Length:
		return fmt.Errorf("watermark %d: want at most the length of the buffer, %d scans", b.Watermark, b.Length)
	}
	return nil
}
