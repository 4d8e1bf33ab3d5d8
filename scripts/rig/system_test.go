//go:build hil && system

package rig

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// system is a board that runs Debian with systemd from its card, and that
// somebody installs telhub on.
type system struct {
	*world
	auditor
	report *report
	bus    int    // /dev/i2c-N of the thermometer th0
	toml   string // its configuration
	counts string // the serial port that the counter is at
	line   string // the other end of that
	cuts   int    // power-offs
}

// TestSystem is a Raspberry Pi from the first boot to its last.
func TestSystem(t *testing.T) {
	s := newSystem(t, "raspi3b", "raspi3b: Raspberry Pi 3B", "guest/system.toml")
	s.bus, s.counts, s.line, s.cuts = 1, "ttyUSB0", "usb", cutsWanted(t)
	s.live(t, []step{
		{"boot", s.firstPower},
		{"install the package", s.install},
		{"configure", s.configure},
		{"devices, groups and limits", s.devices},
		{"temperatures follow the world", s.temperatures},
		{"the kernel reads another chip, telhub asks it", s.shore},
		{"the kernel reads the same chip", s.sameChip},
		{"a capture at the UART", s.uart},
		{"the agent is killed and started again", s.killed},
		{"the network is unplugged", s.unplugged},
		{"power-offs in an outage", s.powerOffs},
		{"the card and the streams as a whole", s.end},
	})
}

// TestSystemIMX is an i.MX8M Plus: another processor, other drivers.
func TestSystemIMX(t *testing.T) {
	s := newSystem(t, "imx8mp-evk", "imx8mp-evk: i.MX8M Plus EVK", "guest/system-imx.toml")
	s.env = append(s.env, "RIG_MACHINE=imx8mp-evk")
	s.bus, s.counts, s.line, s.cuts = 2, "ttymxc0", "uart", min(2, cutsWanted(t))
	s.live(t, []step{
		{"boot", s.firstPower},
		{"install the package", s.install},
		{"configure", s.configure},
		{"devices, groups and limits", s.devices},
		{"temperatures follow the world", s.temperatures},
		{"the kernel reads the same chip", s.sameChip},
		{"power-offs in an outage", s.powerOffs},
		{"the card and the streams as a whole", s.end},
	})
}

type step struct {
	name string
	do   func(*testing.T)
}

func newSystem(t *testing.T, board, title, toml string) *system {
	t.Helper()
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "everysec")
	s := &system{
		world:   &world{board: bareBoard(t, board, server.Port()), journal: "journalctl -b -u telhub -o cat --no-pager"},
		auditor: newAuditor(t, server.URL()), report: newReport(t, board, title), toml: toml,
	}
	s.streams = follow(t, server)
	s.env = []string{"RIG_SYSTEM=1", "RIG_BOOT=1200"} // an emulator on a busy machine
	t.Cleanup(s.unplug)
	install(t, environ(t, "RIG_DEB"), filepath.Join(s.overlay, "root/telhub.deb"), 0o644)
	install(t, toml, filepath.Join(s.overlay, "root/telhub.toml"), 0o644)
	return s
}

func (s *system) live(t *testing.T, steps []step) {
	t.Helper()
	for _, x := range steps {
		s.report.stage(t, x.name, x.do, s.tell)
	}
}

// tell prints what the board knows of a failure, if it can still be asked.
func (s *system) tell(t *testing.T) {
	t.Helper()
	t.Run("the board's own words", func(t *testing.T) {
		for _, c := range []string{"export SYSTEMD_COLORS=0 SYSTEMD_URLIFY=0; systemctl --no-pager --failed; systemctl --no-pager -l status telhub", s.journal + " | tail -n 80", "dmesg | tail -n 40"} {
			out, _ := s.try(t, 3*time.Minute, c)
			t.Logf("%s:\n%s", c, out)
		}
	})
}

// firstPower boots a card that was just written.
func (s *system) firstPower(t *testing.T) {
	s.up(t, nil)
	if err := os.RemoveAll(s.overlay); err != nil { // from now on the card is the board's own
		t.Fatal(err)
	}
	if err := os.Mkdir(s.overlay, 0o755); err != nil {
		t.Fatal(err)
	}
	// one command that waits: asking again and again would slow the board down
	if out, _ := s.try(t, 15*time.Minute, "systemctl is-system-running --wait"); strings.TrimSpace(out) != "running" {
		t.Fatalf("systemd is %s: units have failed:\n%s", strings.TrimSpace(out), s.run(t, "systemctl --no-pager --failed"))
	}
	t.Log(s.slow(t, "uname -srvm; systemctl --version | head -n1; systemd-analyze time; tr '\\0' '\\n' </proc/device-tree/model; df -h / | tail -n1"))
	if out := s.slow(t, "mount | grep ' on / '"); !strings.Contains(out, "/dev/mmcblk") {
		t.Errorf("the root is not the card: %s", out)
	}
}

