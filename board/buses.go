package board

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// serialStems are the kernel's names of serial ports without their numbers.
func serialStems() []string {
	return []string{
		"ttyAMA", "ttyS", "ttyUSB", "ttyACM", // PL011, 8250, USB adapters, USB CDC
		"ttyTHS", "ttyTCU", "ttymxc", "ttyLP", "ttyO", // Tegra, i.MX, OMAP
		"ttyFIQ", "ttySTM", "ttyPS", "ttyUL", "ttySC", // Rockchip's console, STM32, Xilinx, Renesas
	}
}

// adapters lists the I2C adapters that the kernel has, with or without a
// device file. Several directories are asked because kernels differ in which
// they show (the class i2c-adapter is gone from recent ones).
func (t *tree) adapters(f *facts) []I2C {
	var names []string
	for _, dir := range []string{"/sys/bus/i2c/devices", "/sys/class/i2c-adapter", "/sys/class/i2c-dev", "/dev"} {
		names = append(names, t.list(dir, "i2c-")...)
	}
	slices.SortFunc(names, natural)
	var all []I2C
	for _, name := range slices.Compact(names) {
		_, n := splitNumber(name)
		a := I2C{Number: n, Path: "/dev/" + name, Device: t.exists("/dev/" + name)}
		for _, dir := range []string{"/sys/bus/i2c/devices/", "/sys/class/i2c-adapter/", "/sys/class/i2c-dev/"} {
			if a.Driver == "" {
				a.Driver = t.text(dir + name + "/name")
			}
			if a.node == "" && t.exists(dir+name) {
				a.node = t.node(dir + name)
			}
		}
		if p := f.find(f.i2c, name, a.node); p != nil {
			a.Label, a.Exposed = p.label, !p.internal
		} else {
			a.Exposed = f.i2c == nil && !displayBus(a.Driver)
		}
		all = append(all, a)
	}
	return all
}

// BusClock is the clock in Hz that the device tree asks for at I2C adapter n;
// 0 when it does not tell. root is where /sys is.
func BusClock(root string, n int) uint32 {
	name := "i2c-" + strconv.Itoa(n)
	for _, dir := range []string{"bus/i2c/devices/" + name + "/of_node", "bus/i2c/devices/" + name + "/device/of_node", "class/i2c-dev/" + name + "/device/of_node"} {
		raw, err := os.ReadFile(filepath.Join(root, "sys", dir, "clock-frequency"))
		if err == nil && len(raw) == 4 { // a cell, big-endian (Devicetree Specification v0.4, 2.2.4)
			return binary.BigEndian.Uint32(raw)
		}
	}
	return 0
}

// displayBus knows adapters of graphics cards and of PC chipsets by their
// names: nobody's sensors are there, and probing them can do harm.
func displayBus(driver string) bool {
	d := strings.ToLower(driver)
	for _, s := range []string{"ddc", "hdmi", "dpdc", "gmbus", "aux", "smbus", "nvidia", "radeon", "amdgpu", "i915"} {
		if strings.Contains(d, s) {
			return true
		}
	}
	return false
}

// ports lists the serial ports that exist in /dev and have hardware behind.
func (t *tree) ports(f *facts) []Serial {
	links := map[string][]string{}
	for _, dir := range []string{"/dev/serial/by-id", "/dev/serial/by-path", "/dev"} {
		t.links(dir, links)
	}
	header := t.headerUART(f)
	var all []Serial
	for _, name := range t.list("/dev", serialStems()...) {
		// The 8250 driver registers ports that no hardware answers for; it
		// gives them type 0, PORT_UNKNOWN (Linux Documentation/ABI/testing/sysfs-tty).
		if t.text("/sys/class/tty/"+name+"/type") == "0" {
			continue
		}
		s := Serial{Path: "/dev/" + name, Links: links[name], node: t.node("/sys/class/tty/" + name + "/device")}
		s.Label, s.Exposed = t.describe(f, &s, header)
		all = append(all, s)
	}
	return all
}

// describe says where a port comes out, and whether that is for sensors.
func (t *tree) describe(f *facts, s *Serial, header string) (label string, exposed bool) {
	name := s.Name()
	switch {
	case strings.HasPrefix(name, "ttyUSB"), strings.HasPrefix(name, "ttyACM"):
		return "USB", true
	case header != "" && s.node == header:
		return f.headerLabel, true
	case t.bluetooth(s.node):
		return "Bluetooth module", false
	}
	if p := f.find(f.serial, name, s.node); p != nil {
		return p.label, !p.internal
	}
	return "", f.serial == nil && f.headerLabel == ""
}

// headerUART finds the node of the UART on the pin header where two UARTs
// share those pins, as on the Raspberry Pi 3 and 4: the firmware and its
// overlays point the alias serial0 at it. The kernel's own device trees have
// serial0 at the UART that serves Bluetooth; there the header has the other.
func (t *tree) headerUART(f *facts) string {
	if f.headerLabel == "" {
		return ""
	}
	node := t.alias("serial0")
	if t.bluetooth(node) {
		return t.alias("serial1")
	}
	return node
}

// console finds the kernel's console: what it says is in use, else what its
// command line asked for, else what the device tree proposes.
func (t *tree) console(ports []Serial) Console {
	const active = "/sys/class/tty/console/active"
	if names := strings.Fields(t.text(active)); len(names) > 0 {
		return Console{Ports: names, From: active}
	}
	var c Console
	for _, arg := range strings.Fields(t.text("/proc/cmdline")) {
		if v, ok := strings.CutPrefix(arg, "console="); ok {
			name, _, _ := strings.Cut(v, ",") // ttyS0,115200n8
			c = Console{Ports: append(c.Ports, name), From: "/proc/cmdline"}
		}
	}
	if len(c.Ports) > 0 {
		return c
	}
	node, _, _ := strings.Cut(t.dt("chosen/stdout-path"), ":") // serial2:115200n8
	if node != "" && !strings.HasPrefix(node, "/") {
		node = t.alias(node)
	}
	for i := range ports {
		if node != "" && ports[i].node == node {
			return Console{Ports: []string{ports[i].Name()}, From: "/proc/device-tree/chosen/stdout-path"}
		}
	}
	return Console{}
}
