package sim

import (
	"bytes"
	"math"
	"testing"
	"time"
)

// bench is one chip whose time the test owns.
type bench struct {
	t    *testing.T
	chip Chip
	now  time.Time
}

func newBench(t *testing.T, c Chip) *bench {
	b := &bench{t, c, time.Unix(1.7e9, 0)}
	c.PowerOn(b.now)
	return b
}

func (b *bench) pass(d time.Duration) { b.now = b.now.Add(d) }

// read gives n bytes after writing w; it fails the test when the chip refuses.
func (b *bench) read(n int, w ...byte) []byte {
	b.t.Helper()
	r := make([]byte, n)
	if !b.chip.Tx(b.now, w, r) {
		b.t.Fatalf("write % x, read %d: refused", w, n)
	}
	return r
}

// word reads a 16-bit register, high byte first.
func (b *bench) word(reg byte) uint16 {
	b.t.Helper()
	r := b.read(2, reg)
	return uint16(r[0])<<8 | uint16(r[1])
}

func (b *bench) write(w ...byte) {
	b.t.Helper()
	b.read(0, w...)
}

// The temperature tables of the TMP102 (SBOS397, section 7.5.2) and the LM75.
func TestTemperatureTables(t *testing.T) {
	tmp102 := map[float64]uint16{100: 0x640, 80: 0x500, 75: 0x4B0, 50: 0x320, 25: 0x190,
		0.25: 0x004, 0: 0x000, -0.25: 0xFFC, -25: 0xE70, -55: 0xC90, 128: 0x7FF}
	for cel, want := range tmp102 {
		c := NewTMP102()
		c.Set(cel)
		b := newBench(t, c)
		b.pass(time.Second)
		if got := b.word(0); got != want<<4 {
			t.Errorf("TMP102 at %v: %04x, want %04x", cel, got, want<<4)
		}
	}
	lm75 := map[float64]uint16{125: 0x0FA, 25: 0x032, 0.5: 0x001, 0: 0x000, -0.5: 0x1FF, -25: 0x1CE, -55: 0x192}
	for cel, want := range lm75 {
		c := NewLM75(9)
		c.Set(cel)
		b := newBench(t, c)
		b.pass(time.Second)
		if got := b.word(0); got != want<<7 {
			t.Errorf("LM75 at %v: %04x, want %04x", cel, got, want<<7)
		}
	}
}

// TI TMP117, SNOSD82, table 7-1: 0x8000 until the first conversion, then 7.8125 m°C steps.
func TestTMP117(t *testing.T) {
	for cel, want := range map[float64]uint16{25: 0x0C80, 100: 0x3200, -0.0078125: 0xFFFF, -25: 0xF380, 150: 0x4B00, 255.9921875: 0x7FFF} {
		c := NewTMP117()
		c.Set(cel)
		b := newBench(t, c)
		if got := b.word(0); got != 0x8000 {
			t.Errorf("at power-on: %04x, want 8000", got)
		}
		b.pass(time.Second)
		if got := b.word(1); got != 0x2220 {
			t.Errorf("configuration: %04x, want 2220: data ready", got)
		}
		if got := b.word(1); got != 0x0220 {
			t.Errorf("configuration again: %04x, want 0220: reading clears it", got)
		}
		if got := b.word(0); got != want {
			t.Errorf("at %v: %04x, want %04x", cel, got, want)
		}
	}
	b := newBench(t, NewTMP117())
	if got := b.word(0x0F); got != 0x0117 {
		t.Errorf("identity %04x, want 0117", got)
	}
}

func TestTMP117OneShot(t *testing.T) {
	c := NewTMP117()
	b := newBench(t, c)
	b.write(1, 0x04, 0x00) // shutdown
	b.pass(time.Minute)
	if got := b.word(0); got != 0x8000 {
		t.Errorf("shut down: %04x, want 8000", got)
	}
	c.Set(30)
	b.write(1, 0x0C, 0x00) // one shot, no averaging: 15.5 ms
	b.pass(15 * time.Millisecond)
	if got := b.word(0); got != 0x8000 {
		t.Errorf("too early: %04x, want 8000", got)
	}
	b.pass(time.Millisecond)
	if got := b.word(0); got != 30*128 {
		t.Errorf("got %04x, want %04x", got, 30*128)
	}
	if got := b.word(1); got != 0x0400 {
		t.Errorf("configuration: %04x, want 0400: shut down again", got)
	}
}

