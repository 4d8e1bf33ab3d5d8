package scan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/drivers/sysfs"
)

// usualEvery is how often what is asked is asked, unless it needs longer.
const usualEvery = 10 * time.Second

// writer writes the configuration.
type writer struct {
	b     strings.Builder
	names []string // of the sensors
	seen  []string // tables of buses
	user  catalog.Profiles
}

// sensor is one [[sensor]] to be.
type sensor struct {
	name   string // as near as possible
	use    string
	bus    string   // table of the bus it is on, "" without one
	keys   []string // lines
	polled bool     // it needs a period
}

// toml prints the report as a configuration.
func (s *scanner) toml() string {
	w := &writer{}
	if s.o.Config != nil {
		w.user = s.o.Config.Profiles
	}
	w.comment("", fmt.Sprintf("What telhub scan found on this board: %s.", s.report.Board),
		"Keep what you need, give it better names, and see what `telhub check` says.")
	for i := range s.report.Problems {
		w.comment("! ", s.report.Problems[i].String())
	}
	for i := range s.report.Kernel {
		w.kernel(&s.report.Kernel[i])
	}
	for i := range s.report.Buses {
		w.i2c(&s.report.Buses[i])
	}
	for i := range s.report.Ports {
		w.port(&s.report.Ports[i], s.o.Listen)
	}
	if s.report.Modbus != nil {
		w.modbus(s.report.Modbus)
	}
	return w.b.String()
}

// comment writes lines that explain.
func (w *writer) comment(prefix string, lines ...string) {
	for _, l := range lines {
		for part := range strings.SplitSeq(l, "\n") {
			w.b.WriteString("# " + prefix + part + "\n")
		}
	}
}

func (w *writer) blank() { w.b.WriteByte('\n') }

// unique makes a name that nobody else has.
func unique(taken *[]string, name string) string {
	free := name
	for n := 2; slices.Contains(*taken, free); n++ {
		free = name + "-" + strconv.Itoa(n)
	}
	*taken = append(*taken, free)
	return free
}

// lines gives the sensor's table.
func (x *sensor) lines(name string) []string {
	l := append([]string{"[[sensor]]", "name = " + strconv.Quote(name), "use = " + strconv.Quote(x.use)}, x.keys...)
	if x.polled {
		l = append(l, "every = "+strconv.Quote(x.every().String()))
	}
	return l
}

// every is a period that the engine can keep.
func (x *sensor) every() time.Duration {
	if e, ok := catalog.Lookup(x.use, nil); ok && e.Time > usualEvery {
		return e.Time.Round(time.Second) + time.Second
	}
	return usualEvery
}

// refusal says why package config does not take the sensor; "" if it does.
func (x *sensor) refusal(name string) string {
	text := x.bus + "\n" + strings.Join(x.lines(name), "\n") + "\n"
	_, err := config.Parse("scan", []byte(text), nil)
	var problems config.Problems
	switch {
	case err == nil:
		return ""
	case errors.As(err, &problems) && len(problems) > 0:
		return problems[0].Msg
	}
	return err.Error()
}

// sensor writes a sensor, as a comment if it is not active or if it would be refused.
func (w *writer) sensor(x *sensor, active bool) {
	name := unique(&w.names, x.name)
	prefix := ""
	if !active {
		prefix = "#"
	} else if w.user[x.use] != nil {
		w.comment("", "the profile stands in the configuration that there is: uncomment this there, or take the profile along")
		prefix = "#"
	} else if why := x.refusal(name); why != "" {
		w.comment("", "this does not work here: "+x.use+" "+why)
		prefix = "#"
	}
	for _, l := range x.lines(name) {
		w.b.WriteString(prefix + l + "\n")
	}
}

// table writes a bus's table once and returns it.
func (w *writer) table(name string, keys ...string) (bus, text string) {
	text = "[bus." + name + "]\n" + strings.Join(keys, "\n")
	if !slices.Contains(w.seen, text) {
		w.seen = append(w.seen, text)
		w.b.WriteString(text + "\n\n")
	}
	return "bus = " + strconv.Quote(name), text
}

// kernel writes what the kernel reads.
func (w *writer) kernel(k *Kernel) {
	w.blank()
	about := k.Use + ": " + k.Name
	if k.Device != "" {
		about += " (" + k.Device + ")"
	}
	if k.Note != "" {
		about += ": " + k.Note
	}
	w.comment("", about)
	if k.Note != "" || k.Use == "gpio" {
		return
	}
	name := k.Use
	if k.Use == "hwmon" || k.Use == "iio" {
		name = strings.ReplaceAll(sysfs.Name(k.Name), "_", "-")
	}
	w.sensor(&sensor{name: name, use: k.Use, keys: k.Options, polled: true}, true)
}

// i2c writes a bus and its chips.
func (w *writer) i2c(b *Bus) {
	w.blank()
	about := b.Path
	for _, s := range []string{b.Driver, b.Label} {
		if s != "" {
			about += ", " + s
		}
	}
	switch {
	case b.Skipped != "":
		about += ": not probed: " + b.Skipped
	case len(b.Chips) == 0:
		about += ": nobody answers"
	}
	w.comment("", about)
	for i := range b.Chips {
		if c := &b.Chips[i]; len(c.Candidates) == 0 {
			w.nameless(c)
		}
	}
	for i := range b.Chips {
		if c := &b.Chips[i]; len(c.Candidates) > 0 {
			w.chip(b, c)
		}
	}
}

