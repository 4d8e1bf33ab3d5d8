package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/telhub/telhub/internal/toml"
)

// indicatorDraft is an indicator being read.
type indicatorDraft struct {
	Indicator
	gpio string // as written: chip and line
}

// indicators reads every [indicator.NAME].
func (l *loader) indicators(t *toml.Node) {
	if t == nil {
		return
	}
	if t.Kind != toml.Table {
		l.add(l.line(t), "indicator", fault{"is " + t.Kind.String(), "write [indicator.NAME] once for each light or horn"})
		return
	}
	taken := make(map[string]string) // device → path of the indicator that has it
	for _, name := range t.Keys {
		l.indicator(name, t.Fields[name], taken)
	}
}

func (l *loader) indicator(name string, t *toml.Node, taken map[string]string) {
	path := "indicator." + toml.Shorten(name)
	l.broken[path] = true
	if t.Kind != toml.Table {
		cure := "write it as a table: [indicator.NAME]"
		if findKey(indicatorKeys, name) != nil {
			cure = "give the indicator a name: [indicator.NAME]"
		}
		l.add(l.at(t), path, fault{"is " + t.Kind.String(), cure})
		return
	}
	if f := checkName(name); !f.ok() {
		l.add(l.line(t), path, fault{"the name " + f.Msg, f.Cure})
	}
	d := &indicatorDraft{Indicator: Indicator{Name: name}}
	ok := true
	for _, key := range t.Keys {
		n, k := t.Fields[key], findKey(indicatorKeys, key)
		if k == nil {
			ok = false
			l.add(l.line(n), join(path, toml.Shorten(key)), fault{"unknown key", didYouMean(key, pathsOf(indicatorKeys))})
			continue
		}
		ok = l.put(k, join(path, key), l.at(n), n, target{indicator: d}) && ok
	}
	if !ok {
		return
	}
	if f := d.settle(taken, path); !f.ok() {
		l.add(l.line(t), path, f)
		return
	}
	delete(l.broken, path)
	l.cfg.Indicators = append(l.cfg.Indicators, d.Indicator)
}

// settle checks that the indicator has one device, which no other one has.
func (d *indicatorDraft) settle(taken map[string]string, path string) fault {
	switch {
	case d.LED == "" && d.gpio == "":
		return fault{"names no device", `add led = "ACT" for an LED of the kernel's, or gpio = "gpiochip0/17" for a line`}
	case d.LED != "" && d.gpio != "":
		return fault{"has both led and gpio", "keep one, and make another indicator of the other"}
	}
	device := "led " + d.LED
	if d.gpio != "" {
		d.Chip, d.Line, _ = splitGPIO(d.gpio)
		device = fmt.Sprintf("gpio %s/%d", d.Chip, d.Line)
	}
	if other := taken[device]; other != "" {
		return fault{"is the same device as " + other, "define it once and let all alarms drive that one"}
	}
	taken[device] = path
	return fault{}
}

// checkLED holds an LED's name to what can stand under /sys/class/leds.
func checkLED(s string) fault {
	switch {
	case s == "":
		return fault{"is empty", "ls /sys/class/leds shows the names"}
	case strings.ContainsAny(s, "/ ") || s == "." || s == "..":
		return fault{"is not a name under /sys/class/leds", "ls /sys/class/leds shows the names"}
	}
	return checkPrintable(s)
}

// maxGPIOLine bounds a line's number; no chip has as many.
const maxGPIOLine = 1 << 16

// splitGPIO cuts "gpiochip0/17".
func splitGPIO(s string) (chip string, line int, ok bool) {
	chip, number, _ := strings.Cut(strings.TrimPrefix(s, "/dev/"), "/")
	v, err := strconv.ParseUint(number, 10, 31)
	index, isChip := strings.CutPrefix(chip, "gpiochip")
	if _, bad := strconv.ParseUint(index, 10, 16); err != nil || bad != nil || !isChip || v >= maxGPIOLine {
		return "", 0, false
	}
	return chip, int(v), true
}

func checkGPIO(s string) fault {
	if _, _, ok := splitGPIO(s); !ok {
		return fault{"is not a chip and the number of a line", `write gpio = "gpiochip0/17"; gpioinfo shows chips and lines`}
	}
	return fault{}
}
