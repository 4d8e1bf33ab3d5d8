package profile

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// fieldOf compiles one output's keys over n bytes without checksums.
func fieldOf(t *testing.T, keys string, n int) *field {
	t.Helper()
	c := &compiler{p: &Program{}}
	tab, _ := c.table("x", tree(t, keys), fieldKeys()...)
	f, ok := tab.field(make(layout, n))
	if !ok {
		t.Fatalf("%s: %v", keys, c.problems)
	}
	return &f
}

func TestFieldTypes(t *testing.T) {
	buf := []byte{0x00, 0x81, 0x02, 0x83, 0x04, 0x00}
	for _, tt := range []struct {
		keys string
		want float64
	}{
		{`type = "u8"`, 0x81}, {`type = "i8"`, 0x81 - 0x100},
		{`type = "u16be"`, 0x8102}, {`type = "u16le"`, 0x0281},
		{`type = "i16be"`, 0x8102 - 0x10000}, {`type = "i16le"`, 0x0281},
		{`type = "u24be"`, 0x810283}, {`type = "u24le"`, 0x830281},
		{`type = "i24be"`, 0x810283 - 0x1000000}, {`type = "i24le"`, 0x830281 - 0x1000000},
		{`type = "u32be"`, 0x81028304}, {`type = "u32le"`, 0x04830281},
		{`type = "i32be"`, 0x81028304 - 0x100000000}, {`type = "i32le"`, 0x04830281},
		{"type = \"u16be\"\nmask = 0x7ff0\nshift = 4", 0x010},
		{"type = \"i16be\"\nshift = 4", (0x8102 - 0x10000) >> 4},
		{"type = \"u16be\"\nmask = 0xff00", 0x8100},
		{`width = 1`, 1}, {"bit = 1\nwidth = 1", 0}, {"bit = 6\nwidth = 9", 0b01_0000_001},
		{"bit = 4\nwidth = 20", 0x10283}, {"bit = 0\nwidth = 12\nsigned = true", 0x810 - 0x1000},
		{"bit = 7\nwidth = 32", 0x81418200},
	} {
		f := fieldOf(t, "at = 1\n"+tt.keys, len(buf))
		if got := f.number(f.bits(buf)); got != tt.want {
			t.Errorf("%q: got %v, want %v", tt.keys, got, tt.want)
		}
	}
}

func TestFieldFloats(t *testing.T) {
	be, le := fieldOf(t, "at = 0\ntype = \"f32be\"", 4), fieldOf(t, "at = 0\ntype = \"f32le\"", 4)
	buf := make([]byte, 4)
	for _, v := range []float32{0, 1.5, -439.095, float32(math.Inf(1))} {
		binary.BigEndian.PutUint32(buf, math.Float32bits(v))
		if got := be.number(be.bits(buf)); got != float64(v) {
			t.Errorf("f32be: %v, want %v", got, v)
		}
		binary.LittleEndian.PutUint32(buf, math.Float32bits(v))
		if got := le.number(le.bits(buf)); got != float64(v) {
			t.Errorf("f32le: %v, want %v", got, v)
		}
	}
}

// A bit field must give what was put there bit by bit, whatever surrounds it.
func TestFieldBitsAgainstBitByBit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		bit, width := rng.IntN(8), 1+rng.IntN(32)
		var buf [5]byte
		binary.BigEndian.PutUint32(buf[:], rng.Uint32())
		buf[4] = byte(rng.Uint32())
		var want uint64
		for i := bit; i < bit+width; i++ {
			want = want<<1 | uint64(buf[i/8]>>(7-i%8)&1)
		}
		f := field{width: uint8(width)}
		need := (bit + width + 7) / 8
		f.drop, f.n = uint8(need*8-bit-width), uint8(need)
		for i := range need {
			f.pos[i] = uint16(i)
		}
		if got := f.bits(buf[:]); got != want {
			t.Fatalf("bit %d width %d of % x: %#x, want %#x", bit, width, buf, got, want)
		}
	}
}

func TestScaledGivesTheNearestDecimal(t *testing.T) {
	for _, tt := range []struct{ scale, offset, x, want float64 }{
		{0.004, 0, 2995, 11.98},
		{0.0625, 0, 401, 25.0625},
		{0.0078125, 0, 3200, 25},
		{0.00125, 0, 9584, 11.98},
		{0.00001 / 0.1, 0, 12345, 1.2345},
		{0.0000025 / 0.002, 0, 8000, 10},
		{0.01, -40, 6512, 25.12},
		{0.1, 273.15, 1, 273.25},
		{-0.5, 3, 1, 2.5},
	} {
		if got := scaled(tt.scale, tt.offset).at(tt.x); got != tt.want {
			t.Errorf("%v × %v + %v = %v, want %v", tt.x, tt.scale, tt.offset, got, tt.want)
		}
	}
	if got := scaled(1/1.2, 0).at(33680); math.Abs(got-28066.666666666668) > 1e-9 {
		t.Errorf("33680 / 1.2 = %v", got)
	}
}

func TestFormula(t *testing.T) {
	consts := map[string]float64{"shunt": 0.002, "gain": 2}
	for s, want := range map[string]float64{
		"3": 3, "-1e-5 / shunt": -0.005, "gain*gain / 4": 1, "1/2/2": 0.25, "2 * 3 / gain": 3,
	} {
		f, err := parseFormula(s, consts)
		if err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		if got := f.eval(consts); got != want {
			t.Errorf("%q = %v, want %v", s, got, want)
		}
	}
	for _, s := range []string{"", "/", "1 2 3", "1 +", "1 + 2", "shnt", "NaN", "inf", "1e999", "* 2", "2 *", "(1)"} {
		if f, err := parseFormula(s, consts); err == nil {
			t.Errorf("%q accepted: %v", s, f)
		}
	}
}
