package gpio

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warthog618/go-gpiocdev/uapi"
	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
)

const ms = int64(time.Millisecond)

func opened(t testing.TB, b *board, o Options) *Sensor {
	t.Helper()
	s := made(t, b, o)
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func made(t testing.TB, b *board, o Options) *Sensor {
	t.Helper()
	o.Root = b.root
	if o.LineName != "" {
		o.Line = -1
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.kernel = b.kernel()
	return s
}

func read(t testing.TB, b *board, s *Sensor) *drivers.Reading {
	t.Helper()
	b.line.flush()
	r := new(drivers.Reading)
	if wait, err := s.Read(r); err != nil || wait != 0 {
		t.Fatal(wait, err)
	}
	return r
}

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-9*math.Abs(want) }

// Every edge is counted, between readings as many as there may be; how fast
// they came is known from the kernel's stamps.
func TestCount(t *testing.T) {
	b := newBoard(t)
	s := opened(t, b, Options{Line: 3})
	if r := read(t, b, s); r.Values[outCount] != 0 || r.Has(outFrequency) || !r.Has(outLevel) || r.Values[outLevel] != 0 {
		t.Errorf("at first: %v", r.Values[:5])
	}
	b.line.pulses(5, 20*ms) // 50 Hz
	if r := read(t, b, s); r.Values[outCount] != 5 || !near(r.Values[outFrequency], 50) || !near(r.Values[outPeriod], 0.02) {
		t.Errorf("5 pulses: %v", r.Values[:5])
	}
	b.line.pulses(10_000, ms) // 1 kHz, far more than the kernel keeps
	if r := read(t, b, s); r.Values[outCount] != 10_005 || math.Abs(r.Values[outFrequency]-1000) > 2 || r.Values[outLost] != 10_000-keep {
		t.Errorf("10,000 pulses: %v", r.Values[:5])
	}
	b.line.edge(true, 50*ms)
	if r := read(t, b, s); r.Values[outLevel] != 1 || r.Values[outCount] != 10_006 {
		t.Errorf("active: %v", r.Values[:5])
	}
	b.line.edge(false, 10*ms)
	b.at += 990 * ms // a second after the last edge that counted
	if r := read(t, b, s); !near(r.Values[outFrequency], 1) || r.Values[outLevel] != 0 {
		t.Errorf("after a second of silence: %v", r.Values[:5])
	}
	b.at += int64(DefaultTimeout)
	if r := read(t, b, s); r.Values[outFrequency] != 0 || !r.Has(outFrequency) || !r.IsBad(outPeriod) {
		t.Errorf("after the timeout: %v", r.Values[:5])
	}
	b.line.pulses(3, 100*ms)
	if r := read(t, b, s); !near(r.Values[outFrequency], 10) || r.Values[outCount] != 10_009 {
		t.Errorf("after a pause: %v", r.Values[:5])
	}
}

// The count survives a line that went away, and the frequency is 0 when never
// anything came.
func TestInitAgain(t *testing.T) {
	b := newBoard(t)
	s := opened(t, b, Options{LineName: "GPIO17", Edge: Both})
	b.line.pulses(4, 10*ms)
	if r := read(t, b, s); r.Values[outCount] != 8 {
		t.Errorf("got %v", r.Values[outCount])
	}
	b.line.hangUp()
	if _, err := s.Read(new(drivers.Reading)); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("got %v", err)
	}
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	b.line.pulses(1, 10*ms)
	if r := read(t, b, s); r.Values[outCount] != 10 || r.Values[outLost] != 0 {
		t.Errorf("got %v", r.Values[:5])
	}
	idle := opened(t, b, Options{Line: 2, Timeout: time.Second})
	b.at += int64(time.Second)
	if r := read(t, b, idle); !r.Has(outFrequency) || r.Values[outFrequency] != 0 {
		t.Errorf("never an edge: %v", r.Values[:5])
	}
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := idle.Read(new(drivers.Reading)); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("closed: %v", err)
	}
}

