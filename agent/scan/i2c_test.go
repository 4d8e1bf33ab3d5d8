package scan

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers/sim"
)

// Chips of code, chips of profiles, chips that answer no read, chips that look
// like each other: the configuration reads the truth of each.
func TestChipsAreFoundAndRead(t *testing.T) {
	bus := sim.NewI2CBus("/dev/i2c-1")
	air, roof := sim.NewBME280(sim.BMxTypical()), sim.NewBMP280(sim.BMxTypical())
	pipe, tank, battery, cellar := sim.NewTMP117(), sim.NewLM75(9), sim.NewINA219(0.1), sim.NewSHT4x(7)
	for addr, c := range map[uint16]sim.Chip{0x76: air, 0x77: roof, 0x48: pipe, 0x49: tank, 0x40: battery, 0x44: cellar} {
		bus.Attach(addr, c)
	}
	air.Set(23.4, 101325, 40)
	roof.Set(-7.5, 99000, 0)
	pipe.Set(61.25)
	tank.Set(12.5)
	battery.Set(12, 1.5)
	cellar.Set(9.5, 71)
	open := opens(bus)
	r := scan(t, Options{Root: grow(t, header(nil)), Openers: open})
	if len(r.Problems) > 0 {
		t.Errorf("problems: %+v", r.Problems)
	}
	cfg := parse(t, r)
	for _, test := range []struct {
		sensor, output string
		want, within   float64
	}{
		{"bme280", "humidity", 40, 0.1}, {"bmp280", "temperature", -7.5, 0.02}, {"tmp117", "temperature", 61.25, 0.008},
		{"lm75", "temperature", 12.5, 0.25}, {"ina219", "voltage", 12, 0.004}, {"sht4x", "humidity", 71, 0.1},
	} {
		if got := read(t, cfg, open, test.sensor, test.output); math.Abs(got-test.want) > test.within {
			t.Errorf("%s %s = %v, want %v", test.sensor, test.output, got, test.want)
		}
	}
	runs(t, r.TOML, open)
	want(t, r, "[bus.i2c1]", `path = "/dev/i2c-1"`, "several chips answer like this", `use = "lm75b"`)
	for _, b := range r.Buses {
		for _, c := range b.Chips {
			if c.Addr == 0x49 != (len(c.Candidates) > 1) {
				t.Errorf("0x%02x: candidates %+v", c.Addr, c.Candidates)
			}
		}
	}
	var text map[string]any
	if b, err := json.Marshal(r); err != nil || json.Unmarshal(b, &text) != nil || text["toml"] != r.TOML {
		t.Errorf("the report is no JSON: %v", err)
	}
}

// What nobody knows is named, and what cannot be told is not chosen.
func TestUnknownChips(t *testing.T) {
	bus := sim.NewI2CBus("/dev/i2c-1")
	for _, addr := range []uint16{0x0b, 0x3c, 0x50} {
		bus.Attach(addr, &chip{})
	}
	bus.Attach(0x23, &chip{}) // a BH1750 has no identity
	r := scan(t, Options{Root: grow(t, header(nil)), Openers: opens(bus)})
	want(t, r, "0x0b answers, not known: describe it with [profile.…]", "0x3c answers", "0x50 answers, not known: likely an EEPROM", "0x23 answers; nothing tells", "bh1750")
	wantNone(t, r, "[[sensor]]\nname = \"bh1750\"", "[bus.i2c1]")
	if got := r.Found(); got < 4 {
		t.Errorf("found %d", got)
	}
}

