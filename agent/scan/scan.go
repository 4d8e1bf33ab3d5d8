package scan

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/doctor"
	"github.com/telhub/telhub/board"
	"github.com/telhub/telhub/drivers/profile"
	"github.com/telhub/telhub/drivers/profiles"
)

// Options say where to look.
type Options struct {
	Root   string         // where /sys, /proc and /dev are; "" is "/"
	Config *config.Config // the agent's, if there is one: its profiles, and what it holds

	// Buses are I2C adapters to probe even if the board keeps them for itself
	// (displays, cameras): "/dev/i2c-0", or "all". nil probes those that
	// sensors can be connected to; a list that is not nil probes only its own.
	Buses []string
	// ReadOnly leaves out the identities: no number of a register is written.
	ReadOnly bool

	Listen   bool          // open the free serial ports and listen
	Patience time.Duration // of listening to a silent port; 0 = 11 s

	Modbus  string // port or host:port to look for Modbus devices on; "" = none
	Modes   []string
	Units   [2]uint8      // first and last number; zero = 1 to 247
	Timeout time.Duration // of a Modbus request; 0 = 200 ms

	Openers  agent.Openers // the zero value opens the kernel's adapters
	Progress io.Writer     // for people; nil is silent
}

// scanner is one pass.
type scanner struct {
	o       Options
	board   *board.Board
	devices *doctor.Devices
	chips   []*profile.Program // of kind i2c, in the order of their names
	meters  []*profile.Program // of kind modbus
	report  *Report
}

// Run looks everywhere. It ends early when ctx does, with what it has found
// until then. The error is that of a root that cannot be read, or of Modbus
// options that make no sense.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	s := &scanner{o: o, devices: doctor.NewDevices(o.Root), report: &Report{Buses: []Bus{}, Ports: []Port{}, Kernel: []Kernel{}, Problems: []Problem{}}}
	var err error
	if s.board, err = board.Detect(o.Root); err != nil {
		return nil, err
	}
	s.report.Board = s.board.Name
	if err := s.loadProfiles(); err != nil {
		return nil, err
	}
	modbus, err := s.newModbus()
	if err != nil {
		return nil, err
	}
	s.kernel()
	s.buses(ctx)
	s.ports(ctx)
	if modbus != nil {
		s.report.Modbus = modbus.run(ctx)
	}
	if ctx.Err() != nil {
		s.problem("scan", "was cut short: this is what was found until then", "")
	}
	s.report.TOML = s.toml()
	return s.report, nil
}

// loadProfiles collects the shipped profiles and the user's, which go before.
func (s *scanner) loadProfiles() error {
	all, err := profiles.All()
	if err != nil {
		return err
	}
	if s.o.Config != nil {
		all = slices.DeleteFunc(all, func(p *profile.Program) bool { return s.o.Config.Profiles[p.Name()] != nil })
		for _, p := range s.o.Config.Profiles {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *profile.Program) int { return strings.Compare(a.Name(), b.Name()) })
	for _, p := range all {
		switch p.Kind() {
		case profile.I2C:
			s.chips = append(s.chips, p)
		case profile.Modbus:
			s.meters = append(s.meters, p)
		}
	}
	return nil
}

// problem notes what could not be looked at.
func (s *scanner) problem(subject, seen, do string) {
	s.report.Problems = append(s.report.Problems, Problem{Subject: subject, Seen: seen, Do: do})
}

// warn notes what may make the result wrong.
func (s *scanner) warn(subject, seen, do string) {
	s.report.Problems = append(s.report.Problems, Problem{Subject: subject, Seen: seen, Do: do, Warning: true})
}

// progress tells people what is going on.
func (s *scanner) progress(format string, args ...any) {
	fmt.Fprintf(s.o.Progress, format+"\n", args...)
}

// path gives a path of the machine as this process sees it.
func (s *scanner) path(p string) string { return filepath.Join(s.o.Root, p) }

// agentHas reports whether an agent that runs with the configuration uses a
// device, which processes of other users do not show.
func (s *scanner) agentHas(device string) (pid int, has bool) {
	if s.o.Config == nil {
		return 0, false
	}
	pid, runs := s.devices.Agent(s.o.Config)
	has = runs && slices.ContainsFunc(s.o.Config.Buses, func(b config.Bus) bool {
		real, err := filepath.EvalSymlinks(s.path(b.Device()))
		if err != nil {
			return b.Device() == device
		}
		here, err := filepath.EvalSymlinks(s.path(device))
		return err == nil && real == here
	})
	return pid, has
}