func TestTMP102Modes(t *testing.T) {
	c := NewTMP102()
	b := newBench(t, c)
	if got := b.word(0); got != 0 {
		t.Errorf("before the first conversion: %04x, want 0", got)
	}
	b.pass(30 * time.Millisecond)
	if got := b.word(0); got != 20<<8 {
		t.Errorf("first: %04x, want 1400", got)
	}
	c.Set(21)
	b.pass(200 * time.Millisecond)
	if got := b.word(0); got != 20<<8 {
		t.Errorf("within the period of 250 ms: %04x, want 1400", got)
	}
	b.pass(100 * time.Millisecond)
	if got := b.word(0); got != 21<<8 {
		t.Errorf("next: %04x, want 1500", got)
	}
	b.write(1, 0x61, 0xB0) // extended, shut down
	b.pass(time.Second)
	b.word(0) // ends the running conversion
	c.Set(130)
	b.pass(time.Second)
	if got := b.word(0); got != 21<<7|1 {
		t.Errorf("shut down: %04x, want %04x", got, 21<<7|1)
	}
	b.write(1, 0xE1, 0xB0) // one shot
	b.pass(30 * time.Millisecond)
	if got := b.word(0); got != 130<<7|1 {
		t.Errorf("one shot: %04x, want %04x", got, 130<<7|1)
	}
	if got := b.word(1); got&0xF0FF != 0xE0B0 {
		t.Errorf("configuration: %04x, want E1B0: one shot done", got)
	}
}

// TI SBOS448G, section 9.2.2.1: 10 A through 2 mOhm at 11.98 V.
func TestINA219WorkedExample(t *testing.T) {
	c := NewINA219(0.002)
	c.Set(11.98, 10)
	b := newBench(t, c)
	b.write(5, 0x50, 0x00)
	b.pass(2 * time.Millisecond)
	for reg, want := range map[byte]uint16{0: 0x399F, 1: 0x07D0, 2: 0x5D98 | 2, 4: 0x2710, 5: 0x5000} {
		if got := b.word(reg); got != want {
			t.Errorf("register %d: %04x, want %04x", reg, got, want)
		}
	}
	if got := b.word(3); got != 0x1766 {
		t.Errorf("power: %04x, want 1766", got)
	}
	if got := b.word(2); got != 0x5D98 {
		t.Errorf("bus voltage: %04x, want 5D98: reading power clears CNVR", got)
	}
}

func TestINA219Limits(t *testing.T) {
	c := NewINA219(0.1)
	c.Set(40, -5)
	b := newBench(t, c)
	if got := b.word(4); got != 0 {
		t.Errorf("current without calibration: %04x, want 0", got)
	}
	b.write(5, 0x10, 0x01) // 0.1 mA a bit; bit 0 is not there
	b.pass(2 * time.Millisecond)
	if got := b.word(5); got != 0x1000 {
		t.Errorf("calibration: %04x, want 1000", got)
	}
	if got := int16(b.word(1)); got != -32000 {
		t.Errorf("shunt: %d, want -32000: -320 mV at most", got)
	}
	if got := b.word(2) >> 3; got != 8000 {
		t.Errorf("bus: %d, want 8000: 32 V at most", got)
	}
	b.write(5, 0xFF, 0xFE)
	if got := b.word(2); got&1 != 1 {
		t.Errorf("bus: %04x, want OVF", got)
	}
	b.write(0, 0x00, 0x00) // power-down, PG ±40 mV, 16 V
	b.write(0, 0x00, 0x1B) // one triggered conversion, 12 bits
	if got := b.word(2); got&2 != 0 {
		t.Errorf("bus: %04x, want no CNVR before the end", got)
	}
	b.pass(2 * time.Millisecond)
	if got := b.word(2); got>>3 != 4000 || got&2 == 0 {
		t.Errorf("bus: %04x, want 16 V and CNVR", got)
	}
	b.write(0, 0x80, 0x00)
	if got := b.word(0); got != 0x399F {
		t.Errorf("after reset: %04x, want 399F", got)
	}
}

func TestSHT4x(t *testing.T) {
	c := NewSHT4x(0x0F1E2D3C)
	c.Set(25, 50)
	b := newBench(t, c)
	b.pass(time.Millisecond)
	r := make([]byte, 6)
	if c.Tx(b.now, nil, r) {
		t.Error("nothing was measured: acknowledged")
	}
	b.write(0xFD)
	b.pass(5 * time.Millisecond)
	if c.Tx(b.now, nil, r) {
		t.Error("while measuring: acknowledged")
	}
	b.pass(3 * time.Millisecond)
	r = b.read(6)
	cel := -45 + 175*float64(uint16(r[0])<<8|uint16(r[1]))/65535
	rh := -6 + 125*float64(uint16(r[3])<<8|uint16(r[4]))/65535
	if math.Abs(cel-25) > 175.0/65535/2 || math.Abs(rh-50) > 125.0/65535/2 {
		t.Errorf("%v Cel, %v %%RH, want 25, 50", cel, rh)
	}
	if r[2] != sensirionCRC(r[:2]) || r[5] != sensirionCRC(r[3:5]) {
		t.Errorf("% x: wrong checksums", r)
	}
	if c.Tx(b.now, nil, r) {
		t.Error("read twice: acknowledged")
	}
	if got := b.read(6, 0x89); !bytes.Equal(got[:2], []byte{0x0F, 0x1E}) || !bytes.Equal(got[3:5], []byte{0x2D, 0x3C}) {
		t.Errorf("serial number % x", got)
	}
	if c.Tx(b.now, []byte{0x00}, nil) {
		t.Error("unknown command: acknowledged")
	}
	c.BadCRC(true)
	if got := b.read(6, 0x89); got[2] == sensirionCRC(got[:2]) {
		t.Errorf("% x: want a wrong checksum", got)
	}
}

