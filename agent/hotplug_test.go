package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/httpapi"
	"github.com/telhub/telhub/board"
	transport "github.com/telhub/telhub/drivers/i2c"
	"github.com/telhub/telhub/drivers/sim"
)

// slave is a Modbus RTU device on a pseudo-terminal that answers each request
// for input registers with the same word in each.
type slave struct {
	pty *sim.PTY
	mu  sync.Mutex // guards mute
	mut bool
}

// crc16 is the checksum of Modbus over Serial Line V1.02, 6.2.2, bit by bit.
func crc16(p []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, b := range p {
		crc ^= uint16(b)
		for range 8 {
			low := crc & 1
			crc >>= 1
			if low != 0 {
				crc ^= 0xA001
			}
		}
	}
	return crc
}

// run serves until the device is closed for good.
func (s *slave) run(stop <-chan struct{}) {
	buf := make([]byte, 0, 64)
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, err := s.pty.Read(buf[len(buf):cap(buf)])
		if err != nil {
			buf = buf[:0]
			<-time.After(5 * time.Millisecond) // unplugged, or nobody has it open
			continue
		}
		if buf = buf[:len(buf)+n]; len(buf) < 8 {
			continue
		}
		if !s.silent() {
			_, _ = s.pty.Write(answer(buf[:8])) // the master's test says what is missing
		}
		buf = buf[:0]
	}
}

func answer(request []byte) []byte {
	words := int(binary.BigEndian.Uint16(request[4:]))
	a := []byte{request[0], request[1], byte(2 * words)}
	for range words {
		a = append(a, 0x43, 0x66) // 230.something as the upper half of a float
	}
	return binary.LittleEndian.AppendUint16(a, crc16(a))
}

func (s *slave) silent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mut
}

func (s *slave) mute(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mut = on
}

// newSlave plugs a device in.
func newSlave(t *testing.T, dir, name string) *slave {
	t.Helper()
	pty, err := sim.NewPTY(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	s := &slave{pty: pty}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); s.run(stop) }()
	t.Cleanup(func() { close(stop); pty.Close(); <-done })
	return s
}

// healing is a configuration without a server: what is acquired goes to the
// spool, which is all that these tests look at.
func healing(t *testing.T, devices string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("test", fmt.Appendf(nil, `device = "pi-01"
[redis]
url = "redis://127.0.0.1:1"
[spool]
path = %q
max_size = "16MB"
[http]
listen = ""
%s
[profile.meter]
kind = "modbus"
out.voltage = { input = 0, type = "f32", unit = "V" }
`, t.TempDir(), devices), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// up reports whether the sensor called name answers now.
func (r *rig) up(name string) bool {
	for _, s := range r.Sensors() {
		if s.Name == name {
			return s.Up
		}
	}
	return false
}

// A serial adapter is pulled and comes back under another number behind the
// same link, after so long that nobody tries to open it often any more:
// readings resume within two seconds, whether the device is asked or speaks.
func TestAReplugUnderAnotherNumberResumesWithinTwoSeconds(t *testing.T) {
	dir := t.TempDir()
	meter := newSlave(t, dir, "usb-meter")
	gnss, err := sim.NewPTY(dir, "usb-gnss")
	if err != nil {
		t.Fatal(err)
	}
	defer gnss.Close()
	talker := sim.NewTalker(gnss, sim.NewGNSS(sim.DefaultGNSSOpts()), 100*time.Millisecond, nil)
	talking := make(chan struct{})
	go func() { defer close(talking); _ = talker.Run(t.Context()) }()

	r := newRig(t, healing(t, fmt.Sprintf(`
[bus.meters]
port = %q
mode = "9600 8N1"
timeout = "200ms"
[[sensor]]
name = "meter"
use = "meter"
bus = "meters"
unit_id = 1
every = "100ms"
[[sensor]]
name = "position"
use = "nmea"
port = %q
`, meter.pty.Path(), gnss.Path())))
	r.run(t)
	await(t, "both", func() bool { return r.up("meter") && r.up("position") })
	for name, pty := range map[string]*sim.PTY{"meter": meter.pty, "position": gnss} {
		before := pty.Slave()
		if err := pty.Unplug(); err != nil {
			t.Fatal(err)
		}
		await(t, name+" lost", func() bool { return !r.up(name) })
		<-time.After(5 * time.Second) // by now tries to open it are 4 s apart
		if err := pty.Replug(); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		await(t, name+" again", func() bool { return r.up(name) })
		took := time.Since(start)
		t.Logf("%s: %v after its return as %s, which was %s", name, took.Round(time.Millisecond), pty.Slave(), before)
		if took > 2*time.Second {
			t.Errorf("%s: readings resumed after %v, want 2 s at most", name, took)
		}
		if pty.Slave() == before {
			t.Errorf("%s came back as %s", name, before)
		}
	}
}

// A port that is open but silent is opened anew; when the device speaks again
// the bus has recovered by that.
func TestASilentSerialBusIsOpenedAnew(t *testing.T) {
	meter := newSlave(t, t.TempDir(), "usb-meter")
	r := newRig(t, healing(t, fmt.Sprintf(`
[bus.meters]
port = %q
mode = "9600 8N1"
timeout = "50ms"
[[sensor]]
name = "meter"
use = "meter"
bus = "meters"
unit_id = 1
every = "100ms"
`, meter.pty.Path())))
	r.run(t)
	await(t, "the meter", func() bool { return r.up("meter") })
	meter.mute(true)
	await(t, "a reopen", func() bool { return r.pipeline.Bus(0).Reopens > 1 })
	meter.mute(false)
	await(t, "the meter again", func() bool { return r.up("meter") })
	_, values := scrape(r)
	if got := values[prefix+`bus_recoveries_total{bus="meters",step="reopen"}`]; got != "1" {
		t.Errorf("recoveries by reopening: %q, want 1", got)
	}
	wantParts(t, r.log.String(), "works again", `"step":"reopen"`)
}

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

// cutter records what a supply's line was told.
type cutter struct {
	bus *sim.I2CBus
	mu  sync.Mutex // guards set
	set []bool
}

func (c *cutter) Set(cut bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set = append(c.set, cut)
	if !cut {
		c.bus.PowerCycle()
		c.bus.Inject(sim.Fault{})
	}
	return nil
}

func (c *cutter) Close() error { return nil }

func (c *cutter) told() []bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.set)
}