// What stands on a board with chips from everywhere: an EMC1413 is read, a
// magnetometer too, and clock, EEPROM and barometer are named.
func TestNamedChips(t *testing.T) {
	bus := sim.NewI2CBus("/dev/i2c-1")
	emc := sim.NewRegisters(1, map[byte]uint16{0xfe: 0x5d, 0xfd: 0x21, 0xff: 0x04})
	emc.Set(0x00, 33)
	bus.Attach(0x4c, emc)
	bus.Attach(0x1e, sim.NewRegisters(1, map[byte]uint16{0x0a: 'H', 0x0b: '4', 0x0c: '3'}))
	bus.Attach(0x50, &chip{})
	// a DS1338, whose memory from 0x08 on is empty: what a DS3231 has there could be zeros, too
	bus.Attach(0x68, sim.NewRegisters(1, map[byte]uint16{0x00: 0x59, 0x01: 0x59, 0x02: 0x23, 0x03: 0x07, 0x04: 0x22, 0x05: 0x11, 0x06: 0x26, 0x07: 0xb3}))
	bus.Attach(0x77, sim.NewRegisters(1, map[byte]uint16{0x0d: 0x10}))
	bus.Attach(0x76, &chip{})
	open := opens(bus)
	r := scan(t, Options{Root: grow(t, header(nil)), Openers: open})
	want(t, r, `use = "emc1413"`, "0x50 answers, not known: likely an EEPROM", "0x68 answers; nothing tells what it is. Possible: use = mcp3421; or likely a real-time clock",
		"0x77 answers, not known: an Infineon DPS310 barometer", "0x76 answers, not known: perhaps a barometer", "hmc5883l", "lsm303dlhc-mag")
	cfg := parse(t, r)
	if got := read(t, cfg, open, "emc1413", "temperature"); got != 33 {
		t.Errorf("emc1413: %v, want 33", got)
	}
}

// Nothing is written to port expanders, one byte at most to EEPROMs, and
// nothing anywhere with ReadOnly.
func TestNothingIsChanged(t *testing.T) {
	expanders := []*chip{{}, {}, {}, {}}
	memory, mute := &chip{}, &chip{deaf: true}
	bus := sim.NewI2CBus("/dev/i2c-1")
	for i, addr := range []uint16{0x20, 0x27, 0x38, 0x3f} {
		bus.Attach(addr, expanders[i])
	}
	bus.Attach(0x53, memory)
	bus.Attach(0x21, mute)
	user := compiled(t, `
[profile.greedy]
kind = "i2c"
addr = [0x20, 0x21, 0x38, 0x53]
identify = { write = [0x01, 0x02], bytes = 2, equals = 0x1234 }
read = [{ reg = 0x00, bytes = 2 }]
out.x = { at = 0, type = "u16be" }
`)
	o := Options{Root: grow(t, header(nil)), Openers: opens(bus), Config: user}
	r := scan(t, o)
	for _, c := range append(expanders, mute) {
		if len(c.writes) > 0 {
			t.Errorf("% x was written to a port expander", c.writes)
		}
	}
	for _, w := range memory.writes {
		if len(w) > 1 {
			t.Errorf("% x was written to an EEPROM", w)
		}
	}
	want(t, r, "0x20 answers; nothing tells what it is. Possible: use = greedy")

	any := &chip{}
	bus.Attach(0x48, any)
	o.ReadOnly = true
	r = scan(t, o)
	if len(any.writes) > 0 {
		t.Errorf("% x was written", any.writes)
	}
	want(t, r, "0x48 answers; nothing tells what it is", "lm75, ")
}

