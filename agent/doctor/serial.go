package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/board"
	ports "github.com/telhub/telhub/drivers/serial"
)

// serial looks at each configured serial port. None is opened: that resets
// many a device.
func (x *exam) serial(context.Context) {
	all, err := ports.List(x.o.Root)
	if err != nil {
		all = nil
	}
	for i := range x.cfg.Buses {
		b := &x.cfg.Buses[i]
		if b.Port == "" {
			continue
		}
		if device, ok := x.port(b, all); ok {
			x.console(b, device)
			x.holders(b, device)
			x.modem(b, device)
			x.latency(b, device)
			x.links(b, device, all)
		}
	}
}

// port looks at the port itself and returns what the kernel calls it.
func (x *exam) port(b *config.Bus, all []ports.Info) (device string, ok bool) {
	device, err := x.tree.resolve(b.Port)
	if err != nil {
		var there []string
		for i := range all {
			there = append(there, all[i].Path)
		}
		seen := b.Port + ": " + reason(err)
		if len(there) > 0 {
			seen += "; there are " + strings.Join(there, ", ")
		} else {
			seen += "; no serial port is there"
		}
		x.fail(b.Name, seen, "plug the adapter in, or correct the path; names under /dev/serial survive a replug")
		return "", false
	}
	if ok, seen, cure := x.mayOpen(b.Port); !ok {
		x.fail(b.Name, b.Port+": "+seen, cure)
		return "", false
	}
	seen := device
	if device != b.Port {
		seen = b.Port + " → " + device
	}
	if i := slices.IndexFunc(all, func(p ports.Info) bool { return p.Device == device }); i >= 0 {
		if all[i].Product != "" {
			seen += ", " + all[i].Product
		}
		if all[i].Driver != "" {
			seen += ", driver " + all[i].Driver
		}
	}
	x.ok(b.Name, seen)
	return device, true
}

// console finds the kernel's console and login on the port.
func (x *exam) console(b *config.Bus, device string) {
	name := strings.TrimPrefix(device, "/dev/")
	if !slices.Contains(x.board.Console.Ports, name) {
		return
	}
	cure := "remove console=" + name + " from the kernel's command line, run systemctl disable --now serial-getty@" + name + ".service, and reboot"
	for _, w := range x.board.WatchOuts {
		if w.ID == "console-on-sensor-uart" && strings.Contains(w.Text, device) {
			cure = w.Do
		}
	}
	x.fail(b.Name, "the kernel's console is on "+name+" ("+x.board.Console.From+"): it writes its messages there", cure)
}

// holders names other processes that have the port open, or a login on it.
func (x *exam) holders(b *config.Bus, device string) {
	name := strings.TrimPrefix(device, "/dev/")
	mine := 0
	if x.agent != nil {
		mine = x.agent.pid
	}
	holders := x.tree.holders(device)
	for i := range holders {
		h := &holders[i]
		switch {
		case h.Login:
			x.fail(b.Name, fmt.Sprintf("%s (pid %d) offers a login on %s", h.Name, h.PID, name), "systemctl disable --now serial-getty@"+name+".service")
		case h.PID == mine || h.Agent():
			x.ok(b.Name, fmt.Sprintf("the agent (pid %d) has it open", h.PID))
		default:
			x.fail(b.Name, fmt.Sprintf("%s (pid %d) has %s open: two readers each get a part of what comes", h.Name, h.PID, device), "stop it, or give it another port")
		}
	}
	if pid, held := x.tree.lockHolder(device); held && len(holders) == 0 {
		if x.agent != nil && (pid == mine || pid <= 0) {
			x.ok(b.Name, "locked by the agent")
		} else {
			x.fail(b.Name, fmt.Sprintf("process %d holds a lock on %s", pid, device), "stop it, or give it another port")
		}
	}
}

// hasOpen reports whether a process has a device open, as far as we may look.
func (t tree) hasOpen(pid int, device string) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	entries, err := os.ReadDir(t.path(dir))
	if err != nil {
		return false
	}
	for _, e := range entries {
		if to, err := os.Readlink(t.path(dir + "/" + e.Name())); err == nil && to == device {
			return true
		}
	}
	return false
}

// modem warns of ModemManager, which sends AT commands to USB ports it finds.
func (x *exam) modem(b *config.Bus, device string) {
	if !strings.HasPrefix(device, "/dev/ttyUSB") && !strings.HasPrefix(device, "/dev/ttyACM") {
		return
	}
	if pid, name := x.tree.running("ModemManager"); pid > 0 {
		x.warn(b.Name, fmt.Sprintf("%s (pid %d) runs and may try whether %s is a modem", name, pid, device),
			`systemctl disable --now ModemManager, or put ENV{ID_MM_DEVICE_IGNORE}="1" for this adapter into a udev rule`)
	}
}

// slowLatency is from how many milliseconds on an FTDI adapter's timer delays
// answers noticeably; 16 is its default.
const slowLatency = 16

// latency looks at the timer by which FTDI adapters collect bytes.
func (x *exam) latency(b *config.Bus, device string) {
	file := "/sys/bus/usb-serial/devices/" + strings.TrimPrefix(device, "/dev/") + "/latency_timer"
	ms, err := strconv.Atoi(x.tree.text(file))
	if err != nil || ms < slowLatency || x.speaks(b) {
		return
	}
	x.warn(b.Name, fmt.Sprintf("the adapter collects bytes for %d ms before it passes them on: each answer is that much later", ms),
		"echo 1 > "+file+`, or for good a udev rule: ACTION=="add", SUBSYSTEM=="usb-serial", DRIVER=="ftdi_sio", ATTR{latency_timer}="1"`)
}

// speaks reports whether the devices on a port send by themselves: then some
// milliseconds do not matter.
func (x *exam) speaks(b *config.Bus) bool {
	return !slices.ContainsFunc(x.cfg.Sensors, func(s config.Sensor) bool { return s.Bus == b.Name && !s.Speaks })
}

// links warns of names that may mean another adapter after a replug.
func (x *exam) links(b *config.Bus, device string, all []ports.Info) {
	usb := strings.HasPrefix(device, "/dev/ttyUSB") || strings.HasPrefix(device, "/dev/ttyACM")
	i := slices.IndexFunc(all, func(p ports.Info) bool { return p.Device == device })
	switch {
	case !usb || i < 0:
	case strings.HasPrefix(b.Port, "/dev/tty"):
		x.warn(b.Name, b.Port+" is a number that another adapter can get after a replug", "configure it as "+all[i].Path)
	case strings.HasPrefix(b.Port, "/dev/serial/by-id/") && x.shared():
		x.warn(b.Name, "several adapters carry the same or no serial number and share names under by-id: this one may come to mean another",
			"configure it by the socket it is plugged into: "+bestOf(all[i].ByPath, "a link under /dev/serial/by-path"))
	}
}

func (x *exam) shared() bool {
	return slices.ContainsFunc(x.board.WatchOuts, func(w board.WatchOut) bool { return w.ID == "shared-by-id" })
}

func bestOf(list []string, other string) string {
	if len(list) > 0 {
		return list[0]
	}
	return other
}
