package frame

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/telhub/telhub/drivers"
)

// newFrame returns a frame that can hold n samples of s.
func newFrame(s *Schema, n int) *Frame {
	return &Frame{Payload: make([]byte, 0, MaxPayload(s, n))}
}

// decodedOrder sorts samples as docs/wire.md says they come back: groups in
// order of first appearance, each in its own order. Groups here have at most
// 64 channels.
func decodedOrder(s *Schema, samples []drivers.Sample) []drivers.Sample {
	rank := map[uint16]int{}
	for i := range samples {
		g := s.GroupOf(&samples[i])
		if _, ok := rank[g]; !ok {
			rank[g] = len(rank)
		}
	}
	out := slices.Clone(samples)
	slices.SortStableFunc(out, func(a, b drivers.Sample) int { return rank[s.GroupOf(&a)] - rank[s.GroupOf(&b)] })
	return out
}

// checkRoundTrip encodes and decodes samples and compares every bit.
func checkRoundTrip(t *testing.T, s *Schema, samples []drivers.Sample) *Frame {
	t.Helper()
	f := newFrame(s, len(samples))
	if err := NewEncoder(s, max(1, len(samples))).Encode(f, samples); err != nil {
		t.Fatalf("Encode: %v", err)
	}
	checkDecodes(t, s, samples, f)
	return f
}

func checkDecodes(t *testing.T, s *Schema, samples []drivers.Sample, f *Frame) {
	t.Helper()
	var d Decoder
	if err := d.Decode(f.Payload, f.N, f.T0); err != nil {
		t.Fatalf("Decode: %v", err)
	}
	want := decodedOrder(s, samples)
	if d.Len() != len(want) {
		t.Fatalf("decoded %d samples, want %d", d.Len(), len(want))
	}
	for i, w := range want {
		got, ch := d.At(i), s.Channels[w.Channel]
		if string(got.Name) != ch.Name || string(got.Unit) != ch.Unit || got.Stamp != millis(w.Stamp) || got.Kind != w.Kind {
			t.Fatalf("sample %d: got %s %s %d kind %d, want %+v of %+v", i, got.Name, got.Unit, got.Stamp, got.Kind, w, ch)
		}
		if w.Kind == drivers.KindStatus && got.Quality != w.Quality {
			t.Fatalf("sample %d: got quality %v, want %v", i, got.Quality, w.Quality)
		}
		if w.Kind == drivers.KindAlarm && (got.Alarm != w.Alarm || got.Quality != drivers.OK) {
			t.Fatalf("sample %d: got alarm %v of quality %v, want %v", i, got.Alarm, got.Quality, w.Alarm)
		}
		if w.Kind == drivers.KindValue && math.Float64bits(got.Value) != math.Float64bits(w.Value) {
			t.Fatalf("sample %d: got %v, want %v", i, got.Value, w.Value)
		}
	}
}

// greenhouse is a schema of two sensors and a counter.
func greenhouse() *Schema {
	return &Schema{Channels: []Channel{
		{Name: "greenhouse/temperature", Unit: "Cel", Resolution: 0.01, Group: 0},
		{Name: "greenhouse/humidity", Unit: "%RH", Resolution: 0.01, Group: 0},
		{Name: "greenhouse/pressure", Unit: "Pa", Resolution: 1, Group: 0},
		{Name: "meter/import_energy", Unit: "kWh", Resolution: 0.001, Group: 1},
		{Name: "meter/active_power", Unit: "W", Group: 1},
		{Name: "tank/höhe \"x\"", Unit: "furlong", Group: 2},
	}}
}

func TestRoundTripEveryKindOfFloat(t *testing.T) {
	s := greenhouse()
	odd := []float64{0, math.Copysign(0, -1), 1, -1, 0.1, -0.1, 0.1 + 0.2, 21.53, 1.0 / 3, math.Pi,
		math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, 2.2250738585072014e-308,
		math.MaxFloat64, -math.MaxFloat64, 1 << 53, 1<<53 + 2, -(1 << 53), 1e15, 1e22, 1e23, 123456789.123456789,
		float64(float32(21.53)), math.MaxInt64, math.MinInt64, 0.0625, 1e-9, 1e-10}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{1, 2, 3, 7, 8, 40, 300} {
		var samples []drivers.Sample
		for i := range n {
			v := odd[rng.IntN(len(odd))]
			if i%3 == 0 {
				for v = math.NaN(); v-v != 0; {
					v = math.Float64frombits(rng.Uint64())
				}
			}
			samples = append(samples, drivers.Sample{Stamp: rng.Int64() - rng.Int64(), Value: v, Channel: uint16(rng.IntN(6))})
		}
		checkRoundTrip(t, s, samples)
	}
}

