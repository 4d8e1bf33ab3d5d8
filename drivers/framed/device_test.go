package framed_test

import (
	"errors"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/framed"
	"github.com/telhub/telhub/drivers/link"
	"github.com/telhub/telhub/drivers/profile"
	"github.com/telhub/telhub/internal/toml"
)

// line answers each request with answer.
type line struct {
	answer, pending []byte
	sent            []byte
}

func (l *line) Write(p []byte) (int, error) {
	l.sent = append(l.sent[:0], p...)
	l.pending = l.answer
	return len(p), nil
}

func (l *line) Discard() error { l.pending = nil; return nil }

func (l *line) ReadBefore(p []byte, _ time.Time) (int, error) {
	if len(l.pending) == 0 {
		return 0, drivers.ErrTimeout
	}
	n := copy(p, l.pending)
	l.pending = l.pending[n:]
	return n, nil
}

func asked(t testing.TB, p *profile.Program, port link.Port) *framed.Device {
	t.Helper()
	l, err := link.New(port, link.Options{Name: "bus x"})
	if err != nil {
		t.Fatal(err)
	}
	d, err := framed.New(l, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAnAskedDeviceGivesWhatOthersDecoded(t *testing.T) {
	port := &line{}
	d := asked(t, shipped(t, "mh-z19"), port)
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	telegrams := dump(t, "MHZ19B.hexdump")
	for i, want := range oracle(t, "MHZ19B.csv") {
		port.answer = telegrams[9*i : 9*i+9]
		var r drivers.Reading
		if _, err := d.Read(&r); err != nil {
			t.Fatal(err)
		}
		if r.Values[0] != want["CO2"] {
			t.Errorf("telegram %d: %v ppm, want %v", i, r.Values[0], want["CO2"])
		}
	}
	if want := "\xff\x01\x86\x00\x00\x00\x00\x00\x79"; string(port.sent) != want {
		t.Errorf("asked with %x, want %x", port.sent, want)
	}
}

func TestWhatAnAnswerLacksIsTold(t *testing.T) {
	right := dump(t, "MHZ19B.hexdump")[:9]
	damaged := append([]byte(nil), right...)
	damaged[3]++
	for _, test := range []struct {
		name   string
		answer []byte
		want   error
	}{
		{"silence", nil, drivers.ErrTimeout},
		{"cut off", right[:5], drivers.ErrShort},
		{"damaged", damaged, drivers.ErrCRC},
		{"behind noise", append([]byte{1, 0xff, 0xff}, right...), nil},
	} {
		var r drivers.Reading
		d := asked(t, shipped(t, "mh-z19"), &line{answer: test.answer})
		if _, err := d.Read(&r); !errors.Is(err, test.want) || err == nil && r.Values[0] != 636 {
			t.Errorf("%s: %v, %v", test.name, r.Values[0], err)
		}
	}
}

// compile makes a program of TOML.
func compile(t testing.TB, text string) (*profile.Program, []profile.Problem) {
	t.Helper()
	root, mistakes, ok := toml.Read([]byte("kind = \"framed\"\n" + text))
	if !ok || len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return profile.Compile("test", root.Plain().(map[string]any))
}

// The worked example of Sensirion's SPS30 data sheet (version 1.0, section
// 5.3.2): SHDLC, "Start Measurement" is answered 7E 00 00 00 00 FF 7E; and its
// table of stuffed bytes.
func TestStuffedTelegrams(t *testing.T) {
	p, problems := compile(t, `
stuffing = {}
length   = { at = 3, type = "u8", add = 5 }
checksum = { type = "sum8-inverse" }
out.state = { at = 2, type = "u8" }
out.a = { at = 4, type = "u8" }
out.b = { at = 5, type = "u8" }`)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s, err := framed.NewStream(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got [][3]float64
	var r drivers.Reading
	push := func(text string) {
		for p := []byte(text); len(p) > 0; {
			n, ok := s.Feed(p, 1, &r)
			if ok {
				got = append(got, [3]float64(r.Values[:3]))
			}
			p = p[n:]
		}
	}
	push("junk\x7e\x00\x00\x00\x00\xff\x7e")                 // well-formed, too short for the outputs
	push("\x7e\x00\x03\x00\x02\x7d\x5e\x7d\x5d\xff\x7e")     // 7E and 7D as data; sum 03+02+7E+7D = 00
	push("\x7e\x00\x03\x00\x02\x7d\x5e\x7d\x5d\xfe\x7e\x7e") // damaged
	push("\x00\x03\x00\x02\x11\x13\xd6\x7e")                 // one flag between two telegrams
	// outputs in the order of their names: a, b, state
	want := [][3]float64{{0x7e, 0x7d, 0}, {0x11, 0x13, 0}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %v, want %v", got, want)
	}
	if good, corrupt := s.Counts(); good != 3 || corrupt != 1 {
		t.Errorf("%d good, %d corrupt, want 3 and 1", good, corrupt)
	}
}

func TestNothingAllocates(t *testing.T) {
	telegrams := dump(t, "PMSx003.hexdump")
	s, err := framed.NewStream(shipped(t, "pms5003"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var r drivers.Reading
	noise := []byte{0x42, 0x4d, 0, 1, 2, 0x42}
	for _, p := range [][]byte{telegrams[:320], noise} {
		if n := testing.AllocsPerRun(50, func() {
			for q := p; len(q) > 0; {
				k, _ := s.Feed(q, 1, &r)
				q = q[k:]
			}
		}); n != 0 {
			t.Errorf("stream: %v allocations", n)
		}
	}
	right := dump(t, "MHZ19B.hexdump")[:9]
	for _, answer := range [][]byte{right, right[:5], nil} {
		d := asked(t, shipped(t, "mh-z19"), &line{answer: answer, sent: make([]byte, 0, 16)})
		if n := testing.AllocsPerRun(50, func() { _, _ = d.Read(&r) }); n != 0 {
			t.Errorf("device, answer %x: %v allocations", answer, n)
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("\xaa\xc0\x06\x00\x06\x00\x58\xd9\x3d\xab"), 3)
	f.Add([]byte("\x42\x4d\x00\x1c"), 1)
	f.Fuzz(func(t *testing.T, p []byte, cut int) {
		for _, name := range []string{"pms5003", "sds011"} {
			whole, _ := framed.NewStream(shipped(t, name), nil)
			parts, _ := framed.NewStream(shipped(t, name), nil)
			a := count(whole, p)
			k := 0
			if len(p) > 0 {
				k = max(cut, -cut, 0) % len(p)
			}
			if b := count(parts, p[:k]) + count(parts, p[k:]); a != b {
				t.Errorf("%s: %d readings in one piece, %d in two", name, a, b)
			}
		}
	})
}

func count(s drivers.Stream, p []byte) (n int) {
	var r drivers.Reading
	for len(p) > 0 {
		k, ok := s.Feed(p, 1, &r)
		if ok {
			n++
		}
		p = p[k:]
	}
	return n
}
