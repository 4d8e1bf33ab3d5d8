package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"periph.io/x/conn/v3/i2c"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/link"
	"github.com/telhub/telhub/drivers/profile"
	"github.com/telhub/telhub/drivers/profiles"
)

// Profiles are the chips that a configuration describes itself, by name.
type Profiles map[string]*profile.Program

// Problem is one thing that is wrong with a profile.
type Problem = profile.Problem

// Add compiles a profile and adds it. What is wrong comes back, all of it;
// then the profile is not added.
func (ps *Profiles) Add(name string, tree map[string]any) []Problem {
	if _, taken := engines[name]; taken {
		return []Problem{{Msg: fmt.Sprintf("%s is the name of an engine; call the profile my-%s or the like", name, name)}}
	}
	prog, problems := profile.Compile(name, tree)
	if len(problems) > 0 {
		return problems
	}
	if *ps == nil {
		*ps = make(Profiles)
	}
	(*ps)[name] = prog
	return nil
}

// shipped finds a profile that is part of the program. All of them compile, as
// a test of theirs verifies.
func shipped(name string) (Engine, bool) {
	p, ok, err := profiles.Lookup(name)
	if err != nil {
		panic("catalog: " + err.Error())
	}
	if !ok {
		return Engine{}, false
	}
	return profileEngine(p), true
}

// profileEngine makes an engine of a compiled profile. The profile's
// constants are its options.
func profileEngine(p *profile.Program) Engine {
	e := Engine{Name: p.Name(), Doc: docOf(p), Time: p.Time()}
	switch p.Kind() {
	case profile.Modbus:
		e.Kind, e.Mode, e.Units, e.Unit = Link, cmp.Or(p.Mode(), modbusMode), true, p.Unit()
		e.asked = func(l *link.Link, s *Spec) (drivers.Sensor, error) { return newModbus(l, p, s) }
	case profile.Framed:
		framedEngine(&e, p)
	default:
		e.Kind, e.Addrs, e.Stretches, e.MaxSpeed = I2C, p.Addresses(), p.Stretches(), p.MaxSpeed()
		e.sensor = func(bus i2c.Bus, s *Spec) (drivers.Sensor, error) { return newProfile(bus, p, s) }
	}
	consts := p.Consts()
	for _, name := range slices.Sorted(maps.Keys(consts)) {
		value := strconv.FormatFloat(consts[name], 'g', -1, 64)
		e.Options = append(e.Options, Option{
			Name: name, Type: Float, Default: value, Example: value,
			Doc: "Constant " + name + " of the profile.",
		})
	}
	return e
}

// docOf joins a profile's words for people.
func docOf(p *profile.Program) string {
	var parts []string
	for _, s := range []string{p.Title(), p.Doc()} {
		if s = strings.TrimSpace(s); s != "" {
			parts = append(parts, strings.TrimSuffix(s, ".")+".")
		}
	}
	if len(parts) == 0 {
		return "Profile " + p.Name() + "."
	}
	return strings.Join(parts, " ")
}

// newProfile makes a chip that runs p.
func newProfile(bus i2c.Bus, p *profile.Program, s *Spec) (drivers.Sensor, error) {
	return profile.New(bus, s.Addr, p, profile.Opts{Const: consts(p, s)})
}

// consts gives the constants of p that the sensor's options set.
func consts(p *profile.Program, s *Spec) map[string]float64 {
	set := make(map[string]float64)
	for name := range p.Consts() {
		if v, ok := s.Options[name].(float64); ok {
			set[name] = v
		}
	}
	return set
}
