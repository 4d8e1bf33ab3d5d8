package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/telhub/telhub/internal/toml"
)

// power reads a bus's table power.
func (l *loader) power(b *Bus, path string, t *toml.Node) bool {
	k := findKey(busKeys, "power")
	if t.Kind != toml.Table {
		l.add(l.at(t), path, k.wrongType(t))
		return false
	}
	for i := range powerKeys {
		if powerKeys[i].Default != "" {
			setDefault(&powerKeys[i], target{bus: b})
		}
	}
	ok := true
	for _, key := range t.Keys {
		n, k := t.Fields[key], findKey(powerKeys, key)
		if k == nil {
			ok = false
			l.add(l.line(n), join(path, toml.Shorten(key)), fault{"unknown key", didYouMean(key, pathsOf(powerKeys))})
			continue
		}
		ok = l.put(k, join(path, key), l.at(n), n, target{bus: b}) && ok
	}
	if ok && (t.Fields["chip"] == nil || t.Fields["line"] == nil) {
		ok = false
		l.add(l.line(t), path, fault{"names no line", "write power = " + k.Example + "; gpioinfo shows chips and lines"})
	}
	return ok
}

// checkChip holds a GPIO chip's name to what the kernel calls them.
func checkChip(s string) fault {
	index, isChip := strings.CutPrefix(s, "gpiochip")
	if _, err := strconv.ParseUint(index, 10, 16); err != nil || !isChip {
		return fault{"is not a GPIO chip", `write chip = "gpiochip0"; gpiodetect lists them`}
	}
	return fault{}
}

// supplies reports lines that switch the supply of two buses, or a supply and
// an indicator: the kernel gives a line to one of them.
func (l *loader) supplies() {
	taken := make(map[string]string)
	for i := range l.cfg.Indicators {
		if x := &l.cfg.Indicators[i]; x.LED == "" {
			taken[fmt.Sprintf("%s/%d", x.Chip, x.Line)] = "indicator." + x.Name
		}
	}
	for i := range l.cfg.Buses {
		b := &l.cfg.Buses[i]
		path := "bus." + toml.Shorten(b.Name)
		if b.Power.Chip == "" || l.broken[path] {
			continue
		}
		line := fmt.Sprintf("%s/%d", b.Power.Chip, b.Power.Line)
		if other := taken[line]; other != "" {
			l.add(l.places[path], path+".power", fault{"is the same line as that of " + other, "give each its own line"})
		}
		taken[line] = path
	}
}
