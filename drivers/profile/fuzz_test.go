package profile

import (
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/telhub/telhub/drivers"
	"periph.io/x/conn/v3/physic"
)

// noise is a bus on which anything may come back, errors too.
type noise struct{ *rand.Rand }

func (noise) String() string                  { return "noise" }
func (noise) SetSpeed(physic.Frequency) error { return nil }

func (n noise) Tx(_ uint16, _, r []byte) error {
	switch n.IntN(16) {
	case 0:
		return drivers.ErrNACK
	case 1:
		clear(r)
		return nil
	}
	for i := range r {
		r[i] = byte(n.Uint32())
	}
	return nil
}

// FuzzCompile compiles any TOML, and runs what compiles on a bus of noise:
// neither may panic, and no value may be NaN or infinite.
func FuzzCompile(f *testing.F) {
	f.Add([]byte(everything), uint64(1))
	f.Add([]byte(base), uint64(2))
	f.Add([]byte(asleep), uint64(4))
	f.Add([]byte("kind = \"i2c\"\nread = [{ bytes = 7, crc = \"sensirion\", crc_over = \"frame\" }]\n"+
		"out.h = { at = 1, width = 20, map = [[0, 0], [0x100000, 100]], round = 0.001, unit = \"%RH\" }\n"+
		"out.t = { at = 3, bit = 4, width = 20, signed = true, scale = 1e-3, valid = [0, 1] }\n"), uint64(3))
	shipped, err := filepath.Glob("../profiles/*.toml")
	if err != nil || len(shipped) == 0 {
		f.Fatalf("shipped profiles: %v, %v", shipped, err)
	}
	for i, path := range shipped {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".toml")
		f.Add([]byte(strings.Replace(string(text), "[profile."+name+"]", "", 1)), uint64(i))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		var tree map[string]any
		if toml.Unmarshal(text, &tree) != nil {
			return
		}
		compileAndRun(t, tree, seed)
	})
}

// TestMutatedProfiles does the same with right profiles in which a few values
// were replaced, which fuzzing of bytes seldom reaches.
func TestMutatedProfiles(t *testing.T) {
	ran := 0
	for seed := range uint64(1000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m := tree(t, []string{everything, asleep}[seed%2])
		for range 1 + rng.IntN(3) {
			mutate(rng, m)
		}
		if compileAndRun(t, m, seed) {
			ran++
		}
	}
	if ran < 50 {
		t.Errorf("only %d of the mutated profiles compiled: this test proves little", ran)
	}
}

// mutate replaces one value somewhere in v, or adds or drops a key.
func mutate(rng *rand.Rand, v any) {
	switch v := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		key := keys[rng.IntN(len(keys))]
		if inner := v[key]; rng.IntN(4) > 0 && deep(inner) {
			mutate(rng, inner)
			return
		}
		words := slices.Concat(txKeys(), checkKeys(), []string{"wait", "poll", "from", "times", "map", "invalid", "clamp", "valid", "round",
			"nack", "wake", "exponent", "when", "signed"})
		switch rng.IntN(4) {
		case 0:
			if len(v) > 1 {
				delete(v, key)
			}
		case 1:
			v[words[rng.IntN(len(words))]] = oddValue(rng)
		default:
			v[key] = oddValue(rng)
		}
	case []any:
		i := rng.IntN(len(v))
		if rng.IntN(4) > 0 && deep(v[i]) {
			mutate(rng, v[i])
			return
		}
		v[i] = oddValue(rng)
	}
}

// deep reports whether v is a table or list with something in it.
func deep(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) > 0
	case []any:
		return len(v) > 0
	}
	return false
}

func oddValue(rng *rand.Rand) any {
	values := []any{
		int64(0), int64(1), int64(2), int64(3), int64(4), int64(7), int64(8), int64(31), int64(32), int64(33), int64(255), int64(256),
		int64(-1), int64(math.MinInt64), int64(math.MaxInt64), int64(1 << 32), 0.0, -0.5, 1e308, 1e-320, math.Inf(1), math.NaN(),
		"", "u8", "i8", "u16le", "i24be", "u32be", "f32le", "sensirion", "smbus-pec", "modbus", "sum8", "sht2x", "word", "frame", "magnitude", "ignore", "1ms", "2ms", "-1s",
		"a_current", "b_flags", "c_power", "1 / shunt", "shunt * shunt", "Cel", true, false, nil, time.Now(),
		[]any{}, []any{int64(0)}, []any{int64(0), 1.5}, []any{[]any{int64(0), int64(1)}, []any{int64(1), int64(0)}}, map[string]any{},
		[]any{map[string]any{"bytes": int64(3)}}, map[string]any{"reg": int64(1), "equals": int64(3)}, []map[string]any{{"bytes": int64(4)}},
	}
	return values[rng.IntN(len(values))]
}

// compileAndRun reports whether the tree compiled; then it ran too.
func compileAndRun(t *testing.T, tree map[string]any, seed uint64) bool {
	p, problems := Compile("fuzz", tree)
	if (p == nil) != (len(problems) > 0) {
		t.Fatalf("program %v with problems %v", p, problems)
	}
	for _, pr := range problems {
		_ = pr.String()
	}
	if p != nil {
		runOnNoise(t, p, seed)
	}
	return p != nil
}

// decodeNoise runs the parts of a serial profile over random bytes.
func decodeNoise(t *testing.T, p *Program, seed uint64) {
	dec, err := p.NewDecoder(nil)
	if err != nil {
		t.Fatal(err)
	}
	size := p.buf
	if p.Kind() == Modbus {
		_, size = dec.Plan(nil)
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	buf := make([]byte, size)
	for range 50 {
		for i := range buf {
			buf[i] = byte(rng.Uint32())
		}
		if g := p.Telegram(); g != nil {
			copy(buf, g.header)
			n, ok := g.Need(buf)
			if !ok || n > len(buf) {
				continue
			}
			if n == 0 {
				n = len(buf)
			}
			if g.Judge(buf[:n]) != Whole {
				continue
			}
		}
		var dst drivers.Reading
		dec.Decode(buf, &dst)
		for i := range dec.Outputs() {
			if v := dst.Values[i]; dst.Has(i) && v-v != 0 {
				t.Fatalf("output %d is %v", i, v)
			}
		}
	}
}

func runOnNoise(t *testing.T, p *Program, seed uint64) {
	if p.Kind() != I2C {
		decodeNoise(t, p, seed)
		return
	}
	bus := noise{rand.New(rand.NewPCG(seed, 0))}
	d, err := New(bus, 0x44, p, Opts{Sleep: func(time.Duration) {}})
	if err != nil {
		t.Fatal(err)
	}
	var dst drivers.Reading
	for range 4 {
		if err := d.Init(); err != nil {
			_ = err.Error()
			d.ready = true // what follows must hold for any chip
		}
		dst.Reset()
		for range 200 {
			wait, err := d.Read(&dst)
			if err != nil {
				_ = err.Error()
				break
			}
			if wait == 0 {
				break
			}
		}
		for i := range d.Outputs() {
			if v := dst.Values[i]; dst.Has(i) && v-v != 0 {
				t.Fatalf("output %d is %v", i, v)
			}
		}
	}
}
