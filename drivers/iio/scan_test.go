package iio

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
)

func TestTypes(t *testing.T) {
	for _, test := range []struct {
		text  string
		bytes []byte
		want  float64
	}{
		// Documentation/driver-api/iio/buffers.rst: 12 bits, left-justified in two bytes.
		{"le:s12/16>>4", []byte{0xf0, 0x7f}, 2047},
		{"le:s12/16>>4", []byte{0x00, 0x80}, -2048},
		{"le:s12/16>>4", []byte{0x1f, 0x00}, 1}, // what is below the shift is noise
		{"be:s12/16>>4", []byte{0x80, 0x0f}, -2048},
		{"be:u12/16>>0", []byte{0xff, 0xfe}, 0xffe}, // what is above the bits is noise
		{"le:u8/8>>0", []byte{0xff}, 255},
		{"le:s8/8", []byte{0xff}, -1},
		{"be:s24/32>>8", []byte{0xff, 0xff, 0xfe, 0x55}, -2},
		{"le:u32/32>>0", []byte{0xff, 0xff, 0xff, 0xff}, math.MaxUint32},
		{"le:s64/64>>0", []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, -2},
		{"le:s32/32X4>>0", []byte{0xfd, 0xff, 0xff, 0xff}, -3},
		{"be:f32/32", []byte{0x40, 0x49, 0x0f, 0xdb}, math.Float64frombits(0x400921fb60000000)},
		{"le:f64/64>>0", []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x3f}, 1.5},
	} {
		typ, err := parseType([]byte(test.text))
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if got := typ.float(test.bytes); got != test.want {
			t.Errorf("%s of % x = %v, want %v", test.text, test.bytes, got, test.want)
		}
	}
	for text, want := range map[string]string{
		"":                "begin with le: or be:",
		"s12/16>>4":       "begin with le: or be:",
		"le:x12/16>>4":    "want s, u or f",
		"le:s/16":         "want bits and /",
		"le:s12":          "want bits and /",
		"le:s12/":         "bits of storage",
		"le:s12/16>>":     "something follows",
		"le:s12/16>>x":    "number after >>",
		"le:s12/24>>0":    "only storage of 8, 16, 32 and 64",
		"le:s17/16>>0":    "do not fit",
		"le:s12/16>>5":    "do not fit",
		"le:s0/16>>0":     "do not fit",
		"le:s12/16X99":    "at most 16",
		"le:s12/16>>4 ":   "something follows",
		"le:f16/16":       "floating-point",
		"le:s12/16X2>>4X": "something follows",
	} {
		if _, err := parseType([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// Layouts as the kernel's iio_compute_scan_bytes has them.
func TestPlace(t *testing.T) {
	for _, test := range []struct {
		types []string
		at    []int
		size  int
	}{
		{[]string{"le:s16/16", "le:s16/16", "le:s16/16", "le:s64/64"}, []int{0, 2, 4, 8}, 16},
		{[]string{"le:s64/64"}, []int{0}, 8},
		{[]string{"le:u8/8", "le:s32/32", "le:u8/8"}, []int{0, 4, 8}, 12},
		{[]string{"le:u8/8", "le:u8/8", "le:s16/16"}, []int{0, 1, 2}, 4},
		{[]string{"le:s16/16", "le:s32/32X4", "le:s64/64"}, []int{0, 16, 32}, 48},
	} {
		var list []enabled
		for i, text := range test.types {
			typ, err := parseType([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, enabled{name: text, index: i, typ: typ})
		}
		size, err := place(list)
		if err != nil {
			t.Fatal(err)
		}
		var at []int
		for _, e := range list {
			at = append(at, e.at)
		}
		if size != test.size || !slices.Equal(at, test.at) {
			t.Errorf("%v: %v in %d bytes, want %v in %d", test.types, at, size, test.at, test.size)
		}
	}
	if _, err := place([]enabled{{name: "a"}, {name: "b"}}); err == nil || !strings.Contains(err.Error(), "same index") {
		t.Errorf("got %v", err)
	}
}

func FuzzType(f *testing.F) {
	for _, s := range []string{"le:s12/16>>4", "be:u24/32X2>>8", "le:f32/32", "le:s64/64>>0"} {
		f.Add([]byte(s), []byte("\x01\x02\x03\x04\x05\x06\x07\x08"))
	}
	f.Fuzz(func(t *testing.T, text, data []byte) {
		typ, err := parseType(text)
		if err != nil {
			if typ != (scanType{}) {
				t.Fatalf("%q: a type beside an error: %+v", text, typ)
			}
			return
		}
		if int(typ.bits)+int(typ.shift) > int(typ.storage) || typ.repeat < 1 {
			t.Fatalf("%q: %+v", text, typ)
		}
		if data = append(data, make([]byte, 8)...); typ.bits < 64 && typ.word(data) >= 1<<typ.bits {
			t.Fatalf("%q: more than %d bits", text, typ.bits)
		}
		// A written number comes back.
		if typ.format == 's' && typ.storage == 32 && !typ.big {
			want := int64(int32(binary.LittleEndian.Uint32(data))) >> (32 - typ.bits)
			var b [8]byte
			binary.LittleEndian.PutUint32(b[:], uint32(want)<<typ.shift)
			if got := typ.int(b[:]); got != want {
				t.Fatalf("%q: %d became %d", text, want, got)
			}
		}
	})
}

// Scans in whatever pieces they come give the readings of whole ones.
func FuzzFeed(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef0"), uint8(5))
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		whole, pieces := decoder(), decoder()
		a := gather(whole, data, len(data)+1)
		b := gather(pieces, data, int(step)+1)
		if len(a) != len(data)/whole.layout.size || !slices.Equal(a, b) {
			t.Fatalf("%d readings in one piece, %d in pieces of %d: %v, %v", len(a), len(b), step+1, a, b)
		}
	})
}

func decoder() *Buffered {
	b := &Buffered{fd: -1, outputs: make([]drivers.Output, 2)}
	s16, s64 := scanType{format: 's', bits: 12, storage: 16, shift: 4, repeat: 1}, scanType{format: 's', bits: 64, storage: 64, repeat: 1}
	k, _ := kindOf("accel_x")
	b.layout = layout{size: 16, stamp: 8, typ: s64, elements: []element{
		{0, 0, s16, 0, 0.5, k}, {1, 2, s16, 100, 2, k},
	}}
	b.rest = make([]byte, b.layout.size)
	return b
}

type taken struct {
	stamp int64
	v     [2]float64
}

func gather(b *Buffered, data []byte, step int) (list []taken) {
	var r drivers.Reading
	for len(data) > 0 {
		p := data[:min(step, len(data))]
		data = data[len(p):]
		for len(p) > 0 {
			n, ok := b.Feed(p, math.MaxInt64/2, &r)
			if ok {
				list = append(list, taken{r.Stamp, [2]float64{r.Values[0], r.Values[1]}})
			}
			p = p[n:]
		}
	}
	return list
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]float64{
		"0": 0, "-12\n": -12, "+3": 3, "101.325000": 101.325, "0.000000123": 1.23e-7, "-0.5": -0.5, "1.500000 dB": 1.5,
		"9223372036854775807": math.MaxInt64,
	} {
		if got, ok := number([]byte(text)); !ok || got != want {
			t.Errorf("%q = %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "-", ".", "1.", ".5", "1e3", "0x10", "1 2 3", "nan", "inf", "1_0", " 1", "1.2.3", "12345678901234567890123456789012"} {
		if v, ok := number([]byte(text)); ok {
			t.Errorf("%q = %v", text, v)
		}
	}
}

// TestHoles: late stamps are no holes; dropped scans are counted, whatever the
// true frequency is within the chips' tolerance.
func TestHoles(t *testing.T) {
	const period = 625_000 // ns: 1,600 Hz
	for name, test := range map[string]struct {
		true   float64 // period
		late   map[int]int64
		drop   map[int]int // how many before scan i
		expect uint64
	}{
		"regular":            {true: period},
		"8 % slow":           {true: period * 1.08},
		"8 % fast":           {true: period * 0.92},
		"late":               {true: period, late: map[int]int64{50: 500_000, 90: 900_000, 91: 400_000}},
		"one":                {true: period, drop: map[int]int{40: 1}, expect: 1},
		"many":               {true: period * 1.08, drop: map[int]int{40: 1, 60: 30, 80: 2}, expect: 33},
		"two close together": {true: period, drop: map[int]int{40: 2, 42: 3}, expect: 5},
		"and late":           {true: period, drop: map[int]int{40: 2}, late: map[int]int64{40: 450_000}, expect: 2},
	} {
		var h holes
		h.reset(1e9 / period)
		at, lost := 1e12, uint64(0)
		for i := range 2000 {
			at += test.true * float64(1+test.drop[i])
			lost += h.next(int64(at) + test.late[i])
		}
		if lost != test.expect {
			t.Errorf("%s: %d are missing, want %d", name, lost, test.expect)
		}
	}
	var none holes
	if none.next(1); none.next(1e12) != 0 {
		t.Error("counted without a frequency")
	}
}
