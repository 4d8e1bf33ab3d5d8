package profile

import (
	"math/rand/v2"
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
	f.Add([]byte("kind = \"i2c\"\nread = [{ bytes = 7, crc = \"sensirion\", crc_over = \"frame\" }]\n"+
		"out.h = { at = 1, width = 20, map = [[0, 0], [0x100000, 100]], round = 0.001, unit = \"%RH\" }\n"+
		"out.t = { at = 3, bit = 4, width = 20, signed = true, scale = 1e-3, valid = [0, 1] }\n"), uint64(3))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		var tree map[string]any
		if toml.Unmarshal(text, &tree) != nil {
			return
		}
		p, problems := Compile("fuzz", tree)
		if (p == nil) != (len(problems) > 0) {
			t.Fatalf("program %v with problems %v", p, problems)
		}
		if p == nil {
			for _, pr := range problems {
				_ = pr.String()
			}
			return
		}
		runOnNoise(t, p, seed)
	})
}

func runOnNoise(t *testing.T, p *Program, seed uint64) {
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
