package hwmon

import (
	"slices"
	"strconv"
	"strings"
)

// kind is a type of channel: what its files' names begin with, and that per of
// the kernel's units are times of the output's.
type kind struct {
	stem       string
	unit       string
	times, per float64
	resolution float64
}

// kinds are those of Documentation/hwmon/sysfs-interface.rst. It is never
// changed.
var kinds = [...]kind{
	{"temp", "Cel", 1, 1000, 0.001},
	{"in", "V", 1, 1000, 0.001},
	{"curr", "A", 1, 1000, 0.001},
	{"power", "W", 1, 1e6, 0.000001},
	{"energy", "J", 1, 1e6, 0.000001},
	{"humidity", "%RH", 1, 1000, 0.001},
	{"fan", "1/min", 1, 1, 1},
	{"freq", "Hz", 1, 1, 1},
	{"pwm", "%", 100, 255, 0},
}

// attributes are the files of a channel that hold a value of its unit. It is
// never changed.
var attributes = []string{
	"input", "average", "lowest", "highest", "min", "max", "lcrit", "crit", "emergency", "cap",
	"rated_min", "rated_max", "target",
}

// key is what an output reads: a file, or the channel with a label.
type key struct {
	kind  kind
	stem  string // "temp1"; "temp" when the channel is known by its label
	attr  string // "input", "lcrit_alarm"; "" for pwm1 itself
	label string
}

// parseKey takes "temp1", "temp1_max", "in0_lcrit_alarm", "pwm1", "temp:Tctl".
func parseKey(text string) (k key, ok bool) {
	if stem, label, found := strings.Cut(text, ":"); found {
		k.stem, k.label, k.attr = stem, label, "input"
		k.kind, ok = kindOf(stem)
		return k, ok && label != "" && k.kind.stem != "pwm"
	}
	k.stem, k.attr, _ = strings.Cut(text, "_")
	stem := strings.TrimRight(k.stem, "0123456789")
	number := k.stem[len(stem):]
	if _, err := strconv.ParseUint(number, 10, 16); err != nil {
		return k, false
	}
	if k.kind, ok = kindOf(stem); !ok {
		return k, false
	}
	switch {
	case strings.Contains(text, "_") && k.attr == "":
		return k, false
	case k.attr == "" && stem != "pwm":
		k.attr = "input"
	case k.attr == "alarm" || k.attr == "fault" || strings.HasSuffix(k.attr, "_alarm"):
		k.kind = kind{times: 1, per: 1, resolution: 1}
	case stem == "pwm" || !slices.Contains(attributes, k.attr):
		return k, stem == "pwm" && k.attr == ""
	}
	return k, true
}

func kindOf(stem string) (kind, bool) {
	for _, k := range kinds {
		if k.stem == stem {
			return k, true
		}
	}
	return kind{}, false
}

// value translates the number in the file.
func (k *kind) value(n int64) float64 { return float64(n) * k.times / k.per }
