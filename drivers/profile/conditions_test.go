package profile

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

// asleep uses what chips need that sleep, stretch and mark their values.
const asleep = `
kind = "i2c"
wake = [{ write = [0x00], nack = "ignore" }, { wait = "1ms" }]
identify = { reg = 0x01, equals = 0x55 }
init = [{ write = [0x02], nack = "ignore" }, [0x03]]
read = [
  { write = [0x00], nack = "ignore" },
  { reg = 0x10, bytes = 5, stop = "3ms" },
]
[out]
a_lux   = { at = 0, bit = 4, width = 12, exponent = { at = 0, width = 4 }, scale = 0.01, unit = "lx" }
b_temp  = { at = 2, width = 16, signed = "magnitude", scale = 0.1, unit = "Cel", when = { at = 4, mask = 0x80, equals = 0 } }
c_count = { at = 4, type = "u8", when = [{ at = 4, differs = [0xFF, 0xFE] }, { at = 2, type = "u16be", differs = 0 }] }
`

func TestSleepersAreWoken(t *testing.T) {
	nack := exchange{err: drivers.ErrNACK}
	d, s, n := open(t, asleep, nack, exchange{w: "\x01", r: "\x55"}, nack, exchange{w: "\x03"}, // Init
		nack, exchange{w: "\x10"}, exchange{r: "\x34\x56\x80\x65\x01"}) // Read
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	var r drivers.Reading
	if _, err := measure(d, &r); err != nil {
		t.Fatal(err)
	}
	s.done()
	if len(*n) != 2 || (*n)[0] != time.Millisecond || (*n)[1] != 3*time.Millisecond {
		t.Errorf("slept %v, want 1 ms after waking and 3 ms between write and read", *n)
	}
	for i, want := range []float64{88.8, -10.1, 1} { // 0x3456: TI OPT3001; 0x8065: Aosong AM2320
		if !r.Has(i) || math.Abs(r.Values[i]-want) > 1e-12 {
			t.Errorf("output %d: %v %v, want %v", i, r.Has(i), r.Values[i], want)
		}
	}
}

// Only a refusal is as good as an answer; a bus that does not work is not.
func TestWakingFailsWithTheBus(t *testing.T) {
	for _, cause := range []error{drivers.ErrTimeout, drivers.ErrBus} {
		d, _, _ := open(t, asleep, exchange{err: cause})
		err := d.Identify()
		var e *Error
		if !errors.Is(err, cause) || !errors.As(err, &e) || e.Step != "wake[0]" {
			t.Errorf("got %v, want %v at wake[0]", err, cause)
		}
	}
}

func TestConditionsMakeValuesBad(t *testing.T) {
	for _, tt := range []struct {
		bytes string
		bad   [3]bool
	}{
		{"\x00\x01\x00\x01\x00", [3]bool{}},
		{"\x00\x01\x00\x01\x80", [3]bool{1: true}},
		{"\x00\x01\x00\x01\xff", [3]bool{1: true, 2: true}},
		{"\x00\x01\x00\x01\xfe", [3]bool{1: true, 2: true}},
		{"\x00\x01\x00\x00\x00", [3]bool{2: true}},
	} {
		d, err := mustCompile(t, asleep).NewDecoder(nil)
		if err != nil {
			t.Fatal(err)
		}
		var r drivers.Reading
		d.Decode([]byte(tt.bytes), &r)
		for i, want := range tt.bad {
			if r.IsBad(i) != want || r.Has(i) == want {
				t.Errorf("% x: output %d bad %v, has %v; want bad %v", tt.bytes, i, r.IsBad(i), r.Has(i), want)
			}
		}
	}
}

// The sign of a sign with its amount, at both ends and for both zeros.
func TestSignMagnitude(t *testing.T) {
	f := fieldOf(t, `at = 0
width = 16
signed = "magnitude"`, 2)
	for bits, want := range map[uint64]float64{0: 0, 1: 1, 0x7fff: 32767, 0x8000: 0, 0x8001: -1, 0xffff: -32767} {
		if got := f.number(bits); got != want {
			t.Errorf("%#x: got %v, want %v", bits, got, want)
		}
	}
	for n, want := range map[int64]uint64{-1: 0x8001, 5: 5, -32767: 0xffff} {
		if got, ok := f.pattern(n); !ok || got != want {
			t.Errorf("%d: pattern %#x %v, want %#x", n, got, ok, want)
		}
	}
	if got, ok := f.pattern(int64(-32768)); ok {
		t.Errorf("-32768 has no pattern, got %#x", got)
	}
}