// The request says what was configured.
func TestRequest(t *testing.T) {
	const in = uapi.LineFlagV2Input
	for _, test := range []struct {
		o     Options
		line  uint32
		flags uapi.LineFlagV2
	}{
		{Options{Line: 3}, 3, in | uapi.LineFlagV2EdgeRising},
		{Options{Chip: "/dev/gpiochip0", Line: 0, Edge: Falling, Bias: PullUp, ActiveLow: true}, 0, in | uapi.LineFlagV2EdgeFalling | uapi.LineFlagV2BiasPullUp | uapi.LineFlagV2ActiveLow},
		{Options{Chip: "pinctrl-bcm2711", Line: 2, Edge: Both, Bias: PullDown}, 2, in | uapi.LineFlagV2EdgeBoth | uapi.LineFlagV2BiasPullDown},
		{Options{LineName: "WL_ON", Bias: Off}, 1, in | uapi.LineFlagV2EdgeRising | uapi.LineFlagV2BiasDisabled},
		{Options{LineName: "GPIO17", Chip: "gpiochip0", Only: []string{"level"}, Debounce: 5 * time.Millisecond}, 3, in},
	} {
		b := newBoard(t)
		opened(t, b, test.o)
		got := b.line.asked
		if got.Offsets[0] != test.line || got.Config.Flags != test.flags || got.Lines != 1 || string(text(got.Consumer[:])) != "telhub" {
			t.Errorf("%+v: line %d, flags %x; want %d, %x", test.o, got.Offsets[0], got.Config.Flags, test.line, test.flags)
		}
		var p uapi.DebouncePeriod
		if p.Decode(got.Config.Attrs[0].Attr); time.Duration(p) != test.o.Debounce || (got.Config.NumAttrs == 1) != (p > 0) {
			t.Errorf("%+v: debounced by %v", test.o, time.Duration(p))
		}
	}
}

// bounce is a contact that closes or opens with five bounces in 3 ms, then
// lasts for the rest.
func (l *line) bounce(active bool, lasts int64) {
	l.edge(active, 0)
	for i := range 4 {
		l.edge(active == (i%2 == 1), 700_000)
	}
	l.edge(active, 200_000)
	l.b.at += lasts - 3*ms
}

