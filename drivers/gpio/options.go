package gpio

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/telhub/telhub/drivers"
)

// The edges that count.
const (
	Rising  = "rising"
	Falling = "falling"
	Both    = "both"
)

// The biases of a line.
const (
	AsIs     = "as-is"
	PullUp   = "pull-up"
	PullDown = "pull-down"
	Off      = "off"
)

// Bounds and defaults of Options.
const (
	DefaultChip    = "gpiochip0"
	DefaultTimeout = 5 * time.Minute
	maxDebounce    = time.Hour
	maxLine        = 1<<16 - 1
)

// Options say which line and what of it.
type Options struct {
	Root      string // where /dev is; "" is /
	Chip      string // "gpiochip0", or the chip's label: "pinctrl-bcm2711"; "" is gpiochip0, with LineName any
	Line      int    // offset in the chip; -1: LineName says which
	LineName  string // "GPIO17"
	Edge      string // Rising, Falling or Both; of the active level where ActiveLow
	ActiveLow bool
	Bias      string // AsIs, PullUp, PullDown or Off
	Debounce  time.Duration
	Timeout   time.Duration // without an edge, until the frequency is 0; 0 = DefaultTimeout
	Only      []string      // outputs that somebody wants; nil is all
}

// The outputs.
const (
	outCount = iota
	outFrequency
	outPeriod
	outLevel
	outLost
)

func outputs() []drivers.Output {
	return []drivers.Output{
		outCount:     {Name: "count", Unit: "count", Resolution: 1},
		outFrequency: {Name: "frequency", Unit: "Hz"},
		outPeriod:    {Name: "period", Unit: "s"},
		outLevel:     {Name: "level", Resolution: 1},
		outLost:      {Name: "lost", Unit: "count", Resolution: 1},
	}
}

// fill checks o and sets its defaults.
func (o *Options) fill() error {
	if o.Chip == "" && o.LineName == "" {
		o.Chip = DefaultChip
	}
	if o.Edge == "" {
		o.Edge = Rising
	}
	if o.Bias == "" {
		o.Bias = AsIs
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	o.Chip = strings.TrimPrefix(o.Chip, "/dev/")
	switch {
	case strings.ContainsAny(o.Chip, "/\n"):
		return fmt.Errorf("chip %q: want its name or label, as in chip = \"gpiochip0\"; gpiodetect lists them", o.Chip)
	case o.LineName == "" && (o.Line < 0 || o.Line > maxLine):
		return fmt.Errorf("line %d: want the line's number on the chip, 0 to %d, or line_name; gpioinfo lists them", o.Line, maxLine)
	case o.LineName != "" && o.Line >= 0:
		return fmt.Errorf("line_name %q: stands beside line; keep one", o.LineName)
	case len(o.LineName) >= 32:
		return fmt.Errorf("line_name %q: the kernel's names have at most 31 characters", o.LineName)
	case !slices.Contains([]string{Rising, Falling, Both}, o.Edge):
		return fmt.Errorf("edge %q: want rising, falling or both", o.Edge)
	case !slices.Contains([]string{AsIs, PullUp, PullDown, Off}, o.Bias):
		return fmt.Errorf("bias %q: want as-is, pull-up, pull-down or off", o.Bias)
	case o.Debounce < 0 || o.Debounce > maxDebounce || o.Debounce%time.Microsecond != 0:
		return fmt.Errorf("debounce %v: want whole microseconds, at most %v", o.Debounce, maxDebounce)
	case o.Timeout < 0:
		return fmt.Errorf("timeout %v: want a positive time", o.Timeout)
	}
	return nil
}
