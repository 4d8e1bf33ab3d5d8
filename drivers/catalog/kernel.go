package catalog

import (
	"github.com/telhub/telhub/drivers/hwmon"
	"github.com/telhub/telhub/drivers/thermal"
	"github.com/telhub/telhub/drivers/w1"
)

// hwmonOptions are never changed.
var hwmonOptions = []Option{
	{
		Name: "chip", Type: Text, Example: `"lm75"`,
		Doc: "What the chip's driver calls it: `cat /sys/class/hwmon/*/name`. Numbers such as hwmon3 change from boot to boot and are never asked for.",
	},
	{
		Name: "device", Type: Text, Example: `"1-0048"`,
		Doc: "Which of several chips with that name: the last part of where `/sys/class/hwmon/hwmon*/device` leads. 1-0048 is the chip at address 0x48 of /dev/i2c-1.",
	},
	{
		Name: "inputs", Type: Texts, Example: `["temp1", "in0", "temp:Tctl"]`,
		Doc: "What to read, by the kernel's file without _input, or as temp:LABEL by the channel's label. The outputs are called the same. " +
			"Not needed for chips that telhub knows: lm75 and its like, sht3x, sht4x, ina219, ina226, ina3221, cpu_thermal, rpi_volt and others.",
	},
	{
		Name: "out", Type: Channels, Example: `{ cpu = { key = "temp1" } }`,
		Doc: "The same with names of your own. Each takes key and resolution.",
	},
}

func newHwmon(s *Spec) (Device, error) {
	o := hwmon.Options{
		Root:   s.Root,
		Chip:   value[string](s.Options, "chip"),
		Device: value[string](s.Options, "device"),
		Inputs: value[[]string](s.Options, "inputs"),
		Only:   s.Only,
	}
	if o.Chip == "" {
		return Device{}, &OptionError{Option: "chip", Msg: `is missing; write chip = "lm75", or another of those that cat /sys/class/hwmon/*/name lists`}
	}
	for _, c := range value[[]Channel](s.Options, "out") {
		o.Outputs = append(o.Outputs, hwmon.Output(c))
	}
	d, err := hwmon.New(o)
	if err != nil {
		return Device{}, err
	}
	return Device{Sensor: d}, nil
}

// thermalOptions are never changed.
var thermalOptions = []Option{
	{
		Name: "zones", Type: Texts, Example: `["cpu-thermal", "gpu-thermal"]`,
		Doc: "Types of the zones to read: `cat /sys/class/thermal/thermal_zone*/type`. One is called temperature, several as they are; " +
			"without any it is the processor's. type@device where several have one type.",
	},
	{
		Name: "out", Type: Channels, Example: `{ gpu = { key = "gpu-thermal" } }`,
		Doc: "The same with names of your own. Each takes key and resolution.",
	},
}

func newThermal(s *Spec) (Device, error) {
	o := thermal.Options{Root: s.Root, Zones: value[[]string](s.Options, "zones"), Only: s.Only}
	for _, c := range value[[]Channel](s.Options, "out") {
		o.Outputs = append(o.Outputs, thermal.Output(c))
	}
	d, err := thermal.New(o)
	if err != nil {
		return Device{}, err
	}
	return Device{Sensor: d}, nil
}

// w1Options are never changed.
var w1Options = []Option{
	{
		Name: "id", Type: Text, Example: `"28-0316a2795dff"`,
		Doc: "The thermometer's number: `ls /sys/bus/w1/devices`. Not needed where there is only one.",
	},
}

func newW1(s *Spec) (Device, error) {
	d, err := w1.New(w1.Options{Root: s.Root, ID: value[string](s.Options, "id")})
	if err != nil {
		return Device{}, err
	}
	return Device{Sensor: d}, nil
}
