package profile

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

// everything uses each kind of step.
const everything = `
kind = "i2c"
time = "7ms"
const.shunt = 0.1
identify = [
  { reg = 0x0F, mask = 0x0FFF, equals = [0x0116, 0x0117] },
  { write = [0x89], wait = "1ms", bytes = 3, crc = "sensirion" },
]
init = [[0x01, 0x20], { wait = "3ms" }, { poll = { reg = 0x02, mask = 0x80, equals = 0x80, timeout = "10ms", every = "5ms" } }]
read = [
  { write = [0xFD] },
  { wait = "1ms" },
  { wait = "10ms" },
  { poll = { bytes = 1, mask = 0x01, differs = 0, timeout = "20ms", every = "10ms" } },
  { reg = 0x10, bytes = 3, crc = "sensirion", stop = true },
  { reg = 0x20, bytes = 1 },
]
[out]
a_current = { at = 0, type = "i16be", scale = "0.001 / shunt", unit = "A", invalid = [-1, 0x7FFF] }
b_flags   = { at = 3, bit = 6, width = 2 }
c_power   = { from = "a_current", times = "b_flags", offset = 1, unit = "W" }
d_level   = { at = 3, type = "u8", map = [[0, 10], [200, -10]], clamp = [-5, 5], valid = [-5, 4] }
`

// Transactions of everything's parts.
var (
	identity = []exchange{
		{w: "\x0f", r: "\xa1\x17"},
		{w: "\x89"},
		{r: "\xbe\xef\x92"},
	}
	configure = []exchange{
		{w: "\x01\x20"},
		{w: "\x02", r: "\x00"},
		{w: "\x02", r: "\x80"},
	}
	convert = []exchange{
		{w: "\xfd"},
		{r: "\x00"},
		{r: "\x01"},
	}
	fetch = []exchange{
		{w: "\x10"},
		{r: "\xbe\xef\x92"},
		{w: "\x20", r: "\x52"},
	}
)

func TestInitVerifiesThenConfigures(t *testing.T) {
	d, s, n := open(t, everything, slices.Concat(identity, configure)...)
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	s.done()
	if want := (naps{time.Millisecond, 3 * time.Millisecond, 5 * time.Millisecond}); !slices.Equal(*n, want) {
		t.Errorf("slept %v, want %v", *n, want)
	}
}

func TestReadReturnsLongWaitsAndDecodes(t *testing.T) {
	d, s, n := open(t, everything, slices.Concat(identity, configure, convert, fetch)...)
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	*n = nil
	var dst drivers.Reading
	waits, err := measure(d, &dst)
	if err != nil {
		t.Fatal(err)
	}
	s.done()
	const ms = time.Millisecond
	if want := []time.Duration{7 * ms, 10 * ms, 10 * ms}; !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v: the conversion after init, the wait and the poll", waits, want)
	}
	if want := (naps{ms}); !slices.Equal(*n, want) {
		t.Errorf("slept %v, want %v: only what is shorter than %v", *n, want, yieldFrom)
	}
	raw := float64(int16(-0x4111)) // 0xbeef
	for i, want := range []float64{raw / 100, 2, 2 * (raw/100 + 1), 1.8} {
		if got := dst.Values[i]; !dst.Has(i) || math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: %v, want %v", d.Outputs()[i].Name, got, want)
		}
	}
}

