package profile

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
)

func plan(t *testing.T, text string, only []string) ([]Block, *Decoder, int) {
	t.Helper()
	dec, err := mustCompile(t, "kind = \"modbus\"\n"+text).NewDecoder(nil)
	if err != nil {
		t.Fatal(err)
	}
	blocks, size := dec.Plan(only)
	return blocks, dec, size
}

const meter = `
max_registers = 40
max_gap = 4
out.a = { input = 0, type = "f32" }
out.b = { input = 6, type = "u16" }
out.c = { input = 12, type = "u32" }
out.d = { holding = 0, type = "u16" }
out.e = { input = 38, type = "u64" }
out.f = { coil = 3 }
out.g = { coil = 60 }
out.h = { from = "c", scale = 2 }
out.i = { holding = 0, type = "u32" }
`

func TestTheFewestRequests(t *testing.T) {
	for _, test := range []struct {
		only []string
		want []Block
	}{
		{nil, []Block{
			{Coils, 3, 58, 0}, {Holding, 0, 2, 8}, {Inputs, 0, 7, 12}, {Inputs, 12, 2, 26}, {Inputs, 38, 4, 30},
		}},
		{[]string{"a"}, []Block{{Inputs, 0, 2, 0}}},
		{[]string{"h"}, []Block{{Inputs, 12, 2, 0}}},
		{[]string{"d", "g"}, []Block{{Coils, 60, 1, 0}, {Holding, 0, 1, 1}}},
	} {
		got, _, _ := plan(t, meter, test.only)
		if !slices.Equal(got, test.want) {
			t.Errorf("%v: got %v, want %v", test.only, got, test.want)
		}
	}
	// As one request would be longer than the device allows.
	got, _, _ := plan(t, "max_registers = 4\nmax_gap = 100\nout.a = { input = 0, type = \"u32\" }\nout.b = { input = 3, type = \"u32\" }", nil)
	if want := []Block{{Inputs, 0, 2, 0}, {Inputs, 3, 2, 4}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got, _, _ = plan(t, "out.a = { input = 0xFFFE, type = \"u32\" }\nout.b = { input = 0xFFFC, type = \"u16\" }", nil)
	if want := []Block{{Inputs, 0xfffc, 4, 0}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A number whose bytes are A, B, C, D is sent as the order says.
func TestOrders(t *testing.T) {
	for order, wire := range map[string]string{
		"abcd": "\x41\x45\x66\x66", "cdab": "\x66\x66\x41\x45", "badc": "\x45\x41\x66\x66", "dcba": "\x66\x66\x45\x41",
	} {
		_, dec, size := plan(t, `out.x = { holding = 1, type = "f32", order = "`+order+`" }`, nil)
		var r drivers.Reading
		dec.Decode([]byte(wire)[:size], &r)
		if want := float64(float32(12.3375)); r.Values[0] != want {
			t.Errorf("%s: got %v, want %v", order, r.Values[0], want)
		}
	}
}

func TestLongNumbers(t *testing.T) {
	for _, test := range []struct {
		typ  string
		bits uint64
		want float64
	}{
		{"u64", 1<<63 + 1<<20, 1<<63 + 1<<20},
		{"i64", math.MaxUint64 - 4, -5},
		{"f64", math.Float64bits(-1234.5678), -1234.5678},
	} {
		for order, words := range map[string][]int{"abcd": {0, 1, 2, 3}, "cdab": {3, 2, 1, 0}} {
			var natural, wire [8]byte
			binary.BigEndian.PutUint64(natural[:], test.bits)
			for i, w := range words {
				copy(wire[2*i:2*i+2], natural[2*w:])
			}
			_, dec, _ := plan(t, `out.x = { holding = 1, type = "`+test.typ+`", order = "`+order+`" }`, nil)
			var r drivers.Reading
			dec.Decode(wire[:], &r)
			if r.Values[0] != test.want {
				t.Errorf("%s %s: got %v, want %v", test.typ, order, r.Values[0], test.want)
			}
		}
	}
}

func TestWhatNobodyWantsStaysEmpty(t *testing.T) {
	blocks, dec, size := plan(t, meter, []string{"h"})
	var r drivers.Reading
	buf := make([]byte, size)
	buf[blocks[0].At+3] = 21
	dec.Decode(buf, &r)
	for i, o := range dec.Outputs() {
		if has := r.Has(i) || r.IsBad(i); has != (o.Name == "h" || o.Name == "c") {
			t.Errorf("%s: has a verdict: %v", o.Name, has)
		}
		if o.Name == "h" && r.Values[i] != 42 {
			t.Errorf("h = %v, want 42", r.Values[i])
		}
	}
}

func TestProblemsOfRegisters(t *testing.T) {
	for _, test := range []struct{ text, path, msg string }{
		{`out.x = { type = "u16" }`, "out.x", "want one of coil, discrete, holding and input"},
		{`out.x = { input = 1, holding = 1, type = "u16" }`, "out.x", "want one of"},
		{`out.x = { input = 70000, type = "u16" }`, "out.x.input", "from 0 to 0xFFFF"},
		{`out.x = { input = 0xFFFF, type = "u32" }`, "out.x.input", "above 0xFFFF"},
		{`out.x = { input = 1 }`, "out.x.type", "missing"},
		{`out.x = { input = 1, type = "u32be" }`, "out.x.type", `want "u32"`},
		{`out.x = { input = 1, type = "u8" }`, "out.x.type", "unknown type"},
		{`out.x = { input = 1, type = "u16", order = "dbca" }`, "out.x.order", `want "abcd"`},
		{`out.x = { coil = 1, type = "u16" }`, "out.x.type", "either coil or type"},
		{`out.x = { input = 1, type = "u16", at = 0 }`, "out.x.at", "unknown key"},
		{"unit_id = 255\nout.x = { input = 1, type = \"u16\" }", "unit_id", "from 1 to 254"},
		{"max_registers = 1\nout.x = { input = 1, type = \"u32\" }", "out.x.type", "takes 2 registers"},
		{"addr = 0x40\nout.x = { input = 1, type = \"u16\" }", "addr", "unknown key"},
		{"identify = { holding = 0, type = \"u16\" }\nout.x = { input = 1, type = \"u16\" }", "identify.equals", "missing"},
		{"identify = { holding = 0, type = \"i16\", equals = 3 }\nout.x = { input = 1, type = \"u16\" }", "identify.type", "unsigned"},
	} {
		_, problems := Compile("x", tree(t, "kind = \"modbus\"\n"+test.text))
		if !slices.ContainsFunc(problems, func(p Problem) bool { return p.Path == test.path && strings.Contains(p.Msg, test.msg) }) {
			t.Errorf("%s: got %v, want %s: … %s", test.text, problems, test.path, test.msg)
		}
	}
}

// SunSpec's numbers come with a power of ten in a register of its own.
func TestPowersOfTen(t *testing.T) {
	blocks, dec, size := plan(t, `
		out.w = { holding = 5, type = "i16", scale_from = { holding = 2, type = "i16" }, scale = 2, offset = 1, invalid = 0x8000 }
		out.v = { holding = 4, type = "u16", scale_from = { holding = 2, type = "i16" } }`, []string{"w"})
	if want := []Block{{Holding, 2, 4, 0}}; !slices.Equal(blocks, want) || size != 8 {
		t.Fatalf("got %v, %d bytes, want %v", blocks, size, want)
	}
	for _, test := range []struct {
		power, number string
		want          float64
		ok            bool
	}{
		{"\x00\x00", "\xff\xfe", -3, true}, {"\xff\xff", "\x00\x03", 1.6, true}, {"\xff\xfe", "\x04\xaf", 24.98, true},
		{"\x00\x02", "\x00\x07", 1401, true}, {"\xff\xf6", "\x00\x01", 1.0000000002, true},
		{"\x80\x00", "\x00\x07", 0, false}, {"\x00\x0b", "\x00\x07", 0, false}, {"\x00\x00", "\x80\x00", 0, false},
	} {
		var r drivers.Reading
		dec.Decode([]byte(test.power+"\x00\x00\x00\x00"+test.number), &r)
		if r.Has(1) != test.ok || r.IsBad(1) == test.ok || r.Values[1] != test.want {
			t.Errorf("%x × 10^%x: got %v, %v, want %v", test.number, test.power, r.Values[1], r.Has(1), test.want)
		}
	}
	if o := dec.Outputs()[1]; o.Resolution != 0 {
		t.Errorf("resolution %v of a number whose scale is not known", o.Resolution)
	}
	for text, path := range map[string]string{
		`out.x = { holding = 1, type = "f32", scale_from = { holding = 2, type = "i16" } }`: "out.x.scale_from",
		`out.x = { coil = 1, scale_from = { holding = 2, type = "i16" } }`:                  "out.x.scale_from",
		`out.x = { holding = 1, type = "u16", scale_from = { holding = 2, type = "i32" } }`: "out.x.scale_from.type",
		`out.x = { holding = 1, type = "u16", scale_from = 2 }`:                             "out.x.scale_from",
	} {
		_, problems := Compile("x", tree(t, "kind = \"modbus\"\n"+text))
		if !slices.ContainsFunc(problems, func(p Problem) bool { return p.Path == path }) {
			t.Errorf("%s: got %v, want one at %s", text, problems, path)
		}
	}
}
