package doctor

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/telhub/telhub/agent/flash"
	"github.com/telhub/telhub/internal/brief"
)

// system looks at the machine: memory, power, watchdog, kernel.
func (x *exam) system(context.Context) {
	x.memory()
	x.kernel()
	x.power()
	x.watchdog()
	x.wear()
	x.memoryLimit()
}

func (x *exam) memory() {
	if x.costs == nil {
		return
	}
	need, free := int64(x.costs.Memory), x.tree.meminfo("MemAvailable")
	seen := fmt.Sprintf("%s available, the agent takes at most %s", brief.Bytes(free), brief.Bytes(need))
	switch {
	case free == 0:
		x.warn("memory", "/proc/meminfo does not tell what is available", "look at free -m yourself; telhub check prints the worst case")
	case x.agent != nil, free >= 2*need: // a running agent has its share already
		x.ok("memory", seen)
	case free >= need:
		x.warn("memory", seen+": little is left for the rest", "lower queue.capacity or uplink.frame, or free memory")
	default:
		x.fail("memory", seen, "lower queue.capacity or uplink.frame, or free memory; telhub check tells what takes how much")
	}
}

// memoryLimit compares the unit's limit with the worst case.
func (x *exam) memoryLimit() {
	limit := x.unit.get("MemoryMax")
	n, ok := parseSize(limit)
	if x.costs == nil || !ok || n >= int64(x.costs.Memory)*5/4 {
		return
	}
	x.warn("MemoryMax", fmt.Sprintf("the unit allows %s, the agent takes up to %s besides its program", limit, brief.Bytes(int64(x.costs.Memory))),
		"raise MemoryMax= with systemctl edit telhub, or lower queue.capacity")
}

// parseSize reads systemd's sizes: "64M" is 64·2²⁰.
func parseSize(s string) (int64, bool) {
	shift := 0
	if s != "" {
		if i := strings.IndexByte("KMGT", s[len(s)-1]); i >= 0 {
			shift, s = 10*(i+1), s[:len(s)-1]
		}
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return n << shift, err == nil && n > 0
}

// gpioMajor and gpioMinor are the first kernel with GPIO lines of version 2,
// the only ones that telhub speaks (linux/gpio.h, GPIO_V2_GET_LINE_IOCTL).
const gpioMajor, gpioMinor = 5, 10

func (x *exam) kernel() {
	release := x.tree.text("/proc/sys/kernel/osrelease")
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		x.warn("kernel", "its version cannot be read", "look at uname -r: GPIO lines need "+fmt.Sprintf("%d.%d", gpioMajor, gpioMinor))
		return
	}
	if major > gpioMajor || major == gpioMajor && minor >= gpioMinor {
		x.ok("kernel", release)
		return
	}
	seen := release + " is older than 5.10: GPIO lines of version 2 are missing"
	if x.needs("gpio") {
		x.fail("kernel", seen+", and the configuration has such lines", "update the kernel, or remove the sensors, indicators and supplies that name a gpiochip")
		return
	}
	x.warn("kernel", seen, "update it before you configure GPIO lines")
}

// power looks for what a Raspberry Pi remembers of its supply.
func (x *exam) power() {
	const cure = "use a stronger supply and a short, thick cable; low voltage corrupts SD cards and resets USB adapters"
	for _, dir := range x.tree.glob("/sys/class/hwmon/hwmon*") {
		if x.tree.text(dir+"/name") != "rpi_volt" {
			continue
		}
		if x.tree.text(dir+"/in0_lcrit_alarm") == "1" {
			x.fail("power", "the board reports low voltage", cure)
		} else {
			x.ok("power", "the board reports no low voltage since it last looked")
		}
	}
	// Bit 0: low voltage now; bit 16: since the boot (Raspberry Pi firmware, get_throttled).
	for _, file := range x.tree.glob("/sys/devices/platform/soc/soc:firmware/get_throttled") {
		bits, err := strconv.ParseUint(strings.TrimPrefix(x.tree.text(file), "0x"), 16, 64)
		switch {
		case err != nil:
		case bits&1 != 0:
			x.fail("power", "the board reports low voltage now", cure)
		case bits&(1<<16) != 0:
			x.warn("power", "the board had low voltage since it started", cure)
		}
	}
}

func (x *exam) watchdog() {
	pings, hardware := x.unit.get("WatchdogSec"), x.tree.exists("/dev/watchdog")
	if x.unit != nil && pings == "" {
		x.warn("watchdog", "the unit has no WatchdogSec=: a hung agent is not restarted", "systemctl edit telhub: WatchdogSec=30 under [Service]")
	} else if pings != "" {
		x.ok("watchdog", "systemd restarts an agent that hangs for "+pings)
	}
	on := false
	for _, file := range append(x.tree.glob("/etc/systemd/system.conf.d/*.conf"), "/etc/systemd/system.conf", "/usr/lib/systemd/system.conf") {
		for line := range strings.Lines(x.tree.text(file)) {
			v, ok := strings.CutPrefix(strings.TrimSpace(line), "RuntimeWatchdogSec=")
			on = on || ok && v != "" && v != "0" && v != "off"
		}
	}
	switch {
	case hardware && on:
		x.ok("hardware watchdog", "resets a board that hangs")
	case hardware:
		x.warn("hardware watchdog", "the board has one and nothing feeds it: a kernel that hangs stays so",
			"put RuntimeWatchdogSec=15 into /etc/systemd/system.conf and run systemctl daemon-reexec")
	}
}

// wornOut is from what part of its life on an eMMC counts as worn.
const wornOut = 0.9

// wear reads the registers of eMMCs that tell of their life.
func (x *exam) wear() {
	for _, l := range flash.Lives(x.o.Root) {
		used := max(l.Used[0], l.Used[1])
		seen := fmt.Sprintf("%.0f %% of its life is used, at most", used*100)
		switch {
		case l.PreEOL >= flash.EOLWarning:
			x.fail(l.Device, seen+"; most of its spare blocks are gone", "replace it, or the board, before it becomes read-only")
		case used >= wornOut:
			x.warn(l.Device, seen, "plan to replace it, or the board; set spool.flash_budget meanwhile")
		default:
			x.ok(l.Device, seen)
		}
	}
}
