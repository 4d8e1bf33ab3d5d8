package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers/profile"
	"github.com/telhub/telhub/drivers/profiles"
	"github.com/telhub/telhub/internal/spell"
)

// cmdProfiles lists the profiles, or prints one.
func (e *env) cmdProfiles(args []string) error {
	f := e.flags("profiles")
	f.BoolVar(&e.json, "json", false, "print JSON")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 && rest[0] != "show" {
		return usagef("profiles takes no argument %q; telhub profiles show NAME prints one", rest[0])
	}
	if len(rest) > 0 && len(rest) != 2 {
		return usagef("show needs the NAME of one profile; `telhub profiles` lists them")
	}
	all, err := e.allProfiles()
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return e.showProfile(all, rest[1])
	}
	return e.listProfiles(all)
}

// described is a profile with where it stands.
type described struct {
	*profile.Program
	file string // "" for a shipped one
	text string
}

// allProfiles gives the shipped profiles and the user's, which go before, in
// the order of their names. What is wrong with a user's is told, and the
// others are there all the same.
func (e *env) allProfiles() ([]described, error) {
	shipped, err := profiles.All()
	if err != nil {
		return nil, err
	}
	byName := make(map[string]described, len(shipped))
	for _, p := range shipped {
		text, _ := profiles.Source(p.Name())
		byName[p.Name()] = described{Program: p, text: text}
	}
	user, err := config.LoadProfiles(e.config)
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		return nil, err
	}
	for _, p := range problems {
		fmt.Fprintln(e.stderr, "telhub: warning:", p.Error())
	}
	for name, p := range user {
		byName[name] = described{p.Program, p.File, p.Text}
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b described) int { return cmp.Compare(a.Name(), b.Name()) }), nil
}

// where says how a profile's devices are reached: addresses, or a serial mode.
func (d *described) where() string {
	if d.Kind() != profile.I2C {
		return d.Mode()
	}
	list := d.Addresses()
	var parts []string
	for i := 0; i < len(list); {
		n := 1
		for i+n < len(list) && list[i+n] == list[i]+uint16(n) {
			n++
		}
		if n < 3 {
			n = 1
			parts = append(parts, fmt.Sprintf("0x%02X", list[i]))
		} else {
			parts = append(parts, fmt.Sprintf("0x%02X-0x%02X", list[i], list[i+n-1]))
		}
		i += n
	}
	return strings.Join(parts, " ")
}

// listed is a line of the list, as JSON has it.
type listed struct {
	Name      string   `json:"name"`
	Kind      string   `json:"kind"`
	Title     string   `json:"title"`
	Datasheet string   `json:"datasheet,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	Mode      string   `json:"mode,omitempty"`
	Outputs   []string `json:"outputs"`
	File      string   `json:"file,omitempty"` // of a user's
}

func (e *env) listProfiles(all []described) error {
	if e.json {
		list := make([]listed, len(all))
		for i := range all {
			list[i] = all[i].listed()
		}
		return json.NewEncoder(e.stdout).Encode(list)
	}
	name, where := 0, 0
	for i := range all {
		name, where = max(name, len(all[i].Name())), max(where, len(all[i].where()))
	}
	for i := range all {
		d := &all[i]
		title := d.Title()
		if d.file != "" {
			title = strings.TrimSpace(title + " (" + d.file + ")")
		}
		fmt.Fprintf(e.stdout, "%-*s  %-6s  %-*s  %s\n", name, d.Name(), d.Kind(), where, d.where(), title)
	}
	return nil
}

func (d *described) listed() listed {
	l := listed{Name: d.Name(), Kind: string(d.Kind()), Title: d.Title(), Datasheet: d.Datasheet(), File: d.file}
	for _, a := range d.Addresses() {
		l.Addresses = append(l.Addresses, fmt.Sprintf("0x%02X", a))
	}
	if d.Kind() != profile.I2C {
		l.Mode = d.Mode()
	}
	outs, _ := d.Outputs(nil) // of a profile that compiled, with its own constants
	for _, o := range outs {
		l.Outputs = append(l.Outputs, strings.TrimSpace(o.Name+" "+o.Unit))
	}
	return l
}

// showProfile prints a profile as it may be put into a file of telhub.d.
func (e *env) showProfile(all []described, name string) error {
	i := slices.IndexFunc(all, func(d described) bool { return d.Name() == name })
	if i < 0 {
		names := make([]string, len(all))
		for i := range all {
			names[i] = all[i].Name()
		}
		hint := ""
		if near := spell.Nearest(name, names); near != "" {
			hint = "; did you mean " + near + "?"
		}
		return usagef("no profile %q%s", name, hint)
	}
	d := &all[i]
	if e.json {
		return json.NewEncoder(e.stdout).Encode(struct {
			listed
			TOML string `json:"toml"`
		}{d.listed(), d.text})
	}
	_, err := fmt.Fprint(e.stdout, d.text)
	return err
}