func TestOutputsDescribe(t *testing.T) {
	d, _, _ := open(t, everything)
	want := []drivers.Output{
		{Name: "a_current", Unit: "A", Resolution: 0.01},
		{Name: "b_flags", Resolution: 1},
		{Name: "c_power", Unit: "W"},
		{Name: "d_level", Resolution: 0.1},
	}
	if got := d.Outputs(); !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestIdentityMismatch(t *testing.T) {
	d, _, _ := open(t, everything, exchange{w: "\x0f", r: "\x01\x18"})
	err := d.Init()
	wantErr(t, err, drivers.ErrIdentity)
	if want := "chip 0x44: identify[0]: wrong device: got 0x118, want 0x116 (mask 0xFFF)"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	_, err = d.Read(new(drivers.Reading))
	wantErr(t, err, drivers.ErrNotReady)
}

func TestIdentityByChecksum(t *testing.T) {
	d, _, _ := open(t, everything, identity[0], identity[1], exchange{r: "\xff\xff\xff"})
	wantErr(t, d.Init(), drivers.ErrIdentity)
}

func TestSilenceIsNotAnotherChip(t *testing.T) {
	d, _, _ := open(t, everything, exchange{err: drivers.ErrNACK})
	err := d.Init()
	wantErr(t, err, drivers.ErrNACK)
	if !strings.Contains(err.Error(), "chip 0x44: identify[0]: no acknowledge") {
		t.Errorf("got %v", err)
	}
}

func TestPollTimesOut(t *testing.T) {
	busy := exchange{w: "\x02", r: "\x7f"}
	d, s, n := open(t, everything, slices.Concat(identity, configure[:1], []exchange{busy, busy, busy})...)
	err := d.Init()
	wantErr(t, err, drivers.ErrTimeout)
	s.done()
	if want := "chip 0x44: init[2].poll: timeout: got 0x00, want 0x80 (mask 0x80)"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if got := (*n)[len(*n)-2:]; !slices.Equal(got, naps{5 * time.Millisecond, 5 * time.Millisecond}) {
		t.Errorf("slept %v between the polls", got)
	}
}

// readErrors are a measurement's failures: where they happen and what they give.
var readErrors = []struct {
	name string
	list []exchange
	want error
}{
	{"nack at once", []exchange{{err: drivers.ErrNACK}}, drivers.ErrNACK},
	{"bus error later", slices.Concat(convert, fetch[:1], []exchange{{err: drivers.ErrBus}}), drivers.ErrBus},
	{"nack before the stop", slices.Concat(convert, []exchange{{err: drivers.ErrNACK}}), drivers.ErrNACK},
	{"checksum", slices.Concat(convert, fetch[:1], []exchange{{r: "\xbe\xef\x93"}}), drivers.ErrCRC},
	{"poll", []exchange{{w: "\xfd"}, {r: "\x00"}, {r: "\x00"}, {r: "\x00"}}, drivers.ErrTimeout},
}

func TestErrorEndsTheMeasurement(t *testing.T) {
	for _, tt := range readErrors {
		t.Run(tt.name, func(t *testing.T) {
			d, s, _ := open(t, everything, slices.Concat(identity, configure, tt.list, convert, fetch)...)
			if err := d.Init(); err != nil {
				t.Fatal(err)
			}
			var dst drivers.Reading
			_, err := measure(d, &dst)
			wantErr(t, err, tt.want)
			if !dst.Empty() {
				t.Error("a failed measurement left values")
			}
			if _, err := measure(d, &dst); err != nil || !dst.Has(0) {
				t.Errorf("the next measurement: %v", err)
			}
			s.done()
		})
	}
}

func TestNothingAllocates(t *testing.T) {
	good := readErrors[:0:0]
	good = append(good, struct {
		name string
		list []exchange
		want error
	}{"good", slices.Concat(convert, fetch), nil})
	for _, tt := range append(good, readErrors...) {
		d, s, _ := open(t, everything, slices.Concat(identity, configure)...)
		if err := d.Init(); err != nil {
			t.Fatal(err)
		}
		s.list, s.next, s.loop = tt.list, 0, true
		d.sleep = func(time.Duration) {}
		var dst drivers.Reading
		var err error
		n := testing.AllocsPerRun(100, func() {
			dst.Reset()
			for wait := time.Duration(1); wait > 0; {
				wait, err = d.Read(&dst)
			}
		})
		if n != 0 {
			t.Errorf("read, %s: %v allocations", tt.name, n)
		}
		wantErr(t, err, tt.want)
	}
	for _, tt := range []struct {
		name string
		list []exchange
		want error
	}{
		{"good", slices.Concat(identity, configure), nil},
		{"nack", []exchange{{err: drivers.ErrNACK}}, drivers.ErrNACK},
		{"identity", []exchange{{w: "\x0f", r: "\x00\x00"}}, drivers.ErrIdentity},
	} {
		d, s, _ := open(t, everything, tt.list...)
		s.loop = true
		d.sleep = func(time.Duration) {}
		var err error
		if n := testing.AllocsPerRun(100, func() { err = d.Init() }); n != 0 {
			t.Errorf("init, %s: %v allocations", tt.name, n)
		}
		wantErr(t, err, tt.want)
	}
	d, _, _ := open(t, everything)
	var dst drivers.Reading
	if n := testing.AllocsPerRun(100, func() { d.Read(&dst) }); n != 0 {
		t.Errorf("read before init: %v allocations", n)
	}
}

func TestInvalidIsBadAndSpreads(t *testing.T) {
	for _, mark := range []string{"\xff\xff\xac", "\x7f\xff\x8f"} {
		list := slices.Concat(identity, configure, convert, []exchange{fetch[0], {r: mark}, {w: "\x20", r: "\x00"}})
		d, _, _ := open(t, everything, list...)
		if err := d.Init(); err != nil {
			t.Fatal(err)
		}
		var dst drivers.Reading
		if _, err := measure(d, &dst); err != nil {
			t.Fatal(err)
		}
		if !dst.IsBad(0) || !dst.IsBad(2) || !dst.Has(1) {
			t.Errorf("% x: bad %v, derived bad %v, other has %v; want true for all", mark, dst.IsBad(0), dst.IsBad(2), dst.Has(1))
		}
		if !dst.IsBad(3) {
			t.Errorf("10, clamped to 5, is beyond valid 4 but has %v", dst.Values[3])
		}
	}
}

func TestFloatAcrossWordChecksums(t *testing.T) {
	// Sensirion SCD30, interface description 1.4.5: 439 ppm comes as 43DB CB 8C2E 8F.
	d, _, _ := open(t, `
kind = "i2c"
read = [{ write = [0x03, 0x00] }, { wait = "3ms" }, { bytes = 6, crc = "sensirion" }]
out.co2 = { at = 0, type = "f32be", unit = "ppm" }
`, exchange{w: "\x03\x00"}, exchange{r: hex("43dbcb8c2e8f")})
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	var dst drivers.Reading
	if _, err := measure(d, &dst); err != nil {
		t.Fatal(err)
	}
	if got := dst.Values[0]; math.Abs(got-439.095) > 0.001 {
		t.Errorf("got %v ppm, want 439.095", got)
	}
}

func TestNaNIsBad(t *testing.T) {
	d, _, _ := open(t, `
kind = "i2c"
read = [{ reg = 0, bytes = 4 }]
out.x = { at = 0, type = "f32be", clamp = [0, 1] }
`, exchange{w: "\x00", r: "\x7f\xc0\x00\x00"})
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	var dst drivers.Reading
	if _, err := measure(d, &dst); err != nil || !dst.IsBad(0) {
		t.Errorf("NaN: %v, bad %v", err, dst.IsBad(0))
	}
}

func TestConstants(t *testing.T) {
	p := mustCompile(t, everything)
	d, err := New(&script{t: t}, 0x44, p, Opts{Const: map[string]float64{"shunt": 0.002}})
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Outputs()[0].Resolution; got != 0.5 {
		t.Errorf("resolution %v with 2 milliohm, want 0.5", got)
	}
	for _, tt := range []struct {
		consts map[string]float64
		want   string
	}{
		{map[string]float64{"shnt": 1}, `did you mean "shunt"?`},
		{map[string]float64{"shunt": 0}, "a_current comes to"},
		{map[string]float64{"shunt": math.NaN()}, "want a finite number"},
	} {
		if _, err := p.Outputs(tt.consts); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want %q", tt.consts, err, tt.want)
		}
	}
	if got := p.Consts()["shunt"]; got != 0.1 {
		t.Errorf("the program's own constant became %v", got)
	}
}

