package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/link"
	"github.com/telhub/telhub/drivers/modbus"
	"github.com/telhub/telhub/drivers/profile"
	"github.com/telhub/telhub/drivers/serial"
)

// The numbers that devices can have (MODBUS over Serial Line V1.02, section 2.2).
const firstUnit, lastUnit = 1, 247

// requestTime is how long a device has for its answer. Most take less than
// half of that; a longer one makes the search longer.
const requestTime = 200 * time.Millisecond

// careless is how many numbers in a row a device on TCP answers to before it
// counts as one that does not look at them.
const careless = 4

// usualModbusModes are tried in this order.
func usualModbusModes() []string {
	return []string{"9600 8N1", "19200 8E1", "2400 8N1", "9600 8E1"}
}

// search looks for Modbus devices on a line.
type search struct {
	*scanner
	probes      []*profile.Program // reads that every device answers, if only by refusing them
	modes       []string           // of a port; one empty mode for TCP
	tcp         bool
	first, last uint8
	timeout     time.Duration
	found       *Modbus
}

// newModbus checks the options; nil when Modbus was not asked for.
func (s *scanner) newModbus() (*search, error) {
	o := &s.o
	if o.Modbus == "" {
		return nil, nil
	}
	m := &search{scanner: s, modes: o.Modes, first: o.Units[0], last: o.Units[1], timeout: o.Timeout, found: &Modbus{Line: o.Modbus, Units: []Unit{}}}
	if m.first == 0 {
		m.first, m.last = firstUnit, lastUnit
	}
	if m.last < m.first || m.last > lastUnit {
		return nil, fmt.Errorf("units %d-%d: want numbers from %d to %d, the smaller one first", m.first, m.last, firstUnit, lastUnit)
	}
	if m.timeout == 0 {
		m.timeout = requestTime
	}
	m.tcp = !strings.Contains(o.Modbus, "/") && strings.Contains(o.Modbus, ":")
	switch {
	case m.tcp && len(m.modes) > 0:
		return nil, fmt.Errorf("mode %q has no meaning for a TCP connection", m.modes[0])
	case m.tcp:
		m.modes = []string{""}
	case len(m.modes) == 0:
		m.modes = usualModbusModes()
	}
	for _, mode := range m.modes {
		if _, err := serial.ParseMode(mode); err != nil && !m.tcp {
			return nil, fmt.Errorf("mode: %w", err)
		}
	}
	for _, table := range []string{"input", "holding"} {
		p, problems := profile.Compile("probe", map[string]any{"kind": "modbus",
			"out": map[string]any{"x": map[string]any{table: int64(0), "type": "u32"}}})
		if len(problems) > 0 {
			return nil, errors.New(problems[0].String())
		}
		m.probes = append(m.probes, p)
	}
	return m, nil
}

// run tries one mode after the other until somebody answers: devices on one
// line have one mode.
func (m *search) run(ctx context.Context) *Modbus {
	units := int(m.last) - int(m.first) + 1
	longest := time.Duration(len(m.modes)*units*len(m.probes)) * m.timeout
	m.progress("%s: asking %d numbers; %v at most, an interrupt prints what was found until then", m.o.Modbus, units, longest.Round(time.Second))
	for _, mode := range m.modes {
		if err := m.try(ctx, mode); err != nil {
			m.problem(m.o.Modbus, err.Error(), "")
			return m.found
		}
		if len(m.found.Units) > 0 || ctx.Err() != nil {
			break
		}
	}
	if len(m.found.Units) == 0 {
		m.problem(m.o.Modbus, "nobody answered", "check A and B (swap them), termination, the devices' mode and number; --mode and --units widen the search, --timeout helps slow devices")
	}
	return m.found
}

// open opens the line in a mode.
func (m *search) open(mode string) (link.Port, func() error, error) {
	if m.tcp {
		t := link.NewTCP(m.o.Modbus)
		return t, t.Close, t.Reopen()
	}
	format, err := serial.ParseMode(mode)
	if err != nil {
		return nil, nil, err
	}
	p, err := serial.Open(filepath.Join(m.o.Root, m.o.Modbus), serial.Options{Mode: format, Timeout: m.timeout})
	if err != nil {
		return nil, nil, err
	}
	return p, p.Close, nil
}