func TestConditionsOfTelegrams(t *testing.T) {
	p := mustCompile(t, `
kind = "framed"
header = [0xAA]
length = { at = 1, type = "u8", max = 8 }
out.x = { at = 2, type = "u8", when = { at = 5, equals = 7 } }
`)
	for _, tt := range []struct {
		frame string
		want  Verdict
	}{{"\xaa\x06\x01\x00\x00\x07", Whole}, {"\xaa\x05\x01\x00\x00", Foreign}} {
		if got := p.Telegram().Judge([]byte(tt.frame)); got != tt.want {
			t.Errorf("% x: %v, want %v: a condition's bytes are needed too", tt.frame, got, tt.want)
		}
	}
}

func TestProblemsOfConditions(t *testing.T) {
	for _, tt := range []struct{ old, with, path, msg string }{
		{`nack = "ignore" }, { wait`, `nack = true }, { wait`, "wake[0].nack", `want "ignore"`},
		{`nack = "ignore" }, { wait`, `nack = "yes" }, { wait`, "wake[0].nack", `want "ignore"`},
		{`stop = "3ms"`, `stop = "3s"`, "read[1].stop", "up to 20ms"},
		{`stop = "3ms"`, `stop = 3`, "read[1].stop", "up to 20ms"},
		{`stop = "3ms"`, `nack = "ignore"`, "read[1].nack", "gives no bytes"},
		{`wake = [{ write = [0x00], nack = "ignore" }, { wait = "1ms" }]`, `wake = [1, 2]`, "wake", "wake = [[0x01, 0x80]]"},
		{`wake = [{ write = [0x00], nack = "ignore" }, { wait = "1ms" }]`, `wake = [{ reg = 1, bytes = 1 }]`, "wake[0].bytes", "wake keeps nothing"},
		{`{ wait = "1ms" }]`, `{ wait = "6s" }]`, "wake", "at most 5s"},
		{`signed = "magnitude"`, `signed = "ones"`, "out.b_temp.signed", `"magnitude"`},
		{`signed = "magnitude"`, `signed = "magnitude", shift = 1`, "out.b_temp.signed", "neither mask nor shift"},
		{`exponent = { at = 0, width = 4 }`, `exponent = 3`, "out.a_lux.exponent", "want a table"},
		{`exponent = { at = 0, width = 4 }`, `exponent = { at = 0 }`, "out.a_lux.exponent.width", "missing"},
		{`exponent = { at = 0, width = 4 }`, `exponent = { at = 0, width = 6 }`, "out.a_lux.exponent.width", "1 to 5"},
		{`exponent = { at = 0, width = 4 }`, `exponent = { at = 5, width = 4 }`, "out.a_lux.exponent.at", "0 to 4"},
		{`when = { at = 4, mask = 0x80, equals = 0 }`, `when = {}`, "out.b_temp.when.equals", "missing"},
		{`when = { at = 4, mask = 0x80, equals = 0 }`, `when = []`, "out.b_temp.when", "want one table"},
		{`when = { at = 4, mask = 0x80, equals = 0 }`, `when = { at = 4, mask = 0x80, equals = 1 }`, "out.b_temp.when.equals", "outside the mask"},
		{`when = { at = 4, mask = 0x80, equals = 0 }`, `when = { at = 4, width = 2, equals = 4 }`, "out.b_temp.when.equals", "does not fit into the 2 bits"},
		{`when = { at = 4, mask = 0x80, equals = 0 }`, `when = { at = 4, type = "i8", equals = 4 }`, "out.b_temp.when.type", "unsigned"},
		{`{ at = 2, type = "u16be", differs = 0 }`, `{ at = 9, differs = 0 }`, "out.c_count.when[1].at", "0 to 4"},
	} {
		text := strings.Replace(asleep, tt.old, tt.with, 1)
		if text == asleep {
			t.Fatalf("%s is not in the profile", tt.old)
		}
		_, problems := Compile("chip", tree(t, text))
		if len(problems) != 1 || problems[0].Path != tt.path || !strings.Contains(problems[0].Msg, tt.msg) {
			t.Errorf("%s: got %v, want one: %s … %q", tt.with, problems, tt.path, tt.msg)
		}
	}
}

func TestWakingDoesNotAllocate(t *testing.T) {
	nack := exchange{err: drivers.ErrNACK}
	d, s, _ := open(t, asleep, nack, exchange{w: "\x01", r: "\x55"}, nack, exchange{w: "\x03"},
		nack, exchange{w: "\x10"}, exchange{r: "\x34\x56\x80\x65\x01"})
	s.loop = true
	var r drivers.Reading
	if got := testing.AllocsPerRun(100, func() {
		r.Reset()
		if d.Init() != nil {
			t.Error("init failed")
		}
		if _, err := d.Read(&r); err != nil {
			t.Error("read failed")
		}
	}); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}
