package agent

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers/sim"
)

func traced(t *testing.T, text, name string, bus *sim.I2CBus) ([]ReadValue, *Trace) {
	t.Helper()
	cfg, err := config.Parse("t.toml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	open := Openers{I2C: func(string, time.Duration) (I2C, error) { return rigAdapter{bus}, nil }}
	values, trace, err := ReadTraced(t.Context(), cfg, name, 5*time.Second, open)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Read(t.Context(), cfg, name, 5*time.Second, open)
	if err != nil || len(plain) != len(values) {
		t.Errorf("untraced: %v, %v", plain, err)
	}
	return values, trace
}

// has fails unless a list has a line with these parts.
func has(t *testing.T, list []string, parts ...string) {
	t.Helper()
	if !slices.ContainsFunc(list, func(l string) bool {
		return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(l, p) })
	}) {
		t.Errorf("no line with %q in\n%s", parts, strings.Join(list, "\n"))
	}
}

// A chip of a profile: the bytes, the bits, the steps of profile and configuration.
func TestTraceOfAProfile(t *testing.T) {
	bus := sim.NewI2CBus("sim")
	pipe, air := sim.NewTMP117(), sim.NewSHT4x(7)
	bus.Attach(0x48, pipe)
	bus.Attach(0x44, air)
	pipe.Set(51)
	air.Set(20, 50)
	const text = `
[bus.i2c1]
path = "/dev/i2c-1"
[[sensor]]
name = "pipe"
use = "tmp117"
bus = "i2c1"
addr = 0x48
every = "10s"
[sensor.temperature]
offset = -1
calibrate = [[0, 0], [100, 110]]
valid = [0, 40]
[[sensor]]
name = "air"
use = "sht4x"
bus = "i2c1"
addr = 0x44
every = "10s"
`
	values, trace := traced(t, text, "pipe", bus)
	if values[0].Status != ReadBad {
		t.Errorf("values: %+v", values)
	}
	var transfers []string
	for _, x := range trace.Transfers {
		transfers = append(transfers, fmt.Sprintf("%02x % X %X %v", x.Addr, x.Write, x.Read, x.Err))
	}
	has(t, transfers, "48 0F 0117 <nil>")
	has(t, transfers, "48 00 1980 <nil>")
	has(t, trace.Basis, "bytes 0 to 1: 19 80")
	lines := trace.Outputs["temperature"]
	for _, want := range []string{"bytes 0, 1: 19 80 = 0x1980", "two's complement, number 6528", "= 51", "= 51 Cel", "offset [-1] → 50 Cel",
		"calibrate [0 0 100 110] → 55", "valid [0 40]: bad"} {
		has(t, lines, want)
	}
	_, trace = traced(t, text, "air", bus)
	has(t, trace.Basis, "checksum sensirion: right")
	has(t, trace.Outputs["humidity"], "held to 0 … 100")
}

// A chip of code: its words and calibration.
func TestTraceOfCode(t *testing.T) {
	bus := sim.NewI2CBus("sim")
	air := sim.NewBME280(sim.BMxTypical())
	bus.Attach(0x76, air)
	air.Set(23.4, 101325, 40)
	values, trace := traced(t, `
[bus.i2c1]
path = "/dev/i2c-1"
[[sensor]]
name = "air"
use = "bme280"
bus = "i2c1"
addr = 0x76
every = "10s"
`, "air", bus)
	has(t, trace.Basis, "calibration dig_H1")
	for _, v := range values {
		lines := trace.Outputs[v.Output]
		has(t, lines, "adc_T = 0x")
		has(t, lines, fmt.Sprintf("= %v %s", v.Value, v.Unit))
	}
	has(t, trace.Outputs["humidity"], "adc_H = 0x")
}

// An error leaves what went over the bus until then.
func TestTraceOfAFailure(t *testing.T) {
	cfg, err := config.Parse("t.toml", []byte("[bus.b]\npath = \"/dev/i2c-1\"\n[[sensor]]\nname = \"x\"\nuse = \"tmp117\"\nbus = \"b\"\naddr = 0x48\nevery = \"1s\"\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	bus := sim.NewI2CBus("sim")
	_, trace, err := ReadTraced(t.Context(), cfg, "x", time.Second, Openers{I2C: func(string, time.Duration) (I2C, error) { return rigAdapter{bus}, nil }})
	if err == nil || len(trace.Transfers) != 1 || trace.Transfers[0].Err == nil {
		t.Errorf("got %v, %+v", err, trace)
	}
}

// Of a device that speaks by itself, the line that made the reading, without
// what came before it.
func TestTraceOfAStream(t *testing.T) {
	pty, err := sim.NewPTY(t.TempDir(), "dev")
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if pty.WaitOpened(t.Context()) == nil {
			pty.Write([]byte("4,garbage\r\n{}\na=1.5\r\na=9\r\n"))
		}
	}()
	cfg, err := config.Parse("t.toml", []byte(fmt.Sprintf("[[sensor]]\nname = \"x\"\nuse = \"line\"\nport = %q\nformat = \"kv\"\nout = { a = { unit = \"V\" } }\n", pty.Path())), nil)
	if err != nil {
		t.Fatal(err)
	}
	values, trace, err := ReadTraced(t.Context(), cfg, "x", 5*time.Second, Openers{})
	<-done
	if err != nil || values[0].Value != 1.5 {
		t.Fatalf("got %+v, %v", values, err)
	}
	if got := trace.Transfers; len(got) != 1 || !strings.HasSuffix(string(got[0].Read), "a=1.5\r\n") && !strings.HasSuffix(string(got[0].Read), "a=1.5\r") || strings.Contains(string(got[0].Read), "garbage") {
		t.Errorf("unit: %q", got[0].Read)
	}
}

// docs/drivers.md is followed to the letter: its configuration reads its chip,
// and every line that it shows of the arithmetic is there.
func TestWalkthrough(t *testing.T) {
	doc, err := os.ReadFile("../docs/drivers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```toml\n")
	text, rest, _ := strings.Cut(rest, "```")
	bus := sim.NewI2CBus("sim")
	chip := sim.NewRegisters(2, map[byte]uint16{0x0F: 0xA1C3})
	chip.Set(0x00, 0x1770)
	bus.Attach(0x4D, chip)
	values, trace := traced(t, text, "pipe", bus)
	if len(values) != 1 || values[0].Value != 23.4375 || chip.Get(0x01) != 0x2000 {
		t.Errorf("values %+v, configuration 0x%04X", values, chip.Get(0x01))
	}
	_, rest, _ = strings.Cut(rest, "pipe/temperature\n")
	shown, _, _ := strings.Cut(rest, "\n\n")
	lines := strings.Split(shown, "\n")
	if got := trace.Outputs["temperature"]; len(got) != len(lines) {
		t.Errorf("the arithmetic is\n%s\nthe document shows\n%s", strings.Join(got, "\n"), shown)
	}
	for _, l := range lines {
		has(t, trace.Outputs["temperature"], strings.TrimSpace(l))
	}
	has(t, trace.Basis, "bytes 0 to 1: 17 70")
}
