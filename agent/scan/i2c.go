package scan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/drivers"
	transport "github.com/telhub/telhub/drivers/i2c"
)

// The addresses that a device can have (UM10204, section 3.1.12: the others
// are reserved).
const firstAddr, lastAddr = 0x08, 0x77

// busTimeout bounds one transaction. A probe of a sound bus takes less than a
// millisecond.
const busTimeout = 100 * time.Millisecond

// stuckAfter is how many transactions in a row time out before the bus is
// given up.
const stuckAfter = 3

// buses looks at every I2C adapter.
func (s *scanner) buses(ctx context.Context) {
	if len(s.board.I2C) == 0 {
		for _, w := range s.board.WatchOuts {
			if w.ID == "i2c-off" {
				s.warn("i2c", w.Text, w.Do)
			}
		}
	}
	for i := range s.board.I2C {
		a := &s.board.I2C[i]
		b := Bus{Path: a.Path, Driver: a.Driver, Label: a.Label, Chips: []Chip{}, number: a.Number}
		if ctx.Err() != nil {
			return
		}
		s.bus(ctx, &b, a.Device, a.Exposed)
		s.report.Buses = append(s.report.Buses, b)
	}
	s.unknownBuses()
}

// unknownBuses complains of buses that were asked for and are not there.
func (s *scanner) unknownBuses() {
	for _, want := range s.o.Buses {
		if want != "all" && !slices.ContainsFunc(s.report.Buses, func(b Bus) bool { return b.Path == want }) {
			s.problem(want, "there is no such I2C bus", "telhub scan without --bus lists those there are")
		}
	}
}

// bus probes an adapter, or says why not.
func (s *scanner) bus(ctx context.Context, b *Bus, there, exposed bool) {
	switch {
	case !there:
		b.Skipped = "there is no " + b.Path
		s.problem(b.Path, "the kernel has the adapter, but programs cannot use it", "modprobe i2c-dev, and put i2c-dev into /etc/modules-load.d/i2c-dev.conf")
		return
	case s.o.Buses == nil && !exposed:
		b.Skipped = "not for sensors, as far as telhub knows this board; --bus " + b.Path + " probes it all the same"
		s.owned(b)
		return
	case s.o.Buses != nil && !slices.Contains(s.o.Buses, b.Path) && !slices.Contains(s.o.Buses, "all"):
		b.Skipped = "not asked for"
		return
	}
	if ok, seen, cure := s.devices.MayOpen(b.Path); !ok {
		b.Skipped = seen
		s.problem(b.Path, seen, cure)
		s.owned(b)
		return
	}
	if s.held(b) {
		s.owned(b)
		return
	}
	bus, err := s.open(b.Path)
	if err != nil {
		b.Skipped = err.Error()
		s.problem(b.Path, err.Error(), "check that it is an I2C adapter, and the kernel's log (dmesg)")
		return
	}
	defer bus.Close()
	s.progress("%s: probing", b.Path)
	s.probeAll(ctx, b, bus)
}

// held looks who else uses the bus. Two masters of one chip disturb each other.
func (s *scanner) held(b *Bus) bool {
	for _, h := range s.devices.Holders(b.Path) {
		if h.Agent() {
			return s.leave(b, h.PID)
		}
		s.warn(b.Path, fmt.Sprintf("%s (pid %d) uses it, too: chips that both ask may answer either wrongly", h.Name, h.PID), "stop it if readings are odd")
	}
	if pid, has := s.agentHas(b.Path); has {
		return s.leave(b, pid)
	}
	return false
}

// leave leaves the bus to the agent.
func (s *scanner) leave(b *Bus, pid int) bool {
	b.Skipped = "the agent uses it"
	if pid > 0 {
		b.Skipped += fmt.Sprintf(" (pid %d)", pid)
	}
	s.problem(b.Path, b.Skipped+", and two who ask one chip disturb each other", "systemctl stop telhub, scan, and start it again")
	return true
}

func (s *scanner) open(path string) (agent.I2C, error) {
	if s.o.Openers.I2C != nil {
		return s.o.Openers.I2C(path, busTimeout)
	}
	return transport.Open(s.path(path), transport.Options{Timeout: busTimeout})
}

// owned lists the chips that the kernel's drivers have on a bus that is not probed.
func (s *scanner) owned(b *Bus) {
	for addr := uint16(firstAddr); addr <= lastAddr; addr++ {
		if driver := s.devices.KernelDriver(b.number, addr); driver != "" {
			b.Chips = append(b.Chips, s.kernels(b, addr, driver))
		}
	}
}

// probeAll asks every address that is nobody's.
func (s *scanner) probeAll(ctx context.Context, b *Bus, bus agent.I2C) {
	upstream := s.upstream(b)
	failures := 0
	for addr := uint16(firstAddr); addr <= lastAddr && ctx.Err() == nil; addr++ {
		if driver := s.devices.KernelDriver(b.number, addr); driver != "" {
			b.Chips = append(b.Chips, s.kernels(b, addr, driver))
			continue
		}
		if slices.Contains(upstream, addr) {
			continue // it is in front of the multiplexer, and listed there
		}
		chip, err := s.probe(bus, addr)
		switch {
		case err == nil:
			failures = 0
			if chip != nil {
				b.Chips = append(b.Chips, *chip)
			}
			continue
		case errors.Is(err, drivers.ErrBusy):
			b.Chips = append(b.Chips, s.kernels(b, addr, "unknown"))
			continue
		case errors.Is(err, drivers.ErrUnplugged):
			s.problem(b.Path, err.Error(), "the adapter went away while it was probed: plug it in and scan again")
			return
		}
		if failures++; failures == stuckAfter {
			s.problem(b.Path, err.Error(), "a line is held low or lacks its pull-up: unplug chips one by one; power-cycle them")
			return
		}
	}
}

// upstream lists the addresses that answer in front of the multiplexer whose
// channel the bus is: they answer behind it, too.
func (s *scanner) upstream(b *Bus) (addrs []uint16) {
	to, err := os.Readlink(s.path(fmt.Sprintf("/sys/bus/i2c/devices/i2c-%d/mux_device", b.number)))
	if err != nil {
		return nil
	}
	parent, _, _ := strings.Cut(filepath.Base(to), "-") // "1-0070"
	n, err := strconv.Atoi(parent)
	if err != nil {
		return nil
	}
	for i := range s.report.Buses {
		if o := &s.report.Buses[i]; o.number == n {
			for k := range o.Chips {
				addrs = append(addrs, o.Chips[k].Addr)
			}
			addrs = append(addrs, s.upstream(o)...)
		}
	}
	return addrs
}

// kernels describes a chip that the kernel owns.
func (s *scanner) kernels(b *Bus, addr uint16, driver string) Chip {
	c := Chip{Addr: addr, Kernel: driver, Candidates: []Candidate{}}
	dir := fmt.Sprintf("/sys/bus/i2c/devices/%d-%04x", b.number, addr)
	has := func(pattern string) bool {
		found, _ := filepath.Glob(s.path(dir + pattern)) // its only error is a bad pattern
		return len(found) > 0
	}
	switch {
	case has("/hwmon/hwmon*"):
		c.Note = "read it by hwmon"
	case has("/iio:device*"):
		c.Note = "read it by iio"
	case has("/rtc/rtc*"):
		c.Note = "it is the board's clock"
	default:
		c.Note = fmt.Sprintf("left alone; to read it without the kernel: echo %d-%04x > /sys/bus/i2c/drivers/%s/unbind, and scan again", b.number, addr, driver)
	}
	return c
}
