package catalog

import "github.com/telhub/telhub/drivers/iio"

// iioOptions are never changed.
var iioOptions = []Option{
	{
		Name: "chip", Type: Text, Example: `"bme280"`,
		Doc: "The device's name, as `cat /sys/bus/iio/devices/*/name` lists it. Needed.",
	},
	{
		Name: "device", Type: Text, Example: `"1-0076"`,
		Doc: `Which one, where several have that name: what it is part of ("1-0076" at address 0x76 of /dev/i2c-1, "spi0.0"), its label in the device tree, or "iio:device0", whose number can change.`,
	},
	{
		Name: "channels", Type: Texts, Example: `["accel_x", "accel_y", "accel_z"]`,
		Doc: "What to read, as the files in_*_raw and in_*_input of the device are called, without in_ and _raw. Outputs have these names and the kernel's units made SenML's: mV to V, m°C to Cel, milli-percent to %RH, kPa to Pa, Gauss to T.",
	},
	{
		Name: "out", Type: Channels, Example: `{ battery = { key = "voltage0-voltage1", resolution = 0.0005 } }`,
		Doc: `Channels under names of your own. key is the channel, and "rot_quaternion[0]" a part of one that has several; resolution the step between values, which makes frames smaller. unit is for channels without one, such as intensity.`,
	},
	{
		Name: "set", Type: Texts, Example: `["in_accel_scale = 0.0383", "in_temp_oversampling_ratio = 2"]`,
		Doc: "Attributes of the device that are written before it is read. The agent's user needs the right to.",
	},
	{
		Name: "buffered", Type: Bool, Example: "true",
		Doc: "Have the kernel gather scans in its buffer, with the time of each: for fast sensors. It is meant, too, where one of the options below is set. There is no every then.",
	},
	{
		Name: "sampling_frequency", Type: Float, Unit: "Hz", Min: "0.001", Max: "100000", Example: "1600",
		Doc: "buffered: scans per second, set at the trigger if that has a timer, else at the device. Without it what is set stays.",
	},
	{
		Name: "trigger", Type: Text, Example: `"hrtimer0"`,
		Doc: "buffered: the trigger that starts each scan, by the name in `/sys/bus/iio/devices/trigger*/name`. Without it the driver's own stays.",
	},
	{
		Name: "length", Type: Int, Unit: "scans", Min: "2", Max: "65536", Example: "4096",
		Doc: "buffered: how many scans the kernel keeps while the agent does not come to read them. Without it two seconds' worth.",
	},
	{
		Name: "watermark", Type: Int, Unit: "scans", Min: "1", Max: "32768", Example: "160",
		Doc: "buffered: how many scans the kernel gathers before it wakes the agent. Without it 50 ms' worth.",
	},
}

func newIIO(s *Spec) (Device, error) {
	o := iio.Options{
		Root:     s.Root,
		Chip:     value[string](s.Options, "chip"),
		Device:   value[string](s.Options, "device"),
		Channels: value[[]string](s.Options, "channels"),
		Only:     s.Only,
		Set:      value[[]string](s.Options, "set"),
		Buffer: iio.Buffer{
			Frequency: value[float64](s.Options, "sampling_frequency"),
			Trigger:   value[string](s.Options, "trigger"),
			Length:    int(value[int64](s.Options, "length")),
			Watermark: int(value[int64](s.Options, "watermark")),
		},
	}
	for _, c := range value[[]Channel](s.Options, "out") {
		o.Outputs = append(o.Outputs, iio.Output(c))
	}
	buffered, said := s.Options["buffered"].(bool)
	meant := o.Buffer != (iio.Buffer{})
	if said && !buffered && meant {
		return Device{}, &OptionError{Option: "buffered", Msg: "is false beside options of the buffer; remove them, or set it to true"}
	}
	if buffered || meant {
		b, err := iio.NewBuffered(o)
		if err != nil {
			return Device{}, err
		}
		return Device{Stream: b, Port: b}, nil
	}
	sensor, err := iio.New(o)
	if err != nil {
		return Device{}, err
	}
	return Device{Sensor: sensor}, nil
}