// slow is run for what takes long on an emulator.
func (s *system) slow(t *testing.T, command string) string {
	t.Helper()
	out, status := s.try(t, 10*time.Minute, command)
	if status != 0 {
		t.Fatalf("on the board: %s: exit status %d\n%s", command, status, out)
	}
	return out
}

// install: apt takes the package, and systemd has the unit running.
func (s *system) install(t *testing.T) {
	s.slow(t, "DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 -q install -y --no-install-recommends /root/telhub.deb </dev/null")
	s.awaitActive(t)
	t.Log(s.slow(t, "dpkg-query -W telhub; telhub version; dpkg --verify telhub && systemctl is-enabled telhub && systemctl show telhub -p SubState,StatusText,NRestarts,ExecMainPID"))
}

func (s *system) awaitActive(t *testing.T) {
	t.Helper()
	await(t, 5*time.Minute, "telhub active", func() bool {
		out, _ := s.try(t, 2*time.Minute, "systemctl is-active telhub")
		return strings.TrimSpace(out) == "active"
	})
}

// configure: the file is put in place, checked and reloaded; the thermometer's
// values come to Redis.
func (s *system) configure(t *testing.T) {
	s.temperature(t, "th0", 21500)
	s.read(t)
	before := uint64(0) // a card that was configured before has an epoch already
	if got := s.since(0, "thermo/temperature"); len(got) > 0 {
		before = got[len(got)-1].in.ID.Epoch
	}
	t.Log(s.slow(t, "install -m 640 -g telhub /root/telhub.toml /etc/telhub.toml && telhub check && systemctl reload telhub"))
	s.awaitActive(t)
	s.begin(t, before)
	s.join(t)
	s.setDate(t)
}

// begin waits for the first samples after a reload, which opens a new epoch:
// one after that before. The agent has run since it was installed, with the
// package's own configuration and no Redis, so it is not the first one.
func (s *system) begin(t *testing.T, before uint64) {
	t.Helper()
	epoch := uint64(0)
	await(t, 10*time.Minute, "temperatures in Redis", func() bool {
		s.read(t)
		if got := s.since(0, "thermo/temperature"); len(got) > 0 {
			epoch = got[len(got)-1].in.ID.Epoch
		}
		return epoch > before
	})
	boot := s.all[len(s.all)-1].Boot
	for uint64(len(s.boots)+1) < epoch {
		s.boots = append(s.boots, boot)
	}
	t.Logf("temperatures come in epoch %d", epoch)
}

// join waits for a new epoch's live samples and then lets the counter speak.
func (s *system) join(t *testing.T) {
	t.Helper()
	s.arrived(t, 10*time.Minute)
	s.awaitPort(t, s.counts)
	s.unplug()
	s.plugged = s.plug(t, s.line)
	if s.gnss != nil { // unplugged with the counter
		s.gnss = s.plug(t, "uart")
	}
	s.counter.start(s.plugged)
	s.awaitCounter(t, s.counter.last()+1)
}

// devices: what the package's rules and unit promise, on a real kernel.
func (s *system) devices(t *testing.T) {
	t.Log(s.run(t, "ls -l /dev/telhub/ /dev/i2c-* /dev/gpiochip* /dev/"+s.counts))
	for _, want := range []string{
		fmt.Sprintf("[ $(stat -c %%G:%%a /dev/i2c-%d) = i2c:660 ]", s.bus),
		"[ $(stat -c %G:%a /dev/gpiochip0) = gpio:660 ]",
		fmt.Sprintf("[ $(stat -c %%G /dev/%s) = dialout ]", s.counts),
		fmt.Sprintf("ls /dev/telhub/i2c-platform-* && [ $(readlink -f $(sed -n 's/^path = \"\\(.*\\)\"/\\1/p' /etc/telhub.toml)) = /dev/i2c-%d ]", s.bus),
		"[ $(stat -c %U /proc/$(pidof telhub)) = telhub ]",
		"grep -q '^CapEff:.*0000000000000000' /proc/$(pidof telhub)/status",
		"grep -q '^Seccomp:.*2' /proc/$(pidof telhub)/status",
		"[ $(cat /sys/fs/cgroup/system.slice/telhub.service/memory.max) -lt 268435456 ]",
	} {
		if out, status := s.try(t, time.Minute, want); status != 0 {
			t.Errorf("%s: exit status %d\n%s", want, status, out)
		}
	}
	t.Log(s.run(t, "cat /sys/fs/cgroup/system.slice/telhub.service/memory.current /sys/fs/cgroup/system.slice/telhub.service/memory.max; grep -E 'VmHWM|RssAnon' /proc/$(pidof telhub)/status"))
}

