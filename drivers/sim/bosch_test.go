package sim

import (
	"math"
	"testing"
	"time"
)

// The registers of a BMP180 in the air of its data sheet's figure 4: UT 27898
// and UP 23843 belong to 15.0 Cel and 69964 Pa. The figure's integers truncate.
func TestBMP180HoldsTheWorkedExample(t *testing.T) {
	c := NewBMP180(BMP180Typical())
	c.Set(15, 69964)
	b := newBench(t, c)
	if got := b.read(1, 0xD0)[0]; got != 0x55 {
		t.Errorf("identity %02x, want 55", got)
	}
	if got := b.word(0xAA); got != 408 {
		t.Errorf("AC1 %d, want 408", got)
	}
	if got := b.word(0xF6); got != 0x8000 {
		t.Errorf("before the first conversion: %04x, want 8000", got)
	}
	for cmd, want := range map[byte]float64{0x2E: 27898, 0x34: 23843} {
		b.write(0xF4, cmd)
		if got := b.read(1, 0xF4)[0]; got&0x20 == 0 {
			t.Errorf("command %02x: control %02x: it does not convert", cmd, got)
		}
		b.pass(5 * time.Millisecond)
		if got := b.read(1, 0xF4)[0]; got&0x20 != 0 {
			t.Errorf("command %02x: control %02x after 5 ms: it still converts", cmd, got)
		}
		if got := float64(b.word(0xF6)); math.Abs(got-want) > 10 {
			t.Errorf("command %02x: %v, want about %v", cmd, got, want)
		}
	}
	c.BrownOut()
	if got := b.word(0xF6); got != 0x8000 {
		t.Errorf("after a brown-out: %04x, want 8000", got)
	}
}

// The registers of a BME680 whose calibration and results others published
// (tests of elixir-sensors/bmp280): 393705, 480732, 16820, and 666 in range 11
// belong to 100977.52 Pa, 19.3113 Cel, 25.2049 %RH and 3503.13 Ohm.
func TestBME680HoldsWhatOthersPublished(t *testing.T) {
	c := NewBME680(BME680Typical())
	c.Set(19.3113, 100977.52, 25.2049, 3503.13)
	b := newBench(t, c)
	b.pass(bme680Boot)
	if got := b.read(1, 0xD0)[0]; got != 0x61 {
		t.Errorf("identity %02x, want 61", got)
	}
	if lo := b.read(23, 0x8A); lo[0] != 0xB2 || lo[1] != 0x66 || lo[14] != 26 || lo[15] != 30 {
		t.Errorf("calibration % x: par_t2 26290, par_p7 26, par_p6 30", lo)
	}
	if hi := b.read(14, 0xE1); int(hi[0])<<4|int(hi[1]>>4) != 1021 || int(hi[2])<<4|int(hi[1]&15) != 717 {
		t.Errorf("calibration % x: par_h2 1021, par_h1 717", hi)
	}
	for _, w := range [][2]byte{{0x72, 1}, {0x5A, 112}, {0x64, 0x59}, {0x71, 0x10}, {0x74, 0x25}} {
		b.write(w[0], w[1])
	}
	if got := b.read(1, 0x1D)[0]; got != 1<<5 {
		t.Errorf("status %02x, want 20: measuring", got)
	}
	b.pass(time.Second)
	r := b.read(15, 0x1D)
	adc := func(at int) float64 { return float64(int(r[at])<<12 | int(r[at+1])<<4 | int(r[at+2]>>4)) }
	for _, tt := range []struct {
		name         string
		got, want, d float64
	}{
		{"pressure", adc(2), 393705, 1}, {"temperature", adc(5), 480732, 2}, {"humidity", float64(int(r[8])<<8 | int(r[9])), 16820, 1},
		{"gas", float64(int(r[13])<<2 | int(r[14]>>6)), 666, 300}, {"status", float64(r[0]), 0x80, 0},
	} {
		if math.Abs(tt.got-tt.want) > tt.d {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	if got := c.cal.resistance(666, 11); math.Abs(got-3503.13) > 0.01 {
		t.Errorf("666 in range 11: %v, want 3503.13", got)
	}
	if r[14]&0x30 != 0x30 {
		t.Errorf("gas_r_lsb %02x: want valid and stable", r[14])
	}
	if got := c.cal.resistance(int(r[13])<<2|int(r[14]>>6), int(r[14]&15)); math.Abs(got-3503.13) > 3 {
		t.Errorf("the registers hold %v Ohm, want 3503.13", got)
	}
}
