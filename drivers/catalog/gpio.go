package catalog

import (
	"time"

	"github.com/telhub/telhub/drivers/gpio"
)

// gpioOptions are never changed.
var gpioOptions = []Option{
	{
		Name: "chip", Type: Text, Example: `"gpiochip0"`,
		Doc: "The chip by its name or its label, such as pinctrl-bcm2711, as gpiodetect lists them. Without it gpiochip0, or any that has the line of line_name.",
	},
	{
		Name: "line", Type: Int, Min: "0", Max: "65535", Example: "17",
		Doc: "The line's number on the chip, as gpioinfo lists it. On a Raspberry Pi that is the number of the GPIO, not the pin's.",
	},
	{
		Name: "line_name", Type: Text, Example: `"GPIO17"`,
		Doc: "The line by the name that the device tree gives it, instead of line.",
	},
	{
		Name: "edge", Type: Choice, Default: gpio.Rising, Allowed: []string{gpio.Rising, gpio.Falling, gpio.Both}, Example: `"falling"`,
		Doc: "Which edges count: those to the active level, those away from it, or both.",
	},
	{
		Name: "active_low", Type: Bool, Default: "false", Example: "true",
		Doc: "The line is active when its voltage is low, as with a contact to ground and a pull-up.",
	},
	{
		Name: "bias", Type: Choice, Default: gpio.AsIs, Allowed: []string{gpio.AsIs, gpio.PullUp, gpio.PullDown, gpio.Off}, Example: `"pull-up"`,
		Doc: "The chip's own resistor at the line. S0 outputs and contacts need one, here or on the board.",
	},
	{
		Name: "debounce", Type: Duration, Min: "0s", Max: "1h", Example: `"5ms"`,
		Doc: "How long a level has to last to count: some milliseconds for contacts and reeds. The kernel does it. Without it every edge counts.",
	},
	{
		Name: "timeout", Type: Duration, Default: "5m", Min: "1ms", Max: "7d", Example: `"30s"`,
		Doc: "After how long without an edge the frequency is 0.",
	},
}

func newGPIO(s *Spec) (Device, error) {
	o := gpio.Options{
		Root:      s.Root,
		Chip:      value[string](s.Options, "chip"),
		Line:      -1,
		LineName:  value[string](s.Options, "line_name"),
		Edge:      value[string](s.Options, "edge"),
		ActiveLow: value[bool](s.Options, "active_low"),
		Bias:      value[string](s.Options, "bias"),
		Debounce:  value[time.Duration](s.Options, "debounce"),
		Timeout:   value[time.Duration](s.Options, "timeout"),
		Only:      s.Only,
	}
	line, given := s.Options["line"].(int64)
	switch {
	case given:
		o.Line = int(line)
	case o.LineName == "":
		return Device{}, &OptionError{Option: "line", Msg: "is missing; name the line by line = 17 or line_name = \"GPIO17\"; gpioinfo lists them"}
	}
	sensor, err := gpio.New(o)
	if err != nil {
		return Device{}, err
	}
	return Device{Sensor: sensor}, nil
}