// shore: a chip of the kernel's, found by the device tree.
func (s *system) shore(t *testing.T) {
	for _, celsius := range []float64{-25, 0.5, 64.75} {
		s.temperature(t, "th1", int(celsius*1000))
		await(t, 2*time.Minute, "the kernel's chip", func() bool {
			s.read(t)
			got := s.since(0, "shore/temperature")
			return len(got) > 0 && got[len(got)-1].Value == celsius
		})
		if kernel := s.kernel(t, "0-0049"); kernel != celsius {
			t.Errorf("hwmon: %v °C, telhub and the world %v", kernel, celsius)
		}
	}
}

// kernel is what hwmon has of a chip, in degrees.
func (s *system) kernel(t *testing.T, chip string) float64 {
	t.Helper()
	out := s.sound(t, "cat /sys/bus/i2c/devices/"+chip+"/hwmon/hwmon*/temp1_input")
	milli, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
	if err != nil {
		t.Fatalf("hwmon of %s: %v", chip, err)
	}
	return milli / 1000
}

// sameChip: telhub reads the chip, then the kernel takes it and reads it, then
// the kernel lets go and telhub goes on, all without a restart.
func (s *system) sameChip(t *testing.T) {
	devices := fmt.Sprintf("/sys/bus/i2c/devices/i2c-%d/", s.bus)
	for _, celsius := range []float64{-40, -12.25, 0, 27.125, 101.5} {
		s.temperature(t, "th0", int(celsius*1000))
		s.awaitTemperature(t, celsius)
		s.sound(t, "modprobe lm75; [ -e "+devices+fmt.Sprintf("%d-0048", s.bus)+" ] || echo tmp105 0x48 >"+devices+"new_device")
		if kernel := s.kernel(t, fmt.Sprintf("%d-0048", s.bus)); math.Abs(kernel-celsius) >= 0.001 { // hwmon has whole millidegrees
			t.Errorf("hwmon: %v °C, telhub and the world %v", kernel, celsius)
		}
		from := len(s.all)
		s.run(t, "echo 0x48 >"+devices+"delete_device")
		await(t, 2*time.Minute, "telhub to read its chip again", func() bool {
			s.read(t)
			return len(s.since(from, "thermo/temperature")) > 0
		})
	}
	s.checkPid(t)
}

// uart: what a receiver said, at the board's own UART.
func (s *system) uart(t *testing.T) {
	s.awaitPort(t, "ttyAMA0")
	s.gnss = s.plug(t, "uart")
	for _, name := range []string{"beidou-bd.log", "neo-m8n.log"} {
		from := len(s.all)
		want := gpsdFixes(t, "../../drivers/nmea/testdata/"+name+".chk")
		play(t, s.gnss, capture(t, name), 5*time.Millisecond)
		s.awaitFixes(t, from, len(want))
		compareFixes(t, s.fixes(from), want)
		t.Logf("%s: %d fixes", name, len(want))
	}
}

// killed: systemd starts the agent again; what it had not sent is declared.
func (s *system) killed(t *testing.T) {
	s.awaitCounter(t, s.counter.pause()) // later stages want each number
	s.run(t, "systemctl kill -s KILL telhub")
	await(t, 3*time.Minute, "another process", func() bool {
		out, status := s.try(t, time.Minute, "pidof telhub")
		return status == 0 && out != s.pid
	})
	s.join(t)
	if out := s.run(t, "systemctl show telhub -P NRestarts"); strings.TrimSpace(out) != "1" {
		t.Errorf("NRestarts = %s", out)
	}
	s.checkAudit(t)
}

// unplugged: the cable is out for a while, nothing is missing.
func (s *system) unplugged(t *testing.T) {
	s.awaitCounter(t, s.counter.last())
	s.outage(t)
	s.checkAudit(t)
}

// end: the card's file system is sound, the streams are in order.
func (s *system) end(t *testing.T) {
	s.checkOrder(t)
	t.Logf("%s", s.audit(t))
	s.slow(t, "systemctl stop telhub; sync")
	s.cut(t)
	image := filepath.Join(s.dir, "sd.img")
	for _, args := range [][]string{{"-p", image}, {"-fn", image}} { // replays the journal, then looks
		out, err := exec.Command("e2fsck", args...).CombinedOutput()
		t.Logf("e2fsck %v:\n%s", args, out)
		if err != nil && (args[0] != "-p" || err.(*exec.ExitError).ExitCode() > 1) {
			t.Errorf("e2fsck %v: %v", args, err)
		}
	}
}