// Where the kernel cannot debounce, edges are debounced by their stamps.
func TestDebounceByStamps(t *testing.T) {
	for edge, want := range map[string]float64{Rising: 20, Falling: 20, Both: 40} {
		b := newBoard(t)
		b.refuseDebounce = true
		s := opened(t, b, Options{Line: 3, Debounce: 5 * time.Millisecond, Edge: edge})
		if b.line.asked.Config.Flags&uapi.LineFlagV2EdgeBoth != uapi.LineFlagV2EdgeBoth || b.line.asked.EventBufferSize != keepSoft {
			t.Errorf("%s: asked for %x", edge, b.line.asked.Config.Flags)
		}
		for range 20 {
			b.line.bounce(true, 30*ms)
			if r := read(t, b, s); r.Values[outLevel] != 1 {
				t.Fatalf("%s: level is %v while closed", edge, r.Values[outLevel])
			}
			b.line.bounce(false, 70*ms)
			b.line.edge(true, 0) // a glitch of 1 ms
			b.line.edge(false, ms)
			b.at += 10 * ms
		}
		if r := read(t, b, s); r.Values[outCount] != want || r.Values[outLevel] != 0 || r.Values[outLost] != 0 {
			t.Errorf("%s: %v, want a count of %v", edge, r.Values[:5], want)
		}
		b.line.bounce(true, 4*ms) // not yet for the whole period
		if r := read(t, b, s); r.Values[outLevel] != 0 {
			t.Errorf("%s: level followed too early", edge)
		}
		for range 500 {
			b.line.edge(false, ms)
			b.line.edge(true, ms)
			b.line.edge(false, ms)
		}
		if r := read(t, b, s); r.Values[outLost] != 1500-keepSoft {
			t.Errorf("%s: lost %v", edge, r.Values[outLost])
		}
	}
	b := newBoard(t)
	if opened(t, b, Options{Line: 3, Debounce: time.Millisecond}); b.line.asked.Config.NumAttrs != 1 || b.line.asked.Config.Flags&uapi.LineFlagV2EdgeFalling != 0 {
		t.Error("the kernel can debounce, and was not asked to")
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		o      Options
		refuse unix.Errno
		is     error
		want   string
	}{
		{Options{Line: 1}, 0, drivers.ErrBusy, "gpio gpiochip0/1: request: in use by another driver or process: one program or driver at a time has a line; this one is used by i2c0"},
		{Options{Line: 99}, 0, drivers.ErrIdentity, "the chip has fewer lines"},
		{Options{Chip: "gpiochip7", Line: 1}, 0, drivers.ErrUnplugged, "gpio gpiochip7/1: open: unplugged: there is no such chip"},
		{Options{Chip: "none", Line: 1}, 0, drivers.ErrUnplugged, "gpiochip0 (pinctrl-bcm2711)"},
		{Options{LineName: "GPIO99"}, 0, drivers.ErrUnplugged, "gpio GPIO99: find: unplugged: no chip has this name or label, or the line of this name"},
		{Options{Line: 3}, unix.ENXIO, drivers.ErrIdentity, `this line has no interrupt, so its edges cannot be counted; its level can be read: only = ["level"]`},
		{Options{Line: 3}, unix.ENOTTY, drivers.ErrIdentity, "older than 5.10"},
		{Options{Line: 3, Bias: PullUp}, unix.EINVAL, unix.EINVAL, "try it without bias"},
		{Options{Line: 3}, unix.EPERM, unix.EPERM, "the kernel keeps this line"},
		{Options{Line: 3}, unix.EIO, drivers.ErrBus, "request"},
	} {
		b := newBoard(t)
		b.refuse = test.refuse
		if err := made(t, b, test.o).Init(); !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %v with %q", test.o, err, test.is, test.want)
		}
	}
	b := newBoard(t)
	if err := os.WriteFile(filepath.Join(b.root, "dev/gpiochip5"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := made(t, b, Options{Chip: "gpiochip5", Line: 1})
	if err := s.Init(); !errors.Is(err, drivers.ErrIdentity) || !strings.Contains(err.Error(), "it is no GPIO chip") {
		t.Errorf("got %v", err)
	}
	s.kernel = real() // a file is none for the real kernel, either
	if err := s.Init(); !errors.Is(err, drivers.ErrIdentity) {
		t.Errorf("got %v", err)
	}
	for want, o := range map[string]Options{
		`chip "a/b": want its name`:    {Chip: "a/b"},
		"line -1: want the line's":     {Line: -1},
		"line 70000: want":             {Line: 70000},
		`line_name "x": stands beside`: {LineName: "x", Line: 4},
		`edge "up": want rising`:       {Edge: "up"},
		`bias "up": want as-is`:        {Bias: "up"},
		"debounce 1ns: want whole":     {Debounce: 1},
		"debounce -1s: want":           {Debounce: -time.Second},
		"debounce 2h0m0s: want":        {Debounce: 2 * time.Hour},
		"timeout -1s: want":            {Timeout: -time.Second},
		"names have at most 31":        {LineName: strings.Repeat("x", 32), Line: -1},
	} {
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), "gpio: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	b := newBoard(t)
	s := opened(t, b, Options{Line: 3})
	soft := made(t, b, Options{Line: 3})
	soft.edges.soft = true
	s.kernel.now = monotonic
	data := make([]byte, 0, 64*eventSize)
	for i := range 64 {
		data = appendEvent(data, event{int64(i), uint32(i + 1), i%2 == 0})
	}
	kernel := real()
	file, err := os.Open(filepath.Join(b.root, "dev/gpiochip1"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	absent := made(t, b, Options{Chip: "gpiochip9", Line: 3})
	other := made(t, b, Options{Chip: "gpiochip1", Line: 0})
	other.kernel = kernel
	unnamed := made(t, b, Options{LineName: "nothing"})
	unnamed.kernel = kernel
	closed := made(t, b, Options{Line: 3})
	var r drivers.Reading
	for name, f := range map[string]func() bool{
		"Read": func() bool {
			if _, err := unix.Write(b.line.w, data); err != nil {
				t.Fatal(err)
			}
			_, err := s.Read(&r)
			return err == nil
		},
		"soft": func() bool {
			for p := data; len(p) > 0; p = p[eventSize:] {
				soft.edges.add(parse(p))
			}
			soft.edges.settle(1 << 40)
			soft.rate.update(&soft.edges, 1, 1)
			return true
		},
		"absent":       func() bool { return absent.Init() != nil },
		"no chip":      func() bool { return other.Init() != nil },
		"no line":      func() bool { return unnamed.Init() != nil },
		"closed":       func() bool { _, err := closed.Read(&r); return err != nil },
		"kernel info":  func() bool { return kernel.info(int(file.Fd()), &s.info) != nil },
		"kernel line":  func() bool { return kernel.line(int(file.Fd()), &s.request) != nil },
		"kernel level": func() bool { return kernel.values(int(file.Fd()), &s.values) != nil },
	} {
		if n := testing.AllocsPerRun(50, func() {
			if !f() {
				t.Fatal(name)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Whatever events come, numbers and times only grow, and no rate is negative.
func FuzzEvents(f *testing.F) {
	f.Add(appendEvent(appendEvent(nil, event{1, 1, true}), event{2, 2, false}), false)
	f.Add(appendEvent(appendEvent(nil, event{1 << 62, 9, true}), event{2, 1, true}), true)
	f.Fuzz(func(t *testing.T, data []byte, soft bool) {
		e := edges{soft: soft, period: 5, rising: true}
		var r rate
		e.begin(false)
		for i := 0; len(data) >= eventSize; i++ {
			count, lost := e.count, e.lost
			e.add(parse(data))
			data = data[eventSize:]
			if e.count < count || e.lost < lost || !soft && e.count == count {
				t.Fatalf("count %d → %d, lost %d → %d", count, e.count, lost, e.lost)
			}
			if i%3 == 0 {
				e.settle(1 << 60)
				r.update(&e, 1<<60, 1000)
				if !(r.hertz >= 0) || math.IsInf(r.hertz, 0) {
					t.Fatalf("frequency %v", r.hertz)
				}
			}
		}
	})
}
