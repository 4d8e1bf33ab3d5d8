package doctor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/physic"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/drivers/sim"
)

// contextOf is a context that outlives t.Context, which ends before Cleanup.
func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(context.WithoutCancel(t.Context()))
}

const greenhouse = `
[bus.i2c1]
path = "/dev/i2c-1"
[[sensor]]
name = "greenhouse"
use = "bme280"
bus = "i2c1"
addr = 0x76
every = "10s"
`

// pi is the tree of a Raspberry Pi with its header's bus at 100 kHz.
func pi(more map[string]string) map[string]string {
	cell := string(binary.BigEndian.AppendUint32(nil, 100_000))
	files := map[string]string{
		"dev/i2c-1": "", "proc/device-tree/compatible": "raspberrypi,4-model-b\x00brcm,bcm2711\x00",
		"proc/device-tree/model":                                        "Raspberry Pi 4 Model B\x00",
		"sys/bus/i2c/devices/i2c-1/name":                                "bcm2835 (i2c@7e804000)\n",
		"sys/bus/i2c/devices/i2c-1/of_node":                             "->../../../../firmware/devicetree/base/soc/i2c@7e804000",
		"sys/firmware/devicetree/base/soc/i2c@7e804000/clock-frequency": cell,
	}
	for name, text := range more {
		files[name] = text
	}
	return files
}

// simulated is a bus of package sim as an adapter.
type simulated struct{ *sim.I2CBus }

func (simulated) Reopen() error                   { return nil }
func (simulated) Close() error                    { return nil }
func (simulated) SetSpeed(physic.Frequency) error { return errors.ErrUnsupported }

func opens(b *sim.I2CBus) agent.Openers {
	return agent.Openers{I2C: func(string, time.Duration) (agent.I2C, error) { return simulated{b}, nil }}
}

func TestBusAndChips(t *testing.T) {
	bus := sim.NewI2CBus("/dev/i2c-1")
	bus.Attach(0x48, sim.NewTMP102())
	bus.Attach(0x49, sim.NewTMP117())
	o := Options{Root: grow(t, pi(map[string]string{
		"sys/bus/i2c/devices/1-004a/driver": "->../../drivers/lm75",
	})), Openers: opens(bus), Config: load(t, noRedis+greenhouse+`
[[sensor]]
name = "attic"
use = "tmp102"
bus = "i2c1"
addr = 0x48
[[sensor]]
name = "cellar"
use = "tmp117"
bus = "i2c1"
addr = 0x49
[[sensor]]
name = "owned"
use = "tmp102"
bus = "i2c1"
addr = 0x4a
[[sensor]]
name = "long"
use = "long"
bus = "i2c1"
addr = 0x61
[profile.long]
kind = "i2c"
stretches = true
max_speed = 50_000
read = [{ reg = 0x00, bytes = 2 }]
out.temperature = { at = 0, type = "i16be", unit = "Cel" }
`)}
	r := examine(t, o)
	want(t, r, "i2c", "i2c1", OK, "/dev/i2c-1", "bcm2835", "header pins 3", "100 kHz")
	want(t, r, "i2c", "attic", OK, "tmp102 at 0x48 answers")
	want(t, r, "i2c", "cellar", OK, "tmp117 at 0x49 answers")
	want(t, r, "i2c", "greenhouse", Fail, "bme280 at 0x76 does not answer", "address pin")
	want(t, r, "i2c", "owned", Fail, "the kernel's driver lm75 owns this address", "1-004a")
	want(t, r, "i2c", "long", Warn, "stretches the clock", "i2c_arm_baudrate=10000")
	want(t, r, "i2c", "long", Warn, "bears a bus clock of 50 kHz at most, and this bus runs at 100 kHz", "i2c_arm_baudrate=50000")

	bus.Attach(0x61, sim.NewTMP102()) // and the wrong chip at an address
	bus.Detach(0x49)
	bus.Attach(0x49, sim.NewTMP102())
	r = examine(t, o)
	want(t, r, "i2c", "cellar", Fail, "another chip answers there", "correct use or addr")
	want(t, r, "i2c", "long", OK, "answers")
	bus.SetTimeout(time.Millisecond)
	bus.Inject(sim.Fault{Kind: sim.Stuck, Times: 100})
	want(t, examine(t, o), "i2c", "attic", Fail, "a line is held low")
}

