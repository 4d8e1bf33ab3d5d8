package bmp180_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bmp180"
	"github.com/telhub/telhub/drivers/sim"
)

// registers is a chip that answers a command with a result at once.
type registers struct {
	mem     [256]byte
	results map[byte][3]byte // by what is written to 0xF4
}

func (c *registers) String() string                  { return "registers" }
func (c *registers) SetSpeed(physic.Frequency) error { return nil }

func (c *registers) Tx(addr uint16, w, r []byte) error {
	if addr != bmp180.Addr {
		return drivers.ErrNACK
	}
	if len(w) == 2 {
		res := c.results[w[1]]
		copy(c.mem[0xF6:], res[:])
		c.mem[w[0]] = w[1] &^ 0x20
	}
	copy(r, c.mem[w[0]:])
	return nil
}

// chip holds an identity and a calibration in hexadecimal.
func chip(t testing.TB, calibration string) *registers {
	t.Helper()
	c := &registers{results: map[byte][3]byte{}}
	c.mem[0xD0] = 0x55
	if n, err := hex.Decode(c.mem[0xAA:], []byte(calibration)); err != nil || n != 22 {
		t.Fatalf("calibration of %d bytes, %v", n, err)
	}
	return c
}

func mustNew(t testing.TB, bus *registers, samples int) *bmp180.Dev {
	t.Helper()
	d, err := bmp180.New(bus, bmp180.Opts{Pressure: samples})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	return d
}

// measure reads until the measurement ends and counts the waits.
func measure(d *bmp180.Dev, dst *drivers.Reading, sleep func(time.Duration)) (waits int, err error) {
	dst.Reset()
	for {
		wait, err := d.Read(dst)
		if err != nil || wait == 0 {
			return waits, err
		}
		waits++
		sleep(wait)
	}
}

func nap(time.Duration) {}

func want(t *testing.T, r *drivers.Reading, cel, pa float64) {
	t.Helper()
	if !r.Has(0) || !r.Has(1) || r.Values[0] != cel || r.Values[1] != pa {
		t.Errorf("got %v Cel, %v Pa; want %v, %v", r.Values[0], r.Values[1], cel, pa)
	}
}

// BST-BMP180-DS000 figure 4: 15.0 degrees, 69964 Pa.
func TestWorkedExample(t *testing.T) {
	c := chip(t, "0198ffb8c7d17fe57ff55a71182e00048000ddf90b34")
	c.results[0x2E] = [3]byte{27898 >> 8, 27898 & 0xff}
	c.results[0x34] = [3]byte{23843 >> 8, 23843 & 0xff}
	var r drivers.Reading
	waits, err := measure(mustNew(t, c, 1), &r, nap)
	if err != nil || waits != 2 {
		t.Errorf("%d waits, error %v; want 2, one for each quantity", waits, err)
	}
	want(t, &r, 15, 69964)
}

