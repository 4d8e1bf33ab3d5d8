package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// spoolAt is a configuration with its spool in dir.
func spoolAt(t *testing.T, dir, more string) *config.Config {
	t.Helper()
	return load(t, noRedis+fmt.Sprintf("[spool]\npath = %q\nmax_size = \"16MB\"\n", dir)+more)
}

// fill makes a spool of n frames as a run in order leaves it.
func fill(t *testing.T, dir string, n int) {
	t.Helper()
	s, _, err := store.Open(store.Options{
		Dir: dir, MaxBytes: 8 << 20, SegmentBytes: 128 << 10, PendingBytes: 128 << 10, Boot: frame.BootID{1}, Now: func() int64 { return 1000 },
	})
	if err != nil {
		t.Fatal(err)
	}
	enc := frame.NewEncoder(&frame.Schema{Channels: []frame.Channel{{Name: "greenhouse/temperature"}}}, 16)
	for seq := range uint64(n) {
		f := &frame.Frame{Lane: frame.Backfill, ID: frame.ID{Epoch: 1, Seq: seq + 1}, Boot: frame.BootID{1}, Payload: make([]byte, 0, 256)}
		if seq > 0 {
			f.Prev = frame.ID{Epoch: 1, Seq: seq}
		}
		err = errors.Join(err, enc.Encode(f, []drivers.Sample{{Stamp: 1, Value: 20}, {Stamp: 2, Value: 21}}), s.Put(f))
	}
	if err := errors.Join(err, s.Commit(), s.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestSpoolAndItsBacklog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	o := Options{Config: spoolAt(t, dir, "")}
	want(t, examine(t, o), "store", "path", OK, "will be made")
	fill(t, dir, 7)
	r := examine(t, o)
	want(t, r, "store", "path", OK, dir)
	want(t, r, "store", "backlog", OK, "7 frames with 14 samples in 1 files, all of them sound")
	want(t, r, "store", "space", OK, "of spool.max_size 16 MB")

	segs, _ := filepath.Glob(filepath.Join(dir, "*.seg"))
	b, err := os.ReadFile(segs[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := len(b) / 8; i < len(b)/2; i++ {
		b[i] = 0x55
	}
	if err := errors.Join(os.WriteFile(segs[0], b, 0o600), os.WriteFile(segs[0]+".bad-17", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	r = examine(t, o)
	want(t, r, "store", "spool", Warn, "a file is damaged", "telhub spool repair")
	want(t, r, "store", "set aside", Warn, "1 damaged files", ".seg.bad-17")
}

func TestDirectoriesThatDoNotServe(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	o := Options{Config: spoolAt(t, dir, ""), User: "nobody"}
	want(t, examine(t, o), "store", "path", Fail, "nobody may not open it", "chown nobody "+dir)
	o.Config = spoolAt(t, filepath.Join(dir, "spool"), "")
	want(t, examine(t, o), "store", "path", Fail, "mkdir "+dir+"/spool && chown nobody")
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, examine(t, Options{Config: spoolAt(t, file, "")}), "store", "path", Fail, "is not a directory")
}

// A real tmpfs, full, then mounted read-only.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m,nr_inodes=100"); err != nil {
		t.Fatalf("mount: %v: this test needs root, as make test does", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	o := Options{Config: spoolAt(t, dir, "")}
	r := examine(t, o)
	want(t, r, "store", "file system", Warn, "tmpfs", "a power cut or a restart", "spool.path")
	want(t, r, "store", "space", Warn, "2.1 MB free", "before it fills the spool", "lower spool.max_size")
	for i := range 60 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want(t, examine(t, o), "store", "inodes", Fail, "of 100 are free")
	if err := os.WriteFile(filepath.Join(dir, "big"), make([]byte, 3<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("writing 3 MB to a disk of 2 gives %v", err)
	}
	want(t, examine(t, o), "store", "space", Fail, "the disk is full")
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	want(t, examine(t, o), "store", "file system", Fail, "mounted read-only", "remount,rw "+dir)
}

func TestMounts(t *testing.T) {
	const top = "21 1 179:2 / / rw,noatime - ext4 /dev/root rw\n"
	for line, c := range map[string]struct {
		subject string
		v       Verdict
		text    string
	}{
		"30 21 0:30 / /var/lib rw - overlay overlay rw":                                   {"file system", Warn, "RequiresMountsFor="},
		"30 21 0:30 / /var/lib/telhub rw - nfs4 nas:/x rw":                                {"file system", Warn, "the network"},
		"30 21 0:30 / /var/lib rw - vfat /dev/sda1 rw":                                    {"file system", Warn, "without a journal"},
		"30 21 0:30 / /var rw,sync - ext4 /dev/sda1 rw":                                   {"mount option", Warn, "every write waits"},
		"30 21 0:30 / /var rw - ext4 /dev/sda1 rw,data=writeback":                         {"mount option", Warn, "data=ordered"},
		"30 21 0:30 / /var rw - ext4 /dev/sda1 rw,nobarrier":                              {"mount option", Warn, "take back what was committed"},
		"30 21 0:30 / /var rw - f2fs /dev/sda1 rw":                                        {"file system", OK, "f2fs on /dev/sda1 at /var"},
		"30 21 0:30 / /var/libx rw - tmpfs tmpfs rw":                                      {"file system", OK, "ext4 on /dev/root at /"},
		"30 21 0:30 / /var rw - ext4 /dev/a rw\n31 30 0:31 / /var/lib ro - squashfs b ro": {"file system", Fail, "mounted read-only"},
	} {
		root := grow(t, map[string]string{"proc/self/mountinfo": top + line + "\n", "var/lib/telhub/x": ""})
		want(t, examine(t, Options{Root: root, Config: spoolAt(t, "/var/lib/telhub", "")}), "store", c.subject, c.v, c.text)
	}
}

func TestClock(t *testing.T) {
	see := func(files map[string]string, more string, built time.Time) *Report {
		return examine(t, Options{Root: grow(t, files), Config: load(t, noRedis+more), Built: built})
	}
	r := see(nil, "[clock]\nrequire_sync = true\n", time.Now().Add(time.Hour))
	want(t, r, "clock", "date", Fail, "before this program was built", "NTP")
	want(t, r, "clock", "RTC", Warn, "there is none")
	want(t, r, "clock", "synchronised", Warn, "nothing synchronises", "systemd-timesyncd")
	want(t, r, "clock", "require_sync", Warn, "holds every sample back")
	r = see(map[string]string{"proc/9/comm": "chronyd\n", "sys/class/rtc/rtc0/name": "rtc-ds1307 1-0068\n"}, "", time.Time{})
	want(t, r, "clock", "date", OK, "plausible")
	want(t, r, "clock", "RTC", OK, "rtc0 (rtc-ds1307 1-0068)")
	want(t, r, "clock", "synchronised", Warn, "not yet, though chrony runs", "chronyc sources")
	r = see(map[string]string{"proc/9/comm": "systemd-timesyn\n", "run/systemd/timesync/synchronized": ""},
		"[[sensor]]\nname = \"gps\"\nuse = \"nmea\"\nport = \"/dev/ttyUSB0\"\n", time.Time{})
	want(t, r, "clock", "synchronised", OK, "by systemd-timesyncd")
	want(t, r, "clock", "GNSS", OK, "sensor gps")
	r = see(map[string]string{"proc/device-tree/compatible": "raspberrypi,5-model-b\x00", "sys/class/rtc/rtc0/name": "rpi-rtc"}, "", time.Time{})
	want(t, r, "clock", "RTC", Warn, "forgets the date", "J5")
}

func TestSystem(t *testing.T) {
	see := func(files map[string]string) *Report {
		return examine(t, Options{Root: grow(t, files), Config: load(t, noRedis)})
	}
	r := see(nil)
	want(t, r, "system", "memory", OK, "922 MB available")
	want(t, r, "system", "kernel", OK, "6.6.31+rpt-rpi-v8")
	want(t, see(map[string]string{"proc/meminfo": "MemAvailable: 4000 kB\n"}), "system", "memory", Fail, "4.1 MB available", "queue.capacity")
	want(t, see(map[string]string{"proc/meminfo": "MemAvailable: 14000 kB\n"}), "system", "memory", Warn, "little is left")
	want(t, see(map[string]string{"proc/meminfo": "\n"}), "system", "memory", Warn, "does not tell")
	want(t, see(map[string]string{"proc/sys/kernel/osrelease": "4.19.0-27\n"}), "system", "kernel", Warn, "older than 5.10")
	want(t, see(map[string]string{"proc/sys/kernel/osrelease": "?\n"}), "system", "kernel", Warn, "cannot be read")
	for alarm, v := range map[string]Verdict{"0\n": OK, "1\n": Fail} {
		want(t, see(map[string]string{"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": alarm}), "system", "power", v, "low voltage")
	}
	for bits, v := range map[string]Verdict{"50005": Fail, "0x50000": Warn} {
		want(t, see(map[string]string{"sys/devices/platform/soc/soc:firmware/get_throttled": bits + "\n"}), "system", "power", v, "low voltage")
	}
	unit := map[string]string{"usr/lib/systemd/system/telhub.service": "[Service]\nUser=telhub\nMemoryMax=4M\n", "dev/watchdog": ""}
	r = see(unit)
	want(t, r, "agent", "unit", Warn, "/usr/lib/systemd/system/telhub.service is not enabled", "systemctl enable")
	want(t, r, "agent", "process", Warn, "does not run", "journalctl")
	want(t, r, "system", "watchdog", Warn, "no WatchdogSec=")
	want(t, r, "system", "hardware watchdog", Warn, "RuntimeWatchdogSec=15")
	want(t, r, "system", "MemoryMax", Warn, "the unit allows 4M")
	unit["usr/lib/systemd/system/telhub.service"] += "WatchdogSec=30\n"
	unit["etc/systemd/system.conf"] = "#RuntimeWatchdogSec=0\nRuntimeWatchdogSec=15\n"
	unit["etc/systemd/system/multi-user.target.wants/telhub.service"] = "->../../../../usr/lib/systemd/system/telhub.service"
	r = see(unit)
	want(t, r, "agent", "unit", OK, "enabled")
	want(t, r, "system", "watchdog", OK, "30")
	want(t, r, "system", "hardware watchdog", OK)
	want(t, see(map[string]string{"run/systemd/system/x": ""}), "agent", "unit", Warn, "is not installed")
}

func TestWear(t *testing.T) {
	for life, c := range map[string]struct {
		v    Verdict
		text string
	}{
		"0x02 0x01": {OK, "20 %"}, "0x09 0x0a": {Warn, "100 %"},
	} {
		root := grow(t, map[string]string{"sys/block/mmcblk0/device/life_time": life + "\n", "sys/block/mmcblk0/device/pre_eol_info": "0x01\n"})
		want(t, examine(t, Options{Root: root, Config: load(t, noRedis)}), "system", "mmcblk0", c.v, c.text)
	}
	root := grow(t, map[string]string{"sys/block/mmcblk0/device/life_time": "0x02 0x02\n", "sys/block/mmcblk0/device/pre_eol_info": "0x03\n"})
	want(t, examine(t, Options{Root: root, Config: load(t, noRedis)}), "system", "mmcblk0", Fail, "spare blocks", "replace it")
}

// Beside a real agent: what it holds, how it is, what it has stored.
func TestBesideARunningAgent(t *testing.T) {
	srv := redistest.Start(t)
	pty, err := sim.NewPTY(t.TempDir(), "port")
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	listen := fmt.Sprintf("127.0.0.1:%d", redistest.FreePort(t))
	text := fmt.Sprintf("[redis]\nurl = %q\ndurability = \"aof\"\n[spool]\npath = %q\n[http]\nlisten = %q\n", srv.URL(), t.TempDir(), listen) + garden(pty.Path())
	cfg := load(t, text)
	want(t, examine(t, Options{Config: cfg}), "agent", "process", Warn, "does not run")
	a := runAgent(t, cfg)
	for deadline := time.Now().Add(20 * time.Second); a.Status().Uplink.State != "connected"; {
		if time.Now().After(deadline) {
			t.Fatal("the agent does not connect")
		}
	}
	r := examine(t, Options{Config: cfg})
	want(t, r, "agent", "process", Warn, fmt.Sprintf("as pid %d", os.Getpid()), "version v1.2.3", "uplink connected")
	want(t, r, "agent", "it says", Warn, "durability is memory, not aof as configured", "appendonly")
	want(t, r, "store", "backlog", OK, "0 frames", "the agent says: ok")
	want(t, r, "redis", "stream state", OK, "number 1")
	wantNone(t, r, "serial", pty.Path(), Fail)

	srv.Do("HSET telhub:{0}:state pi-01|live 9;9;9")
	want(t, examine(t, Options{Config: cfg}), "redis", "stream state", Fail, "another agent has this name")
	other := load(t, text)
	other.Device = "pi-02"
	want(t, examine(t, Options{Config: other}), "agent", listen, Warn, "the agent that answers there is pi-01")
	other.HTTP.Listen = ""
	want(t, examine(t, Options{Config: other}), "agent", "process", OK, "http.listen is off")
	other.HTTP.Listen = "127.0.0.1:1"
	want(t, examine(t, Options{Config: other}), "agent", "process", Fail, "holds the spool", "nobody listens there")
	other.HTTP.Listen, other.Spool.Path = srv.Addr(), t.TempDir()
	want(t, examine(t, Options{Config: other}), "agent", srv.Addr(), Fail, "not a telhub", "another program")
}