func TestBusIsMissing(t *testing.T) {
	files := pi(nil)
	delete(files, "dev/i2c-1")
	o := Options{Root: grow(t, files), Config: load(t, noRedis+greenhouse)}
	want(t, examine(t, o), "i2c", "i2c1", Fail, "/dev/i2c-1: no such file", "modprobe i2c-dev")
	o.Root = grow(t, map[string]string{"proc/device-tree/compatible": "raspberrypi,4-model-b\x00", "dev/null": ""})
	want(t, examine(t, o), "i2c", "i2c1", Fail, "no I2C bus at all", "dtparam=i2c_arm=on")
	o.Root = grow(t, map[string]string{"dev/i2c-1": "->null", "dev/null": ""})
	want(t, examine(t, o), "i2c", "i2c1", Fail, "not an I2C adapter")
	// a real file that is no adapter: the transport's own words
	o.Root, o.Config.Buses[0].Path = grow(t, pi(nil)), "/dev/i2c-1"
	o.Openers = agent.Openers{I2C: func(path string, _ time.Duration) (agent.I2C, error) {
		return nil, fmt.Errorf("%s: open: %w", path, unix.ENOTTY)
	}}
	want(t, examine(t, o), "i2c", "i2c1", Fail, "inappropriate ioctl", "dmesg")
}