func TestAddresses(t *testing.T) {
	p := mustCompile(t, "kind = \"i2c\"\naddr = [0x48, 0x49]\nread = [{ bytes = 1 }]\nout.x = { at = 0, type = \"u8\" }")
	d, err := New(&script{t: t}, 0, p, Opts{})
	if err != nil || d.String() != "chip 0x48" {
		t.Errorf("default address: %v, %v", d, err)
	}
	if _, err := New(&script{t: t}, 0x78, p, Opts{}); err == nil {
		t.Error("address 0x78 accepted")
	}
	if got := p.Addresses(); !slices.Equal(got, []uint16{0x48, 0x49}) {
		t.Errorf("addresses %v", got)
	}
}

func BenchmarkRead(b *testing.B) {
	d, s, _ := open(b, `
kind = "i2c"
read = [{ write = [0xFD] }, { bytes = 6, crc = "sensirion" }]
out.temperature = { at = 0, type = "u16be", map = [[0, -45], [65535, 130]], round = 0.001, unit = "Cel" }
out.humidity    = { at = 3, type = "u16be", map = [[0, -6], [65535, 119]], clamp = [0, 100], round = 0.001, unit = "%RH" }
`, exchange{w: "\xfd"}, exchange{r: "\xbe\xef\x92\xab\xab\x72"})
	s.loop = true
	if err := d.Init(); err != nil {
		b.Fatal(err)
	}
	var dst drivers.Reading
	b.ReportAllocs()
	for b.Loop() {
		dst.Reset()
		if _, err := d.Read(&dst); err != nil {
			b.Fatal(err)
		}
	}
}