func TestRoundTripColumnsOfOneScale(t *testing.T) {
	columns := map[string]func(i int) float64{
		"constant":       func(i int) float64 { return 21.5 },
		"decimal":        func(i int) float64 { return float64(i*7%100) / 100 },
		"thirds":         func(i int) float64 { return float64(i) / 3 },
		"steps":          func(i int) float64 { return float64(i) * 0.1 },
		"sixteenths":     func(i int) float64 { return float64(i%50) * 0.0625 },
		"float32":        func(i int) float64 { return float64(float32(math.Sin(float64(i) / 9))) },
		"float64":        func(i int) float64 { return math.Sin(float64(i) / 9) },
		"one negative 0": func(i int) float64 { return math.Copysign(float64(i%5)/10, float64(i%40)-0.5) },
		"minutes":        func(i int) float64 { return float64(28800000+i) / 600000 },
		"denormal":       func(i int) float64 { return float64(i) * math.SmallestNonzeroFloat64 },
		"huge":           func(i int) float64 { return float64(i) * 1e300 },
	}
	resolution := map[string]float64{"thirds": 1.0 / 3, "steps": 0.1, "minutes": 1.0 / 600000}
	for name, f := range columns {
		t.Run(name, func(t *testing.T) {
			s := &Schema{Channels: []Channel{{Name: "a/b", Resolution: resolution[name]}}}
			for _, n := range []int{1, 5, 100, 1000} {
				samples := make([]drivers.Sample, n)
				for i := range samples {
					samples[i] = drivers.Sample{Stamp: int64(i) * 1e9, Value: f(i)}
				}
				fr := checkRoundTrip(t, s, samples)
				t.Logf("%d samples: %d bytes", n, len(fr.Payload))
			}
		})
	}
}

// mixed returns a random frame: every kind of value, gaps, statuses, bursts.
func mixed(seed uint64) (*Schema, []drivers.Sample) {
	rng := rand.New(rand.NewPCG(seed, 7))
	s := &Schema{}
	for i := range 1 + rng.IntN(90) {
		name := []string{"a", "greenhouse", "pump-2", "ö"}[rng.IntN(4)] + "/" + []string{"temperature", "q", "x_voltage", "pm2_5"}[rng.IntN(4)]
		s.Channels = append(s.Channels, Channel{
			Name: name, Unit: []string{"", "Cel", "bogus", "m/s2"}[rng.IntN(4)],
			Group: uint16(rng.IntN(1 + i/8)), Resolution: []float64{0, 0.01, 0.1, 1.0 / 3}[rng.IntN(4)],
		})
	}
	var samples []drivers.Sample
	stamp := rng.Int64N(1e15) - 1e12
	for len(samples) < int(seed)*12 {
		stamp += int64(rng.ExpFloat64() * 1e8)
		c := uint16(rng.IntN(len(s.Channels)))
		x := drivers.Sample{Stamp: stamp, Channel: c}
		switch k := rng.IntN(40); {
		case k == 0:
			if x.Kind, x.Quality = drivers.KindStatus, drivers.Quality(rng.IntN(4)); len(samples)%3 == 0 {
				x.Kind, x.Alarm, x.Quality = drivers.KindAlarm, drivers.Alarm(x.Quality), drivers.OK
			}
		case k == 1:
			x.Value = rng.NormFloat64() * math.Pow(10, float64(rng.IntN(600)-300))
		default:
			x.Value = []float64{float64(rng.IntN(50)) / 100, float64(rng.IntN(50)) * 0.1, float64(rng.IntN(50)) / 3,
				float64(float32(rng.Float64())), rng.Float64()}[c%5]
		}
		samples = append(samples, x)
	}
	return s, samples
}

// worstCase returns samples that no model predicts: random stamps, bits and
// channels of a wide group, so that the encoder freezes its probabilities.
func worstCase(n int) (*Schema, []drivers.Sample) {
	rng := rand.New(rand.NewPCG(3, 3))
	s := &Schema{}
	for i := range 64 {
		s.Channels = append(s.Channels, Channel{Name: string(rune('A'+i%26)) + string(rune('a'+i/26)) + "\x01/?", Unit: "unheard of"})
	}
	samples := make([]drivers.Sample, n)
	for i := range samples {
		v := math.NaN()
		for v-v != 0 {
			v = math.Float64frombits(rng.Uint64())
		}
		samples[i] = drivers.Sample{Stamp: int64(rng.Uint64()), Value: v, Channel: uint16(rng.IntN(64))}
	}
	return s, samples
}

func TestWorstCaseFitsMaxPayload(t *testing.T) {
	for _, n := range []int{1, 2, 10, 1000, MaxSamples} {
		s, samples := worstCase(n)
		f := checkRoundTrip(t, s, samples)
		t.Logf("%d samples: %d bytes of at most %d", n, len(f.Payload), MaxPayload(s, n))
	}
}

// TestFrozenStreamsFit encodes with frozen probabilities what would not need
// it: the bound must hold for that path whatever the samples are.
func TestFrozenStreamsFit(t *testing.T) {
	for seed := range uint64(40) {
		s, samples := mixed(seed)
		e, f := NewEncoder(s, max(1, len(samples))), newFrame(s, len(samples))
		if _, err := e.sort(samples); err != nil {
			t.Fatal(err)
		}
		e.write(f.Payload, samples, true)
		if e.rc.over {
			t.Fatalf("seed %d: %d samples do not fit into %d bytes", seed, len(samples), cap(f.Payload))
		}
		f.Payload, f.N, f.T0 = f.Payload[:len(e.rc.buf)], uint32(len(samples)), e.t0
		checkDecodes(t, wide(s), samples, f)
	}
}

// wide gives the channels of a group beyond the 64th a group of their own, as
// the encoder does.
func wide(s *Schema) *Schema {
	l := newLayout(s)
	out := &Schema{Channels: slices.Clone(s.Channels)}
	for i := range out.Channels {
		out.Channels[i].Group = l.places[i].group
	}
	return out
}

func TestRoundTripMixedFrames(t *testing.T) {
	for seed := range uint64(80) {
		s, samples := mixed(seed)
		checkRoundTrip(t, wide(s), samples)
	}
}