func compiled(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("t.toml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// A chip that the user has described is found, and the configuration says that
// its profile is needed.
func TestUsersProfiles(t *testing.T) {
	bus := sim.NewI2CBus("/dev/i2c-1")
	bus.Attach(0x5a, &chip{regs: map[byte]byte{0x0f: 0xA7}})
	user := compiled(t, `
[profile.level]
kind = "i2c"
addr = 0x5a
identify = { reg = 0x0F, equals = 0xA7 }
read = [{ reg = 0x00, bytes = 2 }]
out.level = { at = 0, type = "u16be", unit = "m" }
`)
	r, err := Run(t.Context(), Options{Root: grow(t, header(nil)), Openers: opens(bus), Config: user})
	if err != nil {
		t.Fatal(err)
	}
	want(t, r, "0x5a: level", "#use = \"level\"", "the profile stands in the configuration")
	if _, err := config.Parse("scan.toml", []byte(r.TOML), nil); err != nil {
		t.Error(err)
	}
}

func TestKernelsChipsAreLeftAlone(t *testing.T) {
	bus := sim.NewI2CBus("/dev/i2c-1")
	owned := &chip{}
	bus.Attach(0x48, owned)
	r := scan(t, Options{Openers: opens(bus), Root: grow(t, header(map[string]string{
		"sys/bus/i2c/devices/1-0048/driver":         "->../../drivers/lm75",
		"sys/bus/i2c/devices/1-0048/hwmon/hwmon0/x": "",
		"sys/bus/i2c/devices/1-0068/driver":         "->../../drivers/rtc-ds1307",
		"sys/bus/i2c/devices/1-0068/rtc/rtc0/x":     "",
		"sys/bus/i2c/devices/1-0070/driver":         "->../../drivers/odd",
		"sys/class/hwmon/hwmon0/name":               "lm75\n",
		"sys/class/hwmon/hwmon0/temp1_input":        "21500\n",
		"sys/class/hwmon/hwmon0/device":             "->../../../bus/i2c/devices/1-0048",
	}))})
	if len(owned.writes) > 0 {
		t.Error("the kernel's chip was written to")
	}
	want(t, r, "0x48: the kernel's driver lm75 has it: read it by hwmon", "0x68: the kernel's driver rtc-ds1307 has it: it is the board's clock",
		"echo 1-0070 > /sys/bus/i2c/drivers/odd/unbind", `chip = "lm75"`)
}

// The agent's own bus is left to it; another program's is probed with a warning.
func TestHeldBus(t *testing.T) {
	bus := sim.NewI2CBus("/dev/i2c-1")
	bus.Attach(0x48, sim.NewTMP117())
	r := scan(t, Options{Openers: opens(bus), Root: grow(t, header(map[string]string{
		"proc/70/comm": "telhub\n", "proc/70/cmdline": "telhub\x00run\x00", "proc/70/fd/5": "->/dev/i2c-1",
	}))})
	if n := bus.Transactions(); n > 0 {
		t.Errorf("%d transactions beside the agent's", n)
	}
	wantProblem(t, r, "/dev/i2c-1", "the agent uses it (pid 70)", "systemctl stop telhub")
	if r.Failures() != 1 {
		t.Errorf("%d failures", r.Failures())
	}
	r = scan(t, Options{Openers: opens(bus), Root: grow(t, header(map[string]string{
		"proc/71/comm": "python3\n", "proc/71/cmdline": "python3\x00", "proc/71/fd/3": "->/dev/i2c-1",
	}))})
	wantProblem(t, r, "/dev/i2c-1", "python3 (pid 71) uses it, too")
	want(t, r, `use = "tmp117"`)
	if r.Failures() != 0 {
		t.Errorf("a warning counts as a failure: %+v", r.Problems)
	}
}

// An agent of another user, whose files we may not see, holds its store.
func TestAgentIsKnownByItsStore(t *testing.T) {
	root := grow(t, header(map[string]string{"var/lib/telhub/lock": ""}))
	bus := sim.NewI2CBus("/dev/i2c-1")
	cfg := compiled(t, "[bus.i2c1]\npath = \"/dev/i2c-1\"\n")
	o := Options{Root: root, Openers: opens(bus), Config: cfg}
	lock(t, root, "var/lib/telhub/lock", 4711)
	r := scan(t, o)
	wantProblem(t, r, "/dev/i2c-1", "the agent uses it (pid 4711)")
	if n := bus.Transactions(); n > 0 {
		t.Errorf("%d transactions beside the agent's", n)
	}
}

func TestBusesThatCannotBeProbed(t *testing.T) {
	bus := sim.NewI2CBus("/dev/i2c-1")
	hdmi := sim.NewI2CBus("/dev/i2c-2")
	hdmi.Attach(0x48, sim.NewTMP117())
	root := grow(t, header(map[string]string{
		"dev/i2c-2": "", "sys/bus/i2c/devices/i2c-2/name": "bcm2835 (i2c@7e805000)\n",
		"sys/bus/i2c/devices/i2c-2/of_node": "->../../../../firmware/devicetree/base/soc/i2c@7e805000",
		"sys/bus/i2c/devices/i2c-7/name":    "i2c-gpio\n",
	}))
	o := Options{Root: root, Openers: opens(bus, hdmi)}
	r := scan(t, o)
	if hdmi.Transactions() > 0 {
		t.Error("a bus that is not for sensors was probed")
	}
	want(t, r, "--bus /dev/i2c-2 probes it all the same")
	wantProblem(t, r, "/dev/i2c-7", "modprobe i2c-dev")
	o.Buses = []string{"/dev/i2c-2", "/dev/i2c-9"}
	r = scan(t, o)
	want(t, r, `use = "tmp117"`, "/dev/i2c-1, bcm2835 (i2c@7e804000), header pins 3 (SDA) and 5 (SCL): not probed: not asked for")
	wantProblem(t, r, "/dev/i2c-9", "no such I2C bus")
	wantProblem(t, scan(t, Options{Root: root, Openers: opens()}), "/dev/i2c-1", "no such bus", "dmesg")
	wantProblem(t, scan(t, Options{Root: grow(t, map[string]string{})}), "i2c", "is switched off", "dtparam=i2c_arm=on")
}

func TestStuckAndVanishingBus(t *testing.T) {
	bus := sim.NewI2CBus("/dev/i2c-1")
	bus.SetTimeout(time.Millisecond)
	bus.Inject(sim.Fault{Kind: sim.Stuck})
	o := Options{Root: grow(t, header(nil)), Openers: opens(bus)}
	wantProblem(t, scan(t, o), "/dev/i2c-1", "a line is held low")
	if n := bus.Transactions(); n > 2*stuckAfter {
		t.Errorf("%d transactions on a stuck bus", n)
	}
	bus.Inject(sim.Fault{Kind: sim.Unplugged})
	wantProblem(t, scan(t, o), "/dev/i2c-1", "went away")
	bus.Inject(sim.Fault{})
	bus.Attach(0x48, sim.NewTMP117())
	bus.InjectAt(0x48, sim.Fault{Kind: sim.Stuck}) // one chip only
	bus.Attach(0x76, sim.NewBME280(sim.BMxTypical()))
	r := scan(t, o)
	want(t, r, `use = "bme280"`)
	if len(r.Problems) > 0 {
		t.Errorf("problems: %+v", r.Problems)
	}
}

// Behind a multiplexer the chips in front of it answer, too.
func TestMultiplexer(t *testing.T) {
	front, behind := sim.NewI2CBus("/dev/i2c-1"), sim.NewI2CBus("/dev/i2c-11")
	for _, b := range []*sim.I2CBus{front, behind} {
		b.Attach(0x48, sim.NewTMP117())
		b.Attach(0x3c, &chip{})
	}
	behind.Attach(0x49, sim.NewTMP117())
	r := scan(t, Options{Buses: []string{"all"}, Openers: opens(front, behind), Root: grow(t, header(map[string]string{
		"dev/i2c-11": "", "sys/bus/i2c/devices/i2c-11/name": "i2c-1-mux (chan_id 0)\n",
		"sys/bus/i2c/devices/i2c-11/mux_device": "->../../../devices/1-0070", "sys/devices/1-0070/name": "pca9548\n",
	}))})
	want(t, r, `bus = "i2c1"`, `bus = "i2c11"`, `name = "tmp117-2"`)
	for _, b := range r.Buses {
		if b.Path == "/dev/i2c-11" && (len(b.Chips) != 1 || b.Chips[0].Addr != 0x49) {
			t.Errorf("behind the multiplexer: %+v", b.Chips)
		}
	}
}

func TestCutShort(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r, err := Run(ctx, Options{Root: grow(t, header(nil)), Openers: opens(sim.NewI2CBus("/dev/i2c-1"))})
	if err != nil || !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Subject == "scan" }) {
		t.Errorf("got %v, %+v", err, r)
	}
	parse(t, r)
	if _, err := Run(t.Context(), Options{Root: "/nowhere-at-all"}); err == nil {
		t.Error("a root that is not there is no error")
	}
}