// Check values of Sensirion's CRC-8: SCD4x data sheet, table 32, and the CRC
// catalogue's over "123456789".
func TestSensirionCRC(t *testing.T) {
	for data, want := range map[string]byte{"\xBE\xEF": 0x92, "\xAB\xAB": 0x72, "\x00\x00": 0x81, "123456789": 0xF7} {
		if got := sensirionCRC([]byte(data)); got != want {
			t.Errorf("% x: %02x, want %02x", data, got, want)
		}
	}
}

// The formulas that encode are themselves held to the BMP280's worked example
// (section 3.12), and inverting them must give its raw words.
func TestBMxMath(t *testing.T) {
	c := BMxTypical()
	cel, fine := c.celsius(519888)
	if math.Abs(cel-25.08) > 0.005 || math.Abs(fine-128422) > 1 {
		t.Errorf("%v Cel, t_fine %v, want 25.08, 128422", cel, fine)
	}
	if pa := c.pascal(415148, fine); math.Abs(pa-100653.27) > 0.1 {
		t.Errorf("%v Pa, want 100653.27", pa)
	}
	if got := c.adcTemperature(cel); got != 519888 {
		t.Errorf("adc_T %d, want 519888", got)
	}
	if got := c.adcPressure(c.pascal(415148, fine), fine); got != 415148 {
		t.Errorf("adc_P %d, want 415148", got)
	}
	for rh := 1.0; rh < 100; rh += 0.37 {
		if got := c.relative(c.adcHumidity(rh, fine), fine); math.Abs(got-rh) > 0.004 {
			t.Errorf("humidity %v came back as %v", rh, got)
		}
	}
}

func TestBMxRegisters(t *testing.T) {
	n := BMxNegative()
	if _, hi := n.registers(); !bytes.Equal(hi[:], []byte{0x6e, 0x01, 0x00, 0xfc, 0x2e, 0xfe, 0x1e}) {
		t.Errorf("E1 … E7: % x, want 6e 01 00 fc 2e fe 1e", hi)
	}
	b := newBench(t, NewBME280(n))
	if got := b.read(1, 0xF3)[0]; got != 1 {
		t.Errorf("status at power-on: %02x, want im_update", got)
	}
	if got := b.read(2, 0x88); got[0] != 0 || got[1] != 0 {
		t.Errorf("calibration before the copy ends: % x, want zeros", got)
	}
	b.pass(2 * time.Millisecond)
	if got := b.read(2, 0x88); got[0] != 0x10 || got[1] != 0x6e {
		t.Errorf("calibration: % x, want 10 6e", got)
	}
	if got := b.read(8, 0xF7); !bytes.Equal(got, []byte{0x80, 0, 0, 0x80, 0, 0, 0x80, 0}) {
		t.Errorf("data after reset: % x", got)
	}
}

func TestBMxForcedMode(t *testing.T) {
	b := newBench(t, NewBME280(BMxTypical()))
	b.pass(2 * time.Millisecond)
	b.write(0xF2, 1, 0xF4, 0x25)
	if got := b.read(2, 0xF3); got[0] != 8 || got[1] != 0x25 {
		t.Errorf("status, ctrl_meas: % x, want 08 25", got)
	}
	b.pass(7 * time.Millisecond)
	if got := b.read(1, 0xF3); got[0] != 8 {
		t.Errorf("status before the end: % x, want 08", got)
	}
	b.pass(2 * time.Millisecond)
	if got := b.read(2, 0xF3); got[0] != 0 || got[1] != 0x24 {
		t.Errorf("status, ctrl_meas: % x, want 00 24: asleep", got)
	}
	if got := b.read(8, 0xF7); got[2]&0xF != 0 || got[5] != 0 || got[0] == 0x80 {
		t.Errorf("data: % x, want 16 significant bits", got)
	}
	b.write(0xF2, 0) // in effect only after ctrl_meas is written
	b.write(0xF4, 0x25)
	b.pass(10 * time.Millisecond)
	if got := b.read(8, 0xF7); got[6] != 0x80 || got[7] != 0 {
		t.Errorf("humidity skipped: % x, want 80 00", got[6:])
	}
}

func TestBMxNormalModeIgnoresConfig(t *testing.T) {
	b := newBench(t, NewBMP280(BMxTypical()))
	b.pass(2 * time.Millisecond)
	b.write(0xF5, 0x10, 0xF4, 0x27)
	b.write(0xF5, 0x00)
	if got := b.read(1, 0xF5)[0]; got != 0x10 {
		t.Errorf("config: %02x, want 10", got)
	}
	b.pass(240 * time.Hour) // catches up without counting all of it
	if got := b.read(1, 0xF7)[0]; got == 0x80 {
		t.Error("no result")
	}
	if got := b.read(1, 0xF2)[0]; got != 0 {
		t.Errorf("a BMP280 has no ctrl_hum: %02x, want 0", got)
	}
}
