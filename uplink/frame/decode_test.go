package frame

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
)

func TestEncodeReportsCallersMistakes(t *testing.T) {
	s := greenhouse()
	e := NewEncoder(s, 4)
	one := drivers.Sample{Value: 1}
	tests := []struct {
		name    string
		frame   *Frame
		samples []drivers.Sample
		want    error
	}{
		{"too many", newFrame(s, 5), make([]drivers.Sample, 5), errTooMany},
		{"payload too small", &Frame{Payload: make([]byte, 0, MaxPayload(s, 1)-1)}, []drivers.Sample{one}, errCapacity},
		{"unknown channel", newFrame(s, 1), []drivers.Sample{{Channel: 6}}, errChannel},
		{"unknown kind", newFrame(s, 1), []drivers.Sample{{Kind: 3}}, errKind},
		{"unknown quality", newFrame(s, 1), []drivers.Sample{{Kind: drivers.KindStatus, Quality: 4}}, errKind},
		{"unknown alarm", newFrame(s, 1), []drivers.Sample{{Kind: drivers.KindAlarm, Alarm: 4}}, errAlarm},
		{"infinite", newFrame(s, 1), []drivers.Sample{{Value: math.Inf(1)}}, errFinite},
		{"not a number", newFrame(s, 2), []drivers.Sample{one, {Value: math.NaN()}}, errFinite},
	}
	for _, tt := range tests {
		if got := e.Encode(tt.frame, tt.samples); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestCheckSchemaNamesTheChannel(t *testing.T) {
	tests := map[string]Channel{
		"has no name":            {},
		`"\xff": name`:           {Name: "\xff"},
		"name has 256 bytes":     {Name: strings.Repeat("a", 256)},
		"has 64 bytes, at most":  {Name: "a", Unit: strings.Repeat("u", 64)},
		"names and units have 3": {Name: strings.Repeat("n", 255), Unit: strings.Repeat("u", 63)},
	}
	for want, c := range tests {
		s := &Schema{Channels: []Channel{c}}
		if strings.HasPrefix(want, "names") {
			s.Channels = slices.Repeat(s.Channels, 1000)
		}
		if err := CheckSchema(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	if err := CheckSchema(&Schema{Channels: make([]Channel, MaxChannels+1)}); err == nil {
		t.Error("4097 channels were accepted")
	}
}

func TestEncodeSetsFirstAndLastStamp(t *testing.T) {
	s := greenhouse()
	f := newFrame(s, 3)
	samples := []drivers.Sample{{Stamp: 2_499_999}, {Stamp: -1_500_001, Channel: 3}, {Stamp: 2_500_000, Kind: drivers.KindStatus}}
	if err := NewEncoder(s, 3).Encode(f, samples); err != nil {
		t.Fatal(err)
	}
	if f.N != 3 || f.T0 != -2 || f.T1 != 3 || f.Kind != Data {
		t.Errorf("got n %d, t0 %d, t1 %d, kind %d, want 3, -2, 3, Data", f.N, f.T0, f.T1, f.Kind)
	}
}

func TestRedatedFrameMovesEveryStamp(t *testing.T) {
	s, samples := board(3)
	f := checkRoundTrip(t, s, samples)
	var boot, unix Decoder
	const offset = 1_700_000_000_123
	if err := errors.Join(boot.Decode(f.Payload, f.N, f.T0), unix.Decode(f.Payload, f.N, f.T0+offset)); err != nil {
		t.Fatal(err)
	}
	for i := range boot.Len() {
		if got, want := unix.At(i).Stamp, boot.At(i).Stamp+offset; got != want {
			t.Fatalf("sample %d: got %d, want %d", i, got, want)
		}
	}
}

func TestLargeGroupIsSplit(t *testing.T) {
	s := &Schema{}
	var samples []drivers.Sample
	for i := range 150 {
		s.Channels = append(s.Channels, Channel{Name: "io/" + strings.Repeat("x", i+1), Group: 9})
		samples = append(samples, drivers.Sample{Channel: uint16(i), Value: float64(i)})
	}
	checkRoundTrip(t, wide(s), samples)
	f := newFrame(s, len(samples))
	if err := NewEncoder(s, 150).Encode(f, samples); err != nil {
		t.Fatal(err)
	}
	checkDecodes(t, wide(s), samples, f)
}

func TestDecodeRefusesEveryTruncation(t *testing.T) {
	s, samples := board(3)
	f := checkRoundTrip(t, s, samples)
	var d Decoder
	for n := range len(f.Payload) - flushSize {
		if err := d.Decode(f.Payload[:n], f.N, f.T0); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut to %d of %d bytes: got %v, want ErrDamaged", n, len(f.Payload), err)
		}
		if d.Len() != 0 {
			t.Fatalf("%d samples after an error", d.Len())
		}
	}
	tests := map[string]error{
		"longer":        d.Decode(append(slices.Clone(f.Payload), 1, 2, 3, 4, 5), f.N, 0),
		"one sample":    d.Decode(f.Payload, f.N-1, 0),
		"more samples":  d.Decode(f.Payload, f.N+1, 0),
		"far too many":  d.Decode(f.Payload, math.MaxUint32, 0),
		"empty payload": d.Decode(nil, 0, 0),
	}
	for name, err := range tests {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got %v, want ErrDamaged", name, err)
		}
	}
	if err := d.Decode([]byte{2, 0}, 0, 0); err != ErrVersion {
		t.Errorf("version 2: got %v, want ErrVersion", err)
	}
}

// TestDecodeSurvivesDamage flips bits and replaces bytes of real payloads; it
// must neither panic nor grow without bound.
func TestDecodeSurvivesDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var d Decoder
	for seed := range uint64(40) {
		s, samples := mixed(seed)
		f := newFrame(s, len(samples))
		if err := NewEncoder(s, max(1, len(samples))).Encode(f, samples); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			p := slices.Clone(f.Payload)
			p[rng.IntN(len(p))] ^= 1 << rng.IntN(8)
			if rng.IntN(2) == 0 {
				p[rng.IntN(len(p))] = byte(rng.Uint32())
			}
			if d.Decode(p, f.N, f.T0) == nil {
				readAll(t, &d)
			}
		}
	}
}

