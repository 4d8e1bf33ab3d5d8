package config

import (
	"time"

	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/internal/toml"
)

// Timeouts of buses whose configuration names none. A sensor's clock
// stretching ends long before the first; a serial answer of a slow meter
// arrives within the second.
const (
	defaultI2CTimeout    = 100 * time.Millisecond
	defaultSerialTimeout = time.Second
)

// buses reads every [bus.NAME].
func (l *loader) buses(t *toml.Node) {
	if t == nil {
		return
	}
	if t.Kind != toml.Table {
		l.add(l.line(t), "bus", fault{"is " + t.Kind.String(), "write [bus.NAME] once for each bus"})
		return
	}
	for _, name := range t.Keys {
		l.readBus(name, t.Fields[name])
	}
}

func (l *loader) readBus(name string, t *toml.Node) {
	path := "bus." + toml.Shorten(name)
	if t.Kind != toml.Table {
		cure := "write it as a table: [bus.NAME]"
		if findKey(busKeys, name) != nil {
			cure = "give the bus a name: [bus.NAME]"
		}
		l.add(l.at(t), path, fault{"is " + t.Kind.String(), cure})
		return
	}
	if f := checkName(name); !f.ok() {
		l.add(l.line(t), path, fault{"the name " + f.Msg, f.Cure})
	}
	b := Bus{Name: name}
	for _, key := range t.Keys {
		n := t.Fields[key]
		k := findKey(busKeys, key)
		if k == nil {
			l.add(l.line(n), join(path, toml.Shorten(key)), fault{"unknown key", didYouMean(key, pathsOf(busKeys))})
			continue
		}
		if !l.put(k, join(path, key), l.at(n), n, target{bus: &b}) {
			l.broken[path] = true
		}
	}
	l.places[path] = l.line(t)
	l.cfg.Buses = append(l.cfg.Buses, b)
}

// pathsOf lists the keys of a table.
func pathsOf(keys []Key) []string {
	names := make([]string, len(keys))
	for i := range keys {
		names[i] = keys[i].Path
	}
	return names
}

// finishBuses decides each bus's kind and fills what was left open, after the
// environment had its say.
func (l *loader) finishBuses() {
	devices := make(map[string]string) // device → path of the bus that has it
	for i := range l.cfg.Buses {
		b := &l.cfg.Buses[i]
		path := "bus." + toml.Shorten(b.Name)
		at := l.places[path]
		if b.Path != "" && b.Port != "" {
			l.add(at, path, fault{"has both path and port", "keep path for an I2C bus, port for a serial port"})
		}
		if b.Path == "" && b.Port == "" {
			b.Kind = unknownKind
			if l.broken[path] {
				continue
			}
			l.add(at, path, fault{"names no device", `add path = "/dev/i2c-1" for an I2C bus, or port = "/dev/ttyAMA0" for a serial port`})
			continue
		}
		b.settle()
		if b.Kind == catalog.I2C && b.Mode != "" {
			l.add(at, path+".mode", fault{"has no meaning for an I2C bus", "delete the line"})
		}
		if other := devices[b.Path+b.Port]; other != "" {
			l.add(at, path, fault{"is the same device as " + other, "define the device once and let all its sensors name that bus"})
		}
		devices[b.Path+b.Port] = path
	}
}

// unknownKind marks a bus that is broken already, so that no sensor on it is
// blamed.
const unknownKind catalog.BusKind = 255

// settle derives the kind and the default timeout.
func (b *Bus) settle() {
	b.Kind = catalog.I2C
	timeout := defaultI2CTimeout
	if b.Port != "" {
		b.Kind, timeout = catalog.Serial, defaultSerialTimeout
	}
	if b.Timeout == 0 {
		b.Timeout = timeout
	}
}
