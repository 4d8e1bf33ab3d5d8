package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/internal/toml"
)

// conflicts connects the sensors to their buses and reports what two of them
// cannot share: a name, an address, a port.
func (l *loader) conflicts(drafts []*draft) {
	names := make(map[string]*draft)
	seats := make(map[string]*draft) // bus and address, or serial port
	for _, d := range drafts {
		if other := names[d.Name]; other != nil && d.Name != "" {
			l.fail(d, "name", fault{fmt.Sprintf("is taken by the sensor in line %d", other.table.Line), "names are unique on a device"})
		} else {
			names[d.Name], l.byName[d.Name] = d, d
		}
		seat := l.connect(d)
		if seat == "" {
			continue
		}
		if other := seats[seat]; other != nil && d.Engine.Kind != catalog.Link {
			l.taken(d, other)
			continue
		}
		seats[seat] = d
		if other := l.stranger(d, seats); other != nil {
			l.taken(d, other)
		}
	}
}

// stranger finds a sensor of the other kind on d's port: one that speaks by
// itself beside one that is asked.
func (l *loader) stranger(d *draft, seats map[string]*draft) *draft {
	switch d.Engine.Kind {
	case catalog.Serial:
		return seats[d.Bus+" asked"]
	case catalog.Link:
		return seats[d.Bus]
	}
	return nil
}

func (l *loader) taken(d, other *draft) {
	at := fmt.Sprintf("%s in line %d", other.label, other.table.Line)
	switch {
	case d.Engine.Kind == catalog.I2C:
		key := "addr"
		if d.table.Fields[key] == nil {
			key = "bus"
		}
		l.fail(d, key, fault{
			fmt.Sprintf("address 0x%02x on %s is taken by %s", d.Addr, d.Bus, at),
			"two chips cannot answer at one address: set another by the chip's address pin, or use another bus",
		})
	case d.port != "":
		l.fail(d, "port", fault{"is taken by " + at, "a port has one reader: one sensor with all its outputs"})
	default:
		l.fail(d, "bus", fault{"is taken by " + at, "a port has one reader: one sensor with all its outputs"})
	}
}

// connect finds the sensor's bus and address. It returns what no other sensor
// may have, or "" when that is not known or there is nothing of the kind.
func (l *loader) connect(d *draft) (seat string) {
	kind := d.Engine.Kind
	overPort := kind == catalog.Serial || kind == catalog.Link
	switch {
	case d.Engine.Name == "" || kind == catalog.Local:
		return ""
	case overPort && d.port != "" && d.Bus != "":
		l.fail(d, "port", fault{"stands beside bus", "keep one: bus names a [bus.NAME], port the device itself"})
		return ""
	case overPort && d.Bus == "" && d.table.Fields["port"] != nil:
		return l.ownPort(d)
	case d.table.Fields["bus"] == nil:
		l.fail(d, "bus", fault{"is missing", l.busCure(kind)})
		return ""
	case d.table.Fields["bus"].Kind != toml.Text:
		return "" // reported already
	}
	b := l.cfg.bus(d.Bus)
	switch {
	case b == nil:
		l.fail(d, "bus", fault{"there is no such bus", l.busCure(kind)})
		return ""
	case b.Kind == unknownKind:
		return ""
	case !b.serves(kind):
		l.fail(d, "bus", fault{
			fmt.Sprintf("is a%s bus, and %s needs a%s one", article(b.Kind), d.Engine.Name, article(kind)),
			l.busCure(kind),
		})
		return ""
	}
	if overPort {
		return l.sharePort(d, b)
	}
	if !l.address(d) {
		return ""
	}
	return fmt.Sprintf("%s 0x%02x", d.Bus, d.Addr)
}

// serves reports whether sensors of this kind can be on the bus.
func (b *Bus) serves(kind catalog.BusKind) bool {
	switch kind {
	case catalog.Serial:
		return b.Port != ""
	case catalog.Link:
		return b.Port != "" || b.TCP != ""
	}
	return b.Kind == kind
}

