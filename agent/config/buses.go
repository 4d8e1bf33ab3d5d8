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
	b := Bus{Name: name, Rebind: true}
	for _, key := range t.Keys {
		n := t.Fields[key]
		k := findKey(busKeys, key)
		if k == nil {
			l.add(l.line(n), join(path, toml.Shorten(key)), fault{"unknown key", didYouMean(key, pathsOf(busKeys))})
			continue
		}
		ok := false
		if k.Type == Inner {
			ok = l.power(&b, join(path, key), n)
		} else {
			ok = l.put(k, join(path, key), l.at(n), n, target{bus: &b})
		}
		if !ok {
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
		if n := count(b.Path, b.Port, b.TCP); n == 0 {
			b.Kind = unknownKind
			if !l.broken[path] {
				l.add(at, path, fault{"names no device", `add path = "/dev/i2c-1" for an I2C bus, port = "/dev/ttyAMA0" for a serial port, or tcp = "host:502"`})
			}
			continue
		} else if n > 1 {
			l.add(at, path, fault{"has more than one of path, port and tcp", "keep path for an I2C bus, port for a serial port, tcp for a connection"})
		}
		b.settle()
		l.misplaced(b, path, at)
		b.Rebind = b.Rebind && b.Kind == catalog.I2C
		if other := devices[b.Device()]; other != "" {
			l.add(at, path, fault{"is the same device as " + other, "define the device once and let all its sensors name that bus"})
		}
		devices[b.Device()] = path
	}
	l.supplies()
}

// count counts texts that are not empty.
func count(texts ...string) (n int) {
	for _, t := range texts {
		if t != "" {
			n++
		}
	}
	return n
}

// misplaced reports keys that have no meaning for this kind of bus.
func (l *loader) misplaced(b *Bus, path string, at place) {
	kind := "an I2C bus"
	if b.TCP != "" {
		kind = "a TCP connection"
	}
	complain := func(key string, set bool, why string) {
		if set {
			l.add(at, path+"."+key, fault{"has no meaning for " + why, "delete the line"})
		}
	}
	if b.Port == "" {
		complain("mode", b.Mode != "", kind)
		complain("echo", b.Echo, kind)
		complain("rs485", b.RS485 != "", kind)
	} else {
		complain("framing", b.Framing == framingTCP, "a serial port")
	}
	if b.Path == "" {
		complain("rebind", !b.Rebind, "other buses than I2C")
	}
	if b.Path != "" {
		complain("gap", b.Gap != 0, kind)
		complain("framing", b.Framing != "", kind)
	}
	if b.RS485 == "" {
		complain("rs485_before", b.RS485Before != 0, "a port without rs485")
		complain("rs485_after", b.RS485After != 0, "a port without rs485")
	}
	l.whole(b.RS485Before, path+".rs485_before", at)
	l.whole(b.RS485After, path+".rs485_after", at)
}

// whole reports a delay that the kernel cannot be told.
func (l *loader) whole(d time.Duration, path string, at place) {
	if d%time.Millisecond != 0 {
		l.add(at, path, fault{d.String() + " is not in whole milliseconds", "round it"})
	}
}

// unknownKind marks a bus that is broken already, so that no sensor on it is
// blamed.
const unknownKind catalog.BusKind = 255

// settle derives the kind and the default timeout. Sensors that are asked make
// a Link of a serial port when they are connected to it.
func (b *Bus) settle() {
	timeout := defaultSerialTimeout
	switch {
	case b.Port != "":
		b.Kind = catalog.Serial
	case b.TCP != "":
		b.Kind = catalog.Link
	default:
		b.Kind, timeout = catalog.I2C, defaultI2CTimeout
	}
	if b.Timeout == 0 {
		b.Timeout = timeout
	}
}