// try asks every number in one mode.
func (m *search) try(ctx context.Context, mode string) error {
	port, stop, err := m.open(mode)
	if err != nil {
		return err
	}
	defer stop()
	l, err := link.New(port, link.Options{Name: "modbus", Timeout: m.timeout, Gap: 4 * time.Millisecond})
	if err != nil {
		return err
	}
	for u := int(m.first); u <= int(m.last) && ctx.Err() == nil; u++ {
		if u%16 == 1 || u == int(m.first) {
			m.progress("%s: %s unit %d …", m.o.Modbus, mode, u)
		}
		there, err := m.ask(l, uint8(u))
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		m.found.Mode = mode
		m.progress("%s: unit %d answers", m.o.Modbus, u)
		m.found.Units = append(m.found.Units, Unit{ID: uint8(u), Candidates: m.candidates(ctx, l, uint8(u))})
		if n := len(m.found.Units); m.tcp && n == careless && int(m.found.Units[0].ID) == u-careless+1 {
			m.found.Every = true
			m.found.Units = m.found.Units[:1]
			break
		}
	}
	return nil
}

// ask reports whether unit is there: any answer counts, a refusal, too.
func (m *search) ask(l *link.Link, unit uint8) (bool, error) {
	for _, p := range m.probes {
		d, err := modbus.New(l, p, modbus.Opts{Unit: unit, TCP: m.tcp})
		if err != nil {
			return false, err
		}
		m.found.Requests++
		var r drivers.Reading
		_, err = d.Read(&r)
		switch {
		case err == nil, errors.Is(err, drivers.ErrInvalid), errors.Is(err, drivers.ErrNotReady):
			return true, nil
		case errors.Is(err, drivers.ErrUnplugged), errors.Is(err, drivers.ErrBusy):
			return false, err
		}
	}
	return false, nil // silence, a gateway that reaches nobody, or noise
}

// candidates tries the profiles: first their identities, then whether the
// device has all of their registers.
func (m *search) candidates(ctx context.Context, l *link.Link, unit uint8) []Candidate {
	list := []Candidate{}
	for _, p := range m.meters {
		if ctx.Err() != nil {
			break
		}
		d, err := modbus.New(l, p, modbus.Opts{Unit: unit, TCP: m.tcp})
		if err != nil {
			continue
		}
		var r drivers.Reading
		m.found.Requests += 1 + len(d.Blocks())
		if err := d.Init(); err != nil {
			continue
		}
		if _, err := d.Read(&r); err != nil {
			continue
		}
		list = append(list, Candidate{Use: p.Name(), Title: p.Title(), Evidence: p.Evidence(), Values: values(d.Outputs(), &r), bad: bad(d.Outputs(), &r)})
	}
	slices.SortStableFunc(list, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(b.Evidence, a.Evidence), cmp.Compare(a.bad, b.bad), cmp.Compare(len(b.Values), len(a.Values)))
	})
	return list
}

// bad counts the values that cannot be true.
func bad(outputs []drivers.Output, r *drivers.Reading) (n int) {
	for i := range outputs {
		if r.IsBad(i) {
			n++
		}
	}
	return n
}

// values prints a reading, for people to compare with a display: what is 0
// says little and stands last.
func values(outputs []drivers.Output, r *drivers.Reading) (list []string) {
	var zeros []string
	for i, o := range outputs {
		text := strings.TrimSpace(fmt.Sprintf("%s %s %s", o.Name, strconv.FormatFloat(r.Values[i], 'g', 6, 64), o.Unit))
		switch {
		case !r.Has(i):
		case r.Values[i] == 0:
			zeros = append(zeros, text)
		default:
			list = append(list, text)
		}
	}
	return append(list, zeros...)
}