func article(k catalog.BusKind) string {
	if k == catalog.I2C {
		return "n I2C"
	}
	return " " + k.String()
}

// busCure names the buses of the right kind.
func (l *loader) busCure(kind catalog.BusKind) string {
	var names []string
	for i := range l.cfg.Buses {
		if b := &l.cfg.Buses[i]; b.serves(kind) && b.Name != b.Port {
			names = append(names, b.Name)
		}
	}
	switch {
	case len(names) > 0 && kind != catalog.I2C:
		return "the file's serial buses are " + strings.Join(names, ", ") + `; or name the device itself: port = "/dev/ttyAMA0"`
	case len(names) > 0:
		return "the file's " + kind.String() + " buses are " + strings.Join(names, ", ")
	case kind == catalog.Link:
		return `add port = "/dev/ttyUSB0", or define a bus: [bus.NAME] with port = "…" or tcp = "host:502"`
	case kind == catalog.Serial:
		return `add port = "/dev/ttyAMA0", or define a serial port: [bus.NAME] with port = "…"`
	}
	return `define one: [bus.i2c1] with path = "/dev/i2c-1"`
}

// ownPort makes a bus of the port that a sensor names itself. Its name is the
// port's path, which no [bus.NAME] can have.
func (l *loader) ownPort(d *draft) (seat string) {
	if d.port == "" {
		return "" // reported already
	}
	d.Bus = d.port
	for i := range l.cfg.Buses {
		if b := &l.cfg.Buses[i]; b.Port == d.port && b.Name != d.port {
			l.fail(d, "port", fault{"is the device of bus " + b.Name, "write bus = \"" + b.Name + "\" instead"})
			return ""
		}
	}
	if l.cfg.bus(d.port) == nil {
		b := Bus{Name: d.port, Port: d.port, Mode: cmp.Or(d.mode, d.Engine.Mode)}
		b.settle()
		l.cfg.Buses = append(l.cfg.Buses, b)
	}
	b := l.cfg.bus(d.port)
	if d.mode != "" && d.mode != b.Mode {
		l.fail(d, "mode", fault{"another sensor's mode on this port is " + b.Mode, "all devices of a line speak alike: write the same mode, or define a bus"})
	}
	return l.seat(d, b)
}

// sharePort checks a sensor on a [bus.NAME] that is a port or a connection.
func (l *loader) sharePort(d *draft, b *Bus) (seat string) {
	if d.mode != "" {
		l.fail(d, "mode", fault{"belongs to the bus", "write it under [bus." + b.Name + "]"})
	}
	if b.Mode == "" && b.TCP == "" {
		b.Mode = d.Engine.Mode
	}
	return l.seat(d, b)
}

// seat gives a port to the one device that speaks on it, or to all that are
// asked over it.
func (l *loader) seat(d *draft, b *Bus) string {
	if d.Engine.Kind == catalog.Serial {
		return b.Name
	}
	b.Kind = catalog.Link
	l.unit(d, b)
	return b.Name + " asked"
}

// unit checks the device's number, or fills the usual one. On a serial line 0
// is everybody, which nobody answers to (serial line guide V1.02, section 2.2);
// over TCP it is the device itself (TCP guide V1.0b, section 4.4.2.3).
func (l *loader) unit(d *draft, b *Bus) {
	n := d.table.Fields["unit_id"]
	switch given := n != nil; {
	case !d.Engine.Units:
	case given && n.Kind == toml.Int && n.Int == 0 && (b.TCP == "" || b.Framing == framingRTU):
		l.fail(d, "unit_id", fault{"is for everybody on a serial line, and nobody answers to it", "write the device's own number, 1 to 247"})
	case given:
	case d.Engine.Unit != 0:
		d.Unit = d.Engine.Unit
	default:
		l.fail(d, "unit_id", fault{"is missing", "add unit_id = 1, or whatever number the device was given"})
	}
}

