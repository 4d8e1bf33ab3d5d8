package hwmon

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// Options say which chip and what of it.
type Options struct {
	Root    string   // where /sys is; "" is /
	Chip    string   // what the chip's file name says: "lm75"
	Device  string   // the last part of its device's path, where several chips have the name: "1-0048"
	Inputs  []string // keys; the outputs are called like them
	Outputs []Output // keys under names of the user's
	Only    []string // outputs that somebody wants; nil is all
}

// Output is a channel under a name of the user's.
type Output struct {
	Name       string  // lower case, digits, underscores
	Key        string  // "temp1", "temp:Tctl"; "" = Name
	Unit       string  // "" or the key's own unit
	Resolution float64 // 0 = the kernel's
}

const keyCure = "want the kernel's file without _input, as in temp1, in0, curr1, power1, energy1, humidity1, fan1, freq1, pwm1, temp1_max " +
	"or in0_lcrit_alarm, or temp:LABEL for the channel with a label"

// declared is the list of what is read, while New makes it.
type declared struct {
	channels []channel
	outputs  []drivers.Output
}

// add appends an output; option is what the user wrote it in.
func (d *declared) add(option, name, text string) error {
	k, ok := parseKey(text)
	switch {
	case !ok:
		return fmt.Errorf("%s: %q is no key; %s", option, text, keyCure)
	case !sysfs.ValidName(name):
		return fmt.Errorf("%s: %q is no name for an output; give it one in out, as in out = { cpu = { key = %q } }", option, name, text)
	case len(d.outputs) == drivers.MaxOutputs:
		return fmt.Errorf("%s: more than %d outputs; make two sensors of it", option, drivers.MaxOutputs)
	case slices.ContainsFunc(d.outputs, func(o drivers.Output) bool { return o.Name == name }):
		return fmt.Errorf("%s: there are two outputs called %s; give one another name in out", option, name)
	}
	d.channels = append(d.channels, channel{key: k})
	d.outputs = append(d.outputs, drivers.Output{Name: name, Unit: k.kind.unit, Resolution: k.kind.resolution})
	return nil
}

// own appends an output under a name of the user's.
func (d *declared) own(o *Output) error {
	if err := d.add("out", o.Name, cmp.Or(o.Key, o.Name)); err != nil {
		return err
	}
	last := &d.outputs[len(d.outputs)-1]
	if o.Unit != "" && o.Unit != last.Unit {
		return fmt.Errorf("out: %s is in %q and not in %q; convert it below [sensor.%s] with unit = %q", o.Name, last.Unit, o.Unit, o.Name, o.Unit)
	}
	if o.Resolution > 0 {
		last.Resolution = o.Resolution
	}
	return nil
}

// declare makes the list: Inputs, then Outputs, or what is known of the chip
// when there are neither.
func (o *Options) declare() (d declared, err error) {
	for _, text := range o.Inputs {
		name := text
		if _, label, found := strings.Cut(text, ":"); found {
			name = sysfs.Name(label)
		}
		if err := d.add("inputs", name, text); err != nil {
			return d, err
		}
	}
	for i := range o.Outputs {
		if err := d.own(&o.Outputs[i]); err != nil {
			return d, err
		}
	}
	if len(d.channels) > 0 {
		return d, nil
	}
	for _, pair := range known(o.Chip) {
		if err := d.add("inputs", pair[0], pair[1]); err != nil {
			return d, err
		}
		d.channels[len(d.channels)-1].optional = true
	}
	if len(d.channels) == 0 {
		return d, fmt.Errorf(`inputs: is missing, and telhub does not know what a %s measures; write inputs = ["temp1", "in0"], from the names of the files under /sys/class/hwmon`, o.Chip)
	}
	return d, nil
}