// A stuck bus whose supply can be switched recovers by that, from the
// configuration to metrics, log and status.
func TestAStuckBusRecoversByItsSupply(t *testing.T) {
	text := rigText(t, "redis://127.0.0.1:1", "")
	text = strings.Replace(text, fmt.Sprintf("path = %q", rigBus), fmt.Sprintf("path = %q\npower = { chip = \"gpiochip0\", line = 17, off = \"20ms\", settle = \"20ms\" }", rigBus), 1)
	cfg, err := config.Parse("test", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	var line *cutter
	refused := errors.New("the line is busy")
	tries := 0
	r := newRigWith(t, cfg, func(o *Options, bus *sim.I2CBus) {
		line = &cutter{bus: bus}
		o.Openers.Cut = func(p config.Power) (Lamp, error) {
			if p.Chip != "gpiochip0" || p.Line != 17 || p.Active != "high" {
				t.Errorf("asked for %+v", p)
			}
			if tries++; tries == 1 {
				return nil, refused
			}
			return line, nil
		}
	})
	stop := r.run(t)
	await(t, "both sensors", func() bool { return r.up("greenhouse") && r.up("board") })
	r.bus.Inject(sim.Fault{Kind: sim.Stuck})
	await(t, "the recovery", func() bool {
		return r.pipeline.Bus(0).Recoveries == 1 && r.up("greenhouse") && r.up("board")
	})
	if got := line.told(); !slices.Equal(got, []bool{true, false}) {
		t.Errorf("the line was told %v, want to cut and to give back", got)
	}
	_, values := scrape(r)
	for series, want := range map[string]string{
		`bus_recoveries_total{bus="i2c1",step="power"}`: "1", `bus_recoveries_total{bus="i2c1",step="reopen"}`: "0",
		`bus_recovery_steps_total{bus="i2c1",step="power"}`: "1", `bus_broken{bus="i2c1"}`: "0",
	} {
		if got := values[prefix+series]; got != want {
			t.Errorf("%s is %q, want %s", series, got, want)
		}
	}
	stop()
	wantParts(t, r.log.String(), "cannot be switched", refused.Error(), "opening it anew did not help", `"step":"power"`, "works again")
}