// A real chip, recorded by periph.io/x/devices.
func TestRecording(t *testing.T) {
	text, err := os.ReadFile("testdata/i2c_playbacks.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Chip struct {
			Ops    []struct{ Addr, W, R string }
			Expect struct {
				Temp float64 `json:"temp_c"`
				Pa   float64 `json:"pressure_pa"`
			}
		} `json:"bmp180_i2c"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	ops := all.Chip.Ops
	if len(ops) != 6 || ops[0].R != "55" {
		t.Fatalf("%d transactions, identity %q", len(ops), ops[0].R)
	}
	c := chip(t, ops[1].R)
	for i := 2; i < len(ops); i += 2 { // a command to 0xF4, then the result
		cmd, _ := hex.DecodeString(ops[i].W)
		result, _ := hex.DecodeString(ops[i+1].R)
		c.results[cmd[1]] = [3]byte(append(result, 0, 0)[:3])
	}
	var r drivers.Reading
	if _, err := measure(mustNew(t, c, 1), &r, nap); err != nil {
		t.Fatal(err)
	}
	want(t, &r, all.Chip.Expect.Temp, all.Chip.Expect.Pa)
}

// What the simulated air is like, within the steps of the result.
func TestPhysicalTruth(t *testing.T) {
	for _, samples := range []int{1, 2, 4, 8} {
		synctest.Test(t, func(t *testing.T) {
			bus, air := sim.NewI2CBus("i2c1"), sim.NewBMP180(sim.BMP180Typical())
			bus.Attach(bmp180.Addr, air)
			d, err := bmp180.New(bus, bmp180.Opts{Pressure: samples})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Init(); err != nil {
				t.Fatal(err)
			}
			for cel := -35.0; cel <= 80; cel += 7.7 {
				for _, pa := range []float64{30000, 69964, 101325, 110000} {
					air.Set(cel, pa)
					var r drivers.Reading
					start := time.Now()
					if _, err := measure(d, &r, time.Sleep); err != nil {
						t.Fatal(err)
					}
					if took := time.Since(start); took != d.Conversion() {
						t.Errorf("took %v, want %v", took, d.Conversion())
					}
					// The truncations of figure 4 cost some pascals, and at one sample a step of the ADC is 3 Pa at least.
					if math.Abs(r.Values[0]-cel) > 0.11 || math.Abs(r.Values[1]-pa) > 15 {
						t.Errorf("%d samples: %v Cel, %v Pa; want %v, %v", samples, r.Values[0], r.Values[1], cel, pa)
					}
				}
			}
		})
	}
}

// A dip of the supply between start and result is never a value.
func TestBrownOut(t *testing.T) {
	for step := range 2 {
		synctest.Test(t, func(t *testing.T) {
			bus, air := sim.NewI2CBus("i2c1"), sim.NewBMP180(sim.BMP180Typical())
			bus.Attach(bmp180.Addr, air)
			d, err := bmp180.New(bus, bmp180.DefaultOpts())
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Init(); err != nil {
				t.Fatal(err)
			}
			var r drivers.Reading
			for range 1 + step {
				wait, err := d.Read(&r)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(wait)
			}
			air.BrownOut()
			if _, err := d.Read(&r); !errors.Is(err, drivers.ErrInvalid) || !r.Empty() {
				t.Errorf("step %d: got %v, empty %v; want %v and nothing", step, err, r.Empty(), drivers.ErrInvalid)
			}
			if _, err := measure(d, &r, time.Sleep); err != nil || !r.Has(1) {
				t.Errorf("the next measurement: %v", err)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	c := chip(t, "0198ffb8c7d17fe57ff55a71182e00048000ddf90b34")
	d, err := bmp180.New(c, bmp180.DefaultOpts())
	if err != nil {
		t.Fatal(err)
	}
	var r drivers.Reading
	if _, err := d.Read(&r); !errors.Is(err, drivers.ErrNotReady) {
		t.Errorf("before init: %v", err)
	}
	c.mem[0xD0] = 0x58
	if err := d.Init(); !errors.Is(err, drivers.ErrIdentity) || !strings.Contains(err.Error(), "this is a bmp280") {
		t.Errorf("another chip: %v", err)
	}
	c.mem[0xD0] = 0x55
	copy(c.mem[0xB2:], "\xff\xff")
	if err := d.Init(); !errors.Is(err, drivers.ErrInvalid) {
		t.Errorf("a blank word: %v", err)
	}
	copy(c.mem[0xB2:], "\x7f\xf5")
	if err := d.Init(); err != nil {
		t.Error(err)
	}
	c.mem[0xF4] = 0
	wait, err := d.Read(&r)
	c.mem[0xF4] |= 0x20 // it converts for ever
	for wait > 0 && err == nil {
		wait, err = d.Read(&r)
	}
	if !errors.Is(err, drivers.ErrTimeout) {
		t.Errorf("never ready: %v", err)
	}
	if _, err := bmp180.New(c, bmp180.Opts{Pressure: 3}); err == nil {
		t.Error("3 samples were accepted")
	}
}

// Any calibration and any result give a value, a bad one or an error.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\x01\x98\xff\xb8\xc7\xd1\x7f\xe5\x7f\xf5Zq\x18.\x00\x04\x80\x00\xdd\xf9\x0b4"), []byte("\x6c\xfa\x00"), []byte("\x5d\x23\x00"))
	f.Add(bytes.Repeat([]byte{1}, 22), []byte("\xff\xff\xff"), []byte("\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, cal, ut, up []byte) {
		c := &registers{results: map[byte][3]byte{}}
		c.mem[0xD0] = 0x55
		copy(c.mem[0xAA:0xC0], cal)
		c.results[0x2E] = [3]byte(append(bytes.Clone(ut), 0, 0, 0)[:3])
		c.results[0xF4] = [3]byte(append(bytes.Clone(up), 0, 0, 0)[:3])
		d, err := bmp180.New(c, bmp180.Opts{Pressure: 8})
		if err != nil {
			t.Fatal(err)
		}
		if d.Init() != nil {
			return
		}
		var r drivers.Reading
		if _, err := measure(d, &r, nap); err == nil && !r.Has(0) {
			t.Error("neither temperature nor error")
		}
	})
}

func TestNothingAllocates(t *testing.T) {
	c := chip(t, "0198ffb8c7d17fe57ff55a71182e00048000ddf90b34")
	c.results[0x2E] = [3]byte{0x6c, 0xfa}
	c.results[0x34] = [3]byte{0x5d, 0x23}
	d := mustNew(t, c, 1)
	var r drivers.Reading
	for name, run := range map[string]func(){
		"read":     func() { _, _ = measure(d, &r, nap) },
		"init":     func() { _ = d.Init() },
		"outputs":  func() { _ = d.Outputs() },
		"identity": func() { c.mem[0xD0] = 0x60; _ = d.Init(); _, _ = d.Read(&r); c.mem[0xD0] = 0x55; _ = d.Init() },
		"brown-out": func() {
			_, _ = d.Read(&r)
			c.mem[0xF4], c.mem[0xF6], c.mem[0xF7] = 0, 0x80, 0
			_, _ = d.Read(&r)
		},
	} {
		if got := testing.AllocsPerRun(100, run); got != 0 {
			t.Errorf("%s: %v allocations, want 0", name, got)
		}
	}
}