// Devices that the service's user may not open, each with what helps there.
func TestUserMayNotOpenDevices(t *testing.T) {
	root := grow(t, pi(map[string]string{
		"etc/systemd/system/telhub.service": "[Service]\nUser=telhub\nWatchdogSec=30\n",
		"dev/ttyS0":                         "", "sys/class/tty/ttyS0/device": "->.",
	}))
	give(t, root, "dev/i2c-1", 44, 0o660)
	give(t, root, "dev/ttyS0", 0, 0o600)
	o := Options{Root: root, Config: load(t, noRedis+greenhouse+garden("/dev/ttyS0")), Openers: opens(sim.NewI2CBus("x"))}
	r := examine(t, o)
	want(t, r, "user", "user", OK, "telhub, uid 990", "/etc/systemd/system/telhub.service")
	want(t, r, "user", "group i2c", Warn, "telhub is not in it", "usermod -aG i2c telhub, then systemctl restart telhub")
	want(t, r, "i2c", "i2c1", Fail, "telhub may not open it: -rw-rw----, owned by root:i2c", "usermod -aG i2c telhub")
	want(t, r, "serial", "/dev/ttyS0", Fail, "owned by root:root", `KERNEL=="ttyS0", GROUP="dialout", MODE="0660"`, "60-telhub.rules")
	give(t, root, "dev/i2c-1", 0, 0o600)
	want(t, examine(t, o), "i2c", "i2c1", Fail, `SUBSYSTEM=="i2c-dev", GROUP="i2c"`)

	give(t, root, "dev/i2c-1", 44, 0o660)
	drop := filepath.Join(root, "etc/systemd/system/telhub.service.d/groups.conf")
	if err := errors.Join(os.MkdirAll(filepath.Dir(drop), 0o755), os.WriteFile(drop, []byte("[Service]\nSupplementaryGroups=dialout\nSupplementaryGroups=i2c\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	r = examine(t, o)
	want(t, r, "user", "group i2c", OK, "telhub is in it")
	want(t, r, "i2c", "i2c1", OK, "/dev/i2c-1")
	o.User = "nobody-here"
	want(t, examine(t, o), "user", "user", Fail, "there is no user nobody-here", "useradd --system")
}

// garden is a sensor on a serial port.
func garden(port string) string {
	return fmt.Sprintf(`
[[sensor]]
name = "garden"
use = "line"
port = %q
mode = "115200 8N1"
format = "json"
[sensor.out]
moisture = { key = "moisture", unit = "%%" }
`, port)
}

func TestSerialPorts(t *testing.T) {
	usb := map[string]string{
		"dev/ttyUSB0": "", "dev/ttyUSB1": "", "dev/ttyAMA0": "",
		"sys/devices/usb1/1-1/product": "USB Serial\n", "sys/devices/usb1/1-1/ttyUSB0/x": "", "sys/devices/usb1/1-2/ttyUSB1/x": "", "sys/devices/soc/uart/x": "",
		"sys/class/tty/ttyUSB0/device": "->../../../devices/usb1/1-1/ttyUSB0",
		"sys/class/tty/ttyUSB1/device": "->../../../devices/usb1/1-2/ttyUSB1",
		"sys/class/tty/ttyAMA0/device": "->../../../devices/soc/uart",
		"dev/serial/by-id/usb-1a86":    "->../../ttyUSB0",
		"dev/serial/by-path/usb-1.1":   "->../../ttyUSB0", "dev/serial/by-path/usb-1.2": "->../../ttyUSB1",
		"proc/cmdline": "console=ttyAMA0,115200 root=/dev/mmcblk0p2\n",
		"proc/70/comm": "agetty\n", "proc/70/cmdline": "/sbin/agetty\x00-o\x00-p\x00ttyAMA0\x00",
		"proc/71/comm": "ModemManager\n", "proc/71/cmdline": "/usr/sbin/ModemManager\x00",
		"proc/72/comm": "gpsd\n", "proc/72/cmdline": "gpsd\x00", "proc/72/fd/5": "->/dev/ttyUSB1",
	}
	root := grow(t, usb)
	see := func(port string) *Report {
		return examine(t, Options{Root: root, Config: load(t, noRedis+garden(port))})
	}
	r := see("/dev/ttyUSB0")
	want(t, r, "serial", "/dev/ttyUSB0", OK, "USB Serial")
	want(t, r, "serial", "/dev/ttyUSB0", Warn, "a number that another adapter can get", "configure it as /dev/serial/by-id/usb-1a86")
	want(t, r, "serial", "/dev/ttyUSB0", Warn, "ModemManager (pid 71)", "ID_MM_DEVICE_IGNORE")
	wantNone(t, r, "serial", "/dev/ttyUSB0", Fail)
	const byID = "/dev/serial/by-id/usb-1a86"
	want(t, see(byID), "serial", byID, Warn, "several adapters", "/dev/serial/by-path/usb-1.1")
	want(t, see("/dev/ttyUSB1"), "serial", "/dev/ttyUSB1", Fail, "gpsd (pid 72) has /dev/ttyUSB1 open")
	r = see("/dev/ttyAMA0")
	want(t, r, "serial", "/dev/ttyAMA0", Fail, "console is on ttyAMA0 (/proc/cmdline)", "serial-getty@ttyAMA0.service")
	want(t, r, "serial", "/dev/ttyAMA0", Fail, "agetty (pid 70) offers a login")
	want(t, see("/dev/ttyUSB7"), "serial", "/dev/ttyUSB7", Fail, "no such file", "there are", byID)
}

// A meter that is asked over an FTDI adapter waits for the adapter's timer.
func TestSlowAdapter(t *testing.T) {
	x := &exam{cfg: load(t, noRedis), report: &Report{}, tree: tree(grow(t, map[string]string{
		"sys/bus/usb-serial/devices/ttyUSB0/latency_timer": "16\n", "sys/bus/usb-serial/devices/ttyUSB1/latency_timer": "1\n",
	}))}
	x.cfg.Sensors = append(x.cfg.Sensors, load(t, noRedis+garden("/dev/ttyUSB0")).Sensors...)
	x.cfg.Sensors[0].Bus, x.cfg.Sensors[0].Speaks, x.area = "meters", false, "serial"
	b := load(t, noRedis+garden("/dev/ttyUSB0")).Buses[0]
	b.Name = "meters"
	x.latency(&b, "/dev/ttyUSB1")
	if len(x.report.Findings) != 0 {
		t.Errorf("1 ms is reported: %+v", x.report.Findings)
	}
	x.latency(&b, "/dev/ttyUSB0")
	want(t, x.report, "serial", "meters", Warn, "16 ms", "latency_timer")
	n := len(x.report.Findings)
	x.cfg.Sensors[0].Speaks = true
	if x.latency(&b, "/dev/ttyUSB0"); len(x.report.Findings) != n {
		t.Error("16 ms are reported for a device that speaks by itself")
	}
}

// A real port: free, then held by another program by flock and open file.
func TestPortIsHeld(t *testing.T) {
	pty, err := sim.NewPTY(t.TempDir(), "port")
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	x := func() *Report { return examine(t, Options{Config: load(t, noRedis+garden(pty.Path()))}) }
	r := x()
	want(t, r, "serial", pty.Path(), OK, "/dev/pts/")
	wantNone(t, r, "serial", pty.Path(), Fail)
	holder := hold(t, pty.Path())
	want(t, x(), "serial", pty.Path(), Fail, fmt.Sprintf("(pid %d) has /dev/pts/", holder), "two readers")
}
