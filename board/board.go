package board

import (
	"cmp"
	"fmt"
	"os"
	"strings"
)

// Board is what Detect found. It is plain data and belongs to the caller.
type Board struct {
	Name       string     `json:"name"`                 // as people call it; Model when the board is not in our table
	Known      bool       `json:"known"`                // it is in our table: labels and cures are about this very board
	Model      string     `json:"model,omitempty"`      // device tree's model, or DMI's vendor and product
	Compatible []string   `json:"compatible,omitempty"` // device tree's compatible, most specific first
	Console    Console    `json:"console"`
	I2C        []I2C      `json:"i2c,omitempty"`    // in order of their numbers
	Serial     []Serial   `json:"serial,omitempty"` // in order of their names
	RTC        []string   `json:"rtc,omitempty"`    // names of the real-time clocks' drivers
	WatchOuts  []WatchOut `json:"watch_outs,omitempty"`
}

// Console says where the kernel writes its messages and offers its login.
type Console struct {
	Ports []string `json:"ports,omitempty"` // kernel names, "ttyS0"; the last one is /dev/console
	From  string   `json:"from,omitempty"`  // the file that says so
}

// I2C is one adapter.
type I2C struct {
	Number  int    `json:"number"`
	Path    string `json:"path"`            // "/dev/i2c-1"
	Driver  string `json:"driver"`          // the adapter's own name: "bcm2835 (i2c@7e804000)"
	Label   string `json:"label,omitempty"` // where it comes out: "header pins 3 (SDA) and 5 (SCL)"
	Exposed bool   `json:"exposed"`         // sensors can be connected to it, as far as we know the board
	Device  bool   `json:"device"`          // Path exists

	node string // device tree path, "" when unknown
}

// Serial is one port.
type Serial struct {
	Path    string   `json:"path"`            // "/dev/ttyAMA0"
	Links   []string `json:"links,omitempty"` // names that survive a replug, best first: by-id, by-path, serial0
	Label   string   `json:"label,omitempty"`
	Exposed bool     `json:"exposed"`
	Console bool     `json:"console"` // the kernel's console is on it

	node string
}

// WatchOut is something that bites people on this board, and its cure.
type WatchOut struct {
	ID   string `json:"id"`   // stable, for programs: "clock-stretching"
	Text string `json:"text"` // what is the matter
	Do   string `json:"do"`   // what to do about it
}

// Name gives the kernel's name of the port: "ttyAMA0".
func (s *Serial) Name() string { return strings.TrimPrefix(s.Path, "/dev/") }

// Best is the name to configure the port by: one that survives a replug where
// the kernel offers one, else Path.
func (s *Serial) Best() string {
	if len(s.Links) > 0 && strings.HasPrefix(s.Links[0], "/dev/serial/") {
		return s.Links[0]
	}
	return s.Path
}

// Port finds a serial port by its path or any of its links; nil if there is
// none.
func (b *Board) Port(path string) *Serial {
	for i := range b.Serial {
		s := &b.Serial[i]
		if s.Path == path {
			return s
		}
		for _, l := range s.Links {
			if l == path {
				return s
			}
		}
	}
	return nil
}

// Detect looks at the machine whose file system begins at root, which is "/"
// except in tests. Missing files are facts, not errors: the only error is a
// root that cannot be read.
func Detect(root string) (*Board, error) {
	if _, err := os.ReadDir(root); err != nil {
		return nil, fmt.Errorf("board: %w", err)
	}
	t := newTree(root)
	b := &Board{Compatible: t.compatible()}
	f := lookup(b.Compatible)
	b.Known = f != nil
	b.Model = cmp.Or(t.dt("model"), t.dmi())
	if f == nil {
		f = &facts{name: cmp.Or(b.Model, "unknown board")}
	}
	b.Name = f.name
	b.I2C = t.adapters(f)
	b.Serial = t.ports(f)
	b.Console = t.console(b.Serial)
	for i := range b.Serial {
		b.Serial[i].Console = b.Console.on(b.Serial[i].Name())
	}
	b.RTC = t.clocks()
	b.WatchOuts = watchOuts(b, f)
	return b, nil
}

// on reports whether the console uses the port of that kernel name.
func (c *Console) on(name string) bool {
	for _, p := range c.Ports {
		if p == name {
			return true
		}
	}
	return false
}