// readAll looks at every sample; none may be out of the format's bounds.
func readAll(t *testing.T, d *Decoder) {
	t.Helper()
	for i := range d.Len() {
		r := d.At(i)
		if len(r.Name) == 0 || len(r.Name) > MaxName || len(r.Unit) > MaxUnit || r.Value-r.Value != 0 || r.Quality > drivers.Lost {
			t.Fatalf("sample %d: %+v", i, r)
		}
	}
	if len(d.text) > MaxText || len(d.dict) > MaxChannels {
		t.Fatalf("dictionary of %d entries, %d bytes", len(d.dict), len(d.text))
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	for name, v := range map[string]vector{"board": newVector(board(3)), "mixed": newVector(mixed(50)), "worst": newVector(worstCase(300))} {
		t.Run(name, func(t *testing.T) {
			e, f := NewEncoder(v.schema, len(v.samples)), newFrame(v.schema, len(v.samples))
			var d Decoder
			pack := make([]byte, 0, MaxSenML(v.schema, "pi-01", len(v.samples)))
			cut := &Frame{}
			check := func(what string, f func()) {
				if n := testing.AllocsPerRun(20, f); n != 0 {
					t.Errorf("%s: %v allocations, want 0", what, n)
				}
			}
			check("Encode", func() { _ = e.Encode(f, v.samples) })
			check("Encode, no room", func() { _ = e.Encode(cut, v.samples) })
			check("Decode", func() { _ = d.Decode(f.Payload, f.N, f.T0) })
			check("Decode, damaged", func() { _ = d.Decode(f.Payload[:len(f.Payload)/2], f.N, f.T0) })
			_ = d.Decode(f.Payload, f.N, f.T0)
			check("AppendSenML", func() { pack = AppendSenML(pack[:0], "pi-01", &d, 0, true) })
			check("SenMLSize", func() { _ = SenMLSize("pi-01", &d) })
		})
	}
}

func newVector(s *Schema, samples []drivers.Sample) vector {
	return vector{schema: s, samples: samples}
}
