package iio

import "strings"

// kind is a type of channel: the unit in which its values are sent, and how
// they come from the kernel's: v · mul / div.
type kind struct {
	name     string
	unit     string // SenML; "" where the ABI or SenML has none
	mul, div float64
}

// kinds are those of Documentation/ABI/testing/sysfs-bus-iio that are inputs.
// SenML has no unit of angular velocity (rad/s) and none for intensities of
// light: those are bare numbers. It is never changed.
var kinds = [...]kind{
	{"voltage", "V", 1, 1000},
	{"altvoltage", "V", 1, 1000},
	{"current", "A", 1, 1000},
	{"altcurrent", "A", 1, 1000},
	{"power", "W", 1, 1000},
	{"energy", "J", 1, 1},
	{"capacitance", "F", 1, 1e9},
	{"resistance", "Ohm", 1, 1},
	{"temp", "Cel", 1, 1000},
	{"humidityrelative", "%RH", 1, 1000},
	{"pressure", "Pa", 1000, 1},
	{"accel", "m/s2", 1, 1},
	{"gravity", "m/s2", 1, 1},
	{"anglvel", "", 1, 1}, // rad/s
	{"deltaangl", "rad", 1, 1},
	{"deltavelocity", "m/s", 1, 1},
	{"magn", "T", 1, 1e4}, // Gauss
	{"angl", "rad", 1, 1},
	{"rot", "", 1, 1}, // degrees from north, or the parts of a quaternion
	{"incli", "deg", 1, 1},
	{"phase", "rad", 1, 1},
	{"velocity", "m/s", 1, 1},
	{"distance", "m", 1, 1},
	{"proximity", "", 1, 1},
	{"illuminance", "lx", 1, 1},
	{"intensity", "", 1, 1},
	{"uvindex", "", 1, 1},
	{"colortemp", "K", 1, 1},
	{"chromaticity", "", 1, 1},
	{"concentration", "%", 1, 1},
	{"massconcentration", "ug/m3", 1, 1},
	{"electricalconductivity", "S/m", 1, 1},
	{"ph", "pH", 1, 1},
	{"positionrelative", "%", 1, 1000},
	{"count", "count", 1, 1},
	{"index", "count", 1, 1},
	{"steps", "count", 1, 1},
	{"activity", "%", 1, 1},
}

// kindOf finds the kind of a channel by the letters that its name begins with.
func kindOf(channel string) (kind, bool) {
	stem := stemOf(channel)
	for _, k := range kinds {
		if k.name == stem {
			return k, true
		}
	}
	return kind{}, false
}

// stemOf is the type of a channel: "voltage" of "voltage0-voltage1".
func stemOf(channel string) string {
	end := strings.IndexFunc(channel, func(c rune) bool { return c < 'a' || c > 'z' })
	if end < 0 {
		return channel
	}
	return channel[:end]
}

func (k *kind) value(v float64) float64 { return v * k.mul / k.div }
