package framed_test

import (
	"encoding/csv"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/framed"
	"github.com/telhub/telhub/drivers/profile"
	"github.com/telhub/telhub/drivers/profiles"
)

func shipped(t testing.TB, name string) *profile.Program {
	t.Helper()
	p, ok, err := profiles.Lookup(name)
	if err != nil || !ok {
		t.Fatalf("%s: %v, %v", name, ok, err)
	}
	return p
}

// dump reads a capture as xxd prints it.
func dump(t testing.TB, file string) (p []byte) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		_, line, ok := strings.Cut(line, ": ")
		if !ok {
			continue
		}
		line, _, _ = strings.Cut(line, "  ")
		b, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		p = append(p, b...)
	}
	return p
}

// oracle reads the values that others decoded from the same capture.
func oracle(t testing.TB, file string) (rows []map[string]float64) {
	t.Helper()
	f, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.TrimLeadingSpace = true
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range all[1:] {
		row := make(map[string]float64)
		for i, cell := range record {
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				t.Fatal(err)
			}
			row[all[0][i]] = v
		}
		rows = append(rows, row)
	}
	return rows
}

// capture is a recording and what others made of it: the oracle's column for
// each output, with the factor between the two.
type capture struct {
	name, profile, dump, csv string
	columns                  map[string]string
	factor                   map[string]float64
}

var captures = []capture{
	{"Plantower", "pms5003", "PMSx003.hexdump", "PMSx003.csv", map[string]string{
		"pm1_0_cf1": "raw01", "pm2_5_cf1": "raw25", "pm10_cf1": "raw10", "pm1_0": "pm01", "pm2_5": "pm25", "pm10": "pm10",
		"count_0_3": "n0_3", "count_0_5": "n0_5", "count_1_0": "n1_0", "count_2_5": "n2_5", "count_5_0": "n5_0", "count_10": "n10_0",
	}, map[string]float64{ // theirs are particles in a cubic centimetre
		"count_0_3": 0.01, "count_0_5": 0.01, "count_1_0": 0.01, "count_2_5": 0.01, "count_5_0": 0.01, "count_10": 0.01,
	}},
	{"Nova", "sds011", "SDS01x.hexdump", "SDS01x.csv", map[string]string{"pm2_5": "pm25", "pm10": "pm10"}, nil},
}

// feed gives p to a stream in chunks of random sizes.
func feed(s drivers.Stream, p []byte, rng *rand.Rand, each func(*drivers.Reading)) {
	var r drivers.Reading
	for stamp := int64(1); len(p) > 0; stamp++ {
		chunk := p[:min(len(p), 1+rng.IntN(50))]
		p = p[len(chunk):]
		for len(chunk) > 0 {
			n, ok := s.Feed(chunk, stamp, &r)
			if ok {
				each(&r)
			}
			chunk = chunk[n:]
		}
	}
}

func (c *capture) check(t *testing.T, outputs []drivers.Output, r *drivers.Reading, want map[string]float64) {
	t.Helper()
	for output, column := range c.columns {
		i := slices.IndexFunc(outputs, func(o drivers.Output) bool { return o.Name == output })
		factor := 1.0
		if f, ok := c.factor[output]; ok {
			factor = f
		}
		if i < 0 || math.Abs(r.Values[i]*factor-want[column]) > 1e-9 {
			t.Errorf("%s = %v, want %v", output, r.Values[i]*factor, want[column])
		}
	}
}

func TestCapturesGiveWhatOthersDecoded(t *testing.T) {
	for _, c := range captures {
		t.Run(c.name, func(t *testing.T) {
			s, err := framed.NewStream(shipped(t, c.profile), nil)
			if err != nil {
				t.Fatal(err)
			}
			want, n := oracle(t, c.csv), 0
			feed(s, dump(t, c.dump), rand.New(rand.NewPCG(1, 2)), func(r *drivers.Reading) {
				if n < len(want) {
					c.check(t, s.Outputs(), r, want[n])
				}
				if r.Stamp == 0 {
					t.Error("no stamp")
				}
				n++
			})
			if good, corrupt := s.Counts(); n != len(want) || int(good) != n || corrupt != 0 {
				t.Errorf("%d readings, %d good, %d corrupt, want %d", n, good, corrupt, len(want))
			}
		})
	}
}

// Damage costs the telegrams that it hits, and makes no wrong value.
func TestDamageCostsOnlyWhatItHits(t *testing.T) {
	for _, c := range captures {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			whole, want := dump(t, c.dump), oracle(t, c.csv)
			for range 200 {
				s, err := framed.NewStream(shipped(t, c.profile), nil)
				if err != nil {
					t.Fatal(err)
				}
				p, hits := slices.Clone(whole), 1+rng.IntN(3)
				for range hits {
					switch i := rng.IntN(len(p)); rng.IntN(3) {
					case 0:
						p[i] ^= 1 << rng.IntN(8)
					case 1:
						p = slices.Delete(p, i, i+1)
					default:
						p = slices.Insert(p, i, byte(rng.IntN(256)))
					}
				}
				n := 0
				feed(s, p, rng, func(*drivers.Reading) { n++ })
				if n < len(want)-2*hits || n > len(want) {
					t.Fatalf("%d of %d telegrams after %d hits", n, len(want), hits)
				}
			}
		})
	}
}
