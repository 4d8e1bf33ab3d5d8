package scan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/telhub/telhub/board"
	"github.com/telhub/telhub/drivers/serial"
)

// ports looks at every serial port, and listens to the free ones if that is
// asked for.
func (s *scanner) ports(ctx context.Context) {
	all, err := serial.List(s.o.Root)
	if err != nil {
		all = nil // a kernel without serial ports has no such class
	}
	for i := range all {
		p := s.port(&all[i], all)
		if s.o.Listen && p.Skipped == "" && ctx.Err() == nil {
			s.listen(ctx, &p)
		}
		s.report.Ports = append(s.report.Ports, p)
	}
}

// port describes a port.
func (s *scanner) port(info *serial.Info, all []serial.Info) Port {
	p := Port{Path: info.Path, Device: info.Device, ByID: info.ByID, ByPath: info.ByPath, Driver: info.Driver, Product: info.Product}
	p.Shared = shared(info, all)
	if p.Shared && len(p.ByPath) > 0 {
		p.Path = p.ByPath[0]
	}
	there := s.board.Port(info.Device)
	if there != nil {
		p.Label = there.Label
	}
	p.Holders = s.devices.Holders(info.Device)
	p.Skipped = s.unfit(&p, there)
	return p
}

// unfit says why nobody should listen to a port.
func (s *scanner) unfit(p *Port, there *board.Serial) string {
	name := strings.TrimPrefix(p.Device, "/dev/")
	pid, agent := s.agentHas(p.Device)
	switch {
	case there == nil:
		return "there is no " + p.Device
	case there.Console || slices.Contains(s.board.Console.Ports, name):
		return "the kernel's console is on it (" + s.board.Console.From + "); telhub doctor says how to free it"
	case !there.Exposed:
		return "not for sensors, as far as telhub knows this board"
	case len(p.Holders) > 0 && p.Holders[0].Login:
		return fmt.Sprintf("%s (pid %d) offers a login on it: systemctl disable --now serial-getty@%s.service", p.Holders[0].Name, p.Holders[0].PID, name)
	case len(p.Holders) > 0:
		return fmt.Sprintf("%s (pid %d) has it open", p.Holders[0].Name, p.Holders[0].PID)
	case agent:
		return fmt.Sprintf("the agent (pid %d) has it open", pid)
	}
	if ok, seen, cure := s.devices.MayOpen(p.Device); !ok {
		s.problem(p.Device, seen, cure)
		return seen
	}
	return ""
}

// usb tells adapters from the board's own ports.
func usb(device string) bool {
	return strings.HasPrefix(device, "/dev/ttyUSB") || strings.HasPrefix(device, "/dev/ttyACM")
}

// shared reports whether a port's name under by-id may come to mean another
// adapter. Adapters without a serial number (CH340, PL2303) all have one name
// there, and only one of them has the link.
func shared(p *serial.Info, all []serial.Info) bool {
	if !usb(p.Device) || len(p.ByID) == 0 {
		return false
	}
	return slices.ContainsFunc(all, func(o serial.Info) bool {
		return usb(o.Device) && o.Device != p.Device && len(o.ByID) == 0 && o.Product == p.Product && o.Driver == p.Driver
	})
}
