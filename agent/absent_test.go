package agent

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/httpapi"
	"github.com/telhub/telhub/board"
	transport "github.com/telhub/telhub/drivers/i2c"
	"github.com/telhub/telhub/drivers/sim"
)

// denied is an adapter that this user may not open.
var denied = &transport.Error{Bus: "/dev/i2c-8", Op: "open", Errno: syscall.EACCES}

// What is missing or wrong at the start keeps nobody else from being read, and
// is told; what appears later is read without a restart.
func TestDevicesThatAreMissingAtTheStart(t *testing.T) {
	dir := t.TempDir()
	meter := newSlave(t, dir, "usb-late")
	if err := meter.pty.Unplug(); err != nil {
		t.Fatal(err)
	}
	cfg := healing(t, fmt.Sprintf(`
[bus.i2c1]
path = %q
[bus.missing]
path = "/dev/i2c-9"
[bus.denied]
path = "/dev/i2c-8"
[bus.late]
port = %q
mode = "9600 8N1"
timeout = "200ms"
[bus.noport]
port = "/dev/ttyUSB77"
[[sensor]]
name = "board"
use = "tmp102"
bus = "i2c1"
addr = 0x48
every = "50ms"
[[sensor]]
name = "wrong"
use = "bmp280"
bus = "i2c1"
addr = 0x76
every = "50ms"
[[sensor]]
name = "absent"
use = "sht4x"
bus = "i2c1"
addr = 0x44
every = "50ms"
[[sensor]]
name = "missing"
use = "tmp102"
bus = "missing"
addr = 0x48
every = "50ms"
[[sensor]]
name = "denied"
use = "tmp102"
bus = "denied"
addr = 0x48
every = "50ms"
[[sensor]]
name = "late"
use = "meter"
bus = "late"
unit_id = 1
every = "100ms"
[[sensor]]
name = "noport"
use = "nmea"
bus = "noport"
[[sensor]]
name = "chip"
use = "thermal"
`, rigBus, meter.pty.Path()))
	bus := sim.NewI2CBus("i2c1")
	bme, tmp := sim.NewBME280(sim.BMxTypical()), sim.NewTMP102()
	bus.Attach(0x76, bme)
	bus.Attach(0x48, tmp)
	r := &rig{log: &logBuffer{}}
	a, err := New(cfg, Options{
		Version: "v1.2.3", Board: &board.Board{Name: "rig"}, Log: NewLog(cfg.Log, r.log),
		Openers: Openers{Root: t.TempDir(), I2C: func(path string, _ time.Duration) (I2C, error) {
			switch path {
			case rigBus:
				return rigAdapter{bus}, nil
			case "/dev/i2c-8":
				return nil, denied
			}
			return nil, &transport.Error{Bus: path, Op: "open", Errno: syscall.ENOENT}
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Agent = a
	r.run(t)
	await(t, "the good sensor", func() bool { return r.up("board") })
	await(t, "verdicts on all others", func() bool {
		n := 0
		for _, s := range r.Sensors() {
			if !s.Up && s.LastError != "" {
				n++
			}
		}
		return n == 7
	})
	told := ""
	for _, p := range r.Status().Problems {
		told += p.What + "\n"
	}
	for _, part := range []string{"/dev/i2c-9: open: no such file", "permission denied", "usb-late", "ttyUSB77", "sensor wrong", "sensor absent"} {
		if !strings.Contains(told, part) {
			t.Errorf("the problems lack %q:\n%s", part, told)
		}
	}
	if err := meter.pty.Replug(); err != nil {
		t.Fatal(err)
	}
	await(t, "the late one", func() bool { return r.up("late") })
	if st := r.Sensors(); !slices.ContainsFunc(st[0].Channels, func(c httpapi.Channel) bool { return c.Value != nil }) || !r.up("board") {
		t.Errorf("the good sensor: %+v", st[0])
	}
}