// address fills the usual address and checks a given one.
func (l *loader) address(d *draft) bool {
	addrs := d.Engine.Addrs
	switch {
	case d.table.Fields["addr"] != nil && d.Addr == 0:
		return false // reported already
	case d.Addr == 0 && len(addrs) == 0:
		l.fail(d, "addr", fault{"is missing", "add addr = 0x48, or whatever the chip's address pins say"})
		return false
	case d.Addr == 0:
		d.Addr = addrs[0]
	case len(addrs) > 0 && !slices.Contains(addrs, d.Addr):
		l.fail(d, "addr", fault{d.Engine.Name + " answers at " + hexList(addrs) + " only", ""})
		return false
	}
	return true
}

// hexList names addresses: "0x76 or 0x77", "0x40 to 0x4f".
func hexList(addrs []uint16) string {
	first, last := addrs[0], addrs[len(addrs)-1]
	if n := len(addrs); n > 2 && int(last)-int(first) == n-1 && slices.IsSorted(addrs) {
		return fmt.Sprintf("0x%02x to 0x%02x", first, last)
	}
	s := make([]string, len(addrs))
	for i, a := range addrs {
		s[i] = fmt.Sprintf("0x%02x", a)
	}
	if n := len(s); n > 1 {
		s[n-2] += " or " + s[n-1]
		s = s[:n-1]
	}
	return strings.Join(s, ", ")
}

// finishSensor lets the engine judge its options, and checks what depends on
// the outputs that it measures.
func (l *loader) finishSensor(d *draft) {
	if d.broken || d.Engine.Name == "" {
		return
	}
	facts, err := catalog.Check(d.Spec())
	if err != nil {
		l.refused(d, err)
		return
	}
	d.facts, d.known, d.Speaks = facts.Outputs, true, facts.Speaks
	d.Period = d.Every
	if d.Speaks && d.Engine.Kind == catalog.Local && d.table.Fields["every"] == nil {
		d.Period = facts.Period
	}
	takes := max(facts.MinEvery, time.Millisecond) // which is the shortest period at all
	if n := time.Duration(d.Oversample); n > 1 && takes <= d.Every && n*takes > d.Every {
		l.fail(d, "oversample", fault{
			fmt.Sprintf("%d measurements of up to %v each do not fit into every = %v", n, takes, d.Every),
			fmt.Sprintf("the most is %d", d.Every/takes),
		})
	}
	if facts.MinEvery > d.Every {
		l.fail(d, "every", fault{
			fmt.Sprintf("a measurement of this %s takes up to %v", d.Engine.Name, facts.MinEvery),
			"measure less often",
		})
	}
	l.only(d)
}

// refused reports an engine's complaint, at the option it concerns if it says
// which one.
func (l *loader) refused(d *draft, err error) {
	var oe *catalog.OptionError
	if errors.As(err, &oe) {
		l.fail(d, oe.Option, fault{oe.Msg, ""})
		return
	}
	l.fail(d, "", fault{err.Error(), ""})
}

// only checks that the outputs to keep exist and are named once.
func (l *loader) only(d *draft) {
	for i, o := range d.Only {
		switch {
		case d.measures(o):
		case d.computes(o):
			l.fail(d, "only", fault{
				toml.Shorten(o) + " is not measured, and only chooses among what " + d.Engine.Name + " measures",
				"delete it: derived outputs and aggregates are sent anyway, where send = false does not keep them back",
			})
		default:
			l.fail(d, "only", fault{toml.Shorten(o) + " is no output of " + d.Engine.Name, didYouMean(o, names(d.facts))})
		}
		switch {
		case slices.Contains(d.Only[:i], o):
			l.fail(d, "only", fault{o + " stands there twice", "delete one"})
		}
	}
}

// computes reports whether the sensor has a derived output or an aggregate of
// this name.
func (d *draft) computes(name string) bool {
	if o := d.byName[name]; o != nil && o.Derived() {
		return true
	}
	for _, o := range d.outputs {
		for i := range o.Aggregates {
			if o.Aggregates[i].Name == name {
				return true
			}
		}
	}
	return false
}
