package hwmon

import (
	"fmt"
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

// outputs makes the list of what is read: Inputs, then Outputs, or what is
// known of the chip when there are neither.
func (o *Options) outputs() ([]channel, []drivers.Output, error) {
	var list []channel
	var outputs []drivers.Output
	add := func(option, name, text string) error {
		k, ok := parseKey(text)
		switch {
		case !ok:
			return fmt.Errorf("%s: %q is no key; %s", option, text, keyCure)
		case !sysfs.ValidName(name):
			return fmt.Errorf("%s: %q is no name for an output; give it one in out, as in out = { cpu = { key = %q } }", option, name, text)
		case len(list) == drivers.MaxOutputs:
			return fmt.Errorf("%s: more than %d outputs; make two sensors of it", option, drivers.MaxOutputs)
		}
		for i := range outputs {
			if outputs[i].Name == name {
				return fmt.Errorf("%s: there are two outputs called %s; give one another name in out", option, name)
			}
		}
		list = append(list, channel{key: k})
		outputs = append(outputs, drivers.Output{Name: name, Unit: k.kind.unit, Resolution: k.kind.resolution})
		return nil
	}
	for _, text := range o.Inputs {
		name := text
		if _, label, found := strings.Cut(text, ":"); found {
			name = sysfs.Name(label)
		}
		if err := add("inputs", name, text); err != nil {
			return nil, nil, err
		}
	}
	for _, out := range o.Outputs {
		text := out.Key
		if text == "" {
			text = out.Name
		}
		if err := add("out", out.Name, text); err != nil {
			return nil, nil, err
		}
		last := &outputs[len(outputs)-1]
		if out.Unit != "" && out.Unit != last.Unit {
			return nil, nil, fmt.Errorf("out: %s is in %q and not in %q; convert it below [sensor.%s] with unit = %q", out.Name, last.Unit, out.Unit, out.Name, out.Unit)
		}
		if out.Resolution > 0 {
			last.Resolution = out.Resolution
		}
	}
	if len(list) > 0 {
		return list, outputs, nil
	}
	for _, pair := range known(o.Chip) {
		if err := add("inputs", pair[0], pair[1]); err != nil {
			return nil, nil, err
		}
		list[len(list)-1].optional = true
	}
	if len(list) == 0 {
		return nil, nil, fmt.Errorf(`inputs: is missing, and telhub does not know what a %s measures; write inputs = ["temp1", "in0"], from the names of the files under /sys/class/hwmon`, o.Chip)
	}
	return list, outputs, nil
}