// nameless says what is known of an address that nobody claims.
func (w *writer) nameless(c *Chip) {
	switch {
	case c.Kernel != "":
		w.comment("", fmt.Sprintf("0x%02x: the kernel's driver %s has it: %s", c.Addr, c.Kernel, c.Note))
	case len(c.Possible) > 0:
		text := fmt.Sprintf("0x%02x answers; nothing tells what it is. Possible: use = %s", c.Addr, strings.Join(c.Possible, ", "))
		if c.Note != "" {
			text += "; or " + c.Note
		}
		w.comment("", text)
	case c.Note != "":
		w.comment("", fmt.Sprintf("0x%02x answers, not known: %s; a sensor is described with [profile.…], as docs/drivers.md shows", c.Addr, c.Note))
	default:
		w.comment("", fmt.Sprintf("0x%02x answers, not known: describe it with [profile.…], as docs/drivers.md shows", c.Addr))
	}
}

// chip writes the best candidate, the others as comments.
func (w *writer) chip(b *Bus, c *Chip) {
	bus, text := w.table(fmt.Sprintf("i2c%d", b.number), "path = "+strconv.Quote(b.Path))
	best := &c.Candidates[0]
	w.comment("", fmt.Sprintf("0x%02x: %s", c.Addr, titleOf(best)))
	if len(c.Candidates) > 1 {
		w.comment("", "several chips answer like this; the best guess stands first, or it is:")
		for i := range c.Candidates[1:] {
			o := &c.Candidates[1+i]
			w.comment("", fmt.Sprintf("use = %q, %s", o.Use, titleOf(o)))
		}
	} else if best.Evidence < certain {
		w.comment("", "that is a guess: little tells this chip from others")
	}
	if len(c.Possible) > 0 && best.Evidence < certain {
		w.comment("", "also possible at this address, with nothing to tell them by: "+strings.Join(c.Possible, ", "))
	}
	w.sensor(&sensor{name: best.Use, use: best.Use, bus: text, polled: true,
		keys: []string{bus, fmt.Sprintf("addr = 0x%02x", c.Addr)}}, true)
	w.blank()
}

func titleOf(c *Candidate) string {
	if c.Title == "" {
		return c.Use
	}
	return c.Title
}

// port writes a serial port.
func (w *writer) port(p *Port, listened bool) {
	w.blank()
	about := p.Device
	for _, s := range []string{p.Product, p.Driver, p.Label} {
		if s != "" {
			about += ", " + s
		}
	}
	w.comment("", about)
	for _, l := range append(slices.Clone(p.ByID), p.ByPath...) {
		w.comment("    ", l)
	}
	if p.Shared {
		w.comment("", "its name under by-id can come to mean another adapter, so it is known by its socket")
	}
	switch h := p.Heard; {
	case p.Skipped != "":
		w.comment("", p.Skipped)
	case h == nil && !listened:
		w.comment("", fmt.Sprintf("port = %q; telhub scan --listen finds out what speaks there", p.Path))
	case h == nil || h.Bytes == 0:
		w.comment("", fmt.Sprintf("port = %q; nothing came: perhaps it has to be asked, as Modbus devices (--modbus %s)", p.Path, p.Path))
	case h.Use == "":
		w.comment("", fmt.Sprintf("port = %q; %d bytes came that nothing understands; line reads text, a profile of kind framed telegrams (docs/drivers.md)", p.Path, h.Bytes))
	default:
		if h.Sample != "" {
			w.comment("", "it says: "+h.Sample)
		}
		keys := append([]string{"port = " + strconv.Quote(p.Path), "mode = " + strconv.Quote(h.Mode)}, h.Options...)
		w.sensor(&sensor{name: h.Use, use: h.Use, keys: keys}, true)
	}
}

// modbus writes a line and its devices.
func (w *writer) modbus(m *Modbus) {
	if len(m.Units) == 0 {
		return
	}
	w.blank()
	keys := []string{"tcp = " + strconv.Quote(m.Line)}
	if m.Mode != "" {
		keys = []string{"port = " + strconv.Quote(m.Line), "mode = " + strconv.Quote(m.Mode)}
	}
	if m.Every {
		w.comment("", "it answers to every number, so it does not look at them")
	}
	usable := slices.ContainsFunc(m.Units, func(u Unit) bool { return len(u.Candidates) > 0 })
	bus, text := "", ""
	if usable {
		bus, text = w.table("modbus", keys...)
	} else {
		w.comment("", "[bus.modbus]")
		w.comment("", keys...)
	}
	for i := range m.Units {
		w.unit(&m.Units[i], bus, text)
	}
}

// unit writes a device. Without an identity several profiles fit, which only
// their values can tell: then none is chosen.
func (w *writer) unit(u *Unit, bus, text string) {
	if len(u.Candidates) == 0 {
		w.comment("", fmt.Sprintf("unit %d answers, not known: describe it with [profile.…], as docs/drivers.md shows", u.ID))
		return
	}
	sure := len(u.Candidates) == 1 || u.Candidates[0].Evidence >= certain
	if !sure {
		w.comment("", fmt.Sprintf("unit %d has the registers of several profiles: compare their values with its display and uncomment one", u.ID))
	}
	for i := range u.Candidates {
		c := &u.Candidates[i]
		if sure && i > 0 {
			break
		}
		w.comment("", fmt.Sprintf("unit %d: %s", u.ID, titleOf(c)))
		if len(c.Values) > 0 {
			w.comment("", strings.Join(c.Values[:min(len(c.Values), 8)], ", "))
		}
		w.sensor(&sensor{name: c.Use, use: c.Use, bus: text, polled: true,
			keys: []string{bus, fmt.Sprintf("unit_id = %d", u.ID)}}, sure)
		w.blank()
	}
}
