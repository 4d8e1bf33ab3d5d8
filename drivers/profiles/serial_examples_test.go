package profiles

import (
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/profile"
)

// serialExample is what a device on a serial line sent, and what it means.
type serialExample struct {
	name string
	// data is a telegram, stuffing removed; of Modbus devices the data of each
	// request's answer, without unit, function, length and checksum.
	data   []string
	want   map[string]float64
	within float64
}

// The examples, each with where it stands.
var serialExamples = []serialExample{
	{ // Capture of PyPMS's tests, decoded there.
		name: "pms5003", data: []string{"424d001c00000008000800000008000800d20046002d001e00000000970002c5"},
		want: map[string]float64{"pm1_0": 0, "pm2_5": 8, "pm10": 8, "count_0_3": 210, "count_2_5": 30},
	},
	{ // Capture of PyPMS's tests, decoded there.
		name: "sds011", data: []string{"aac00900090058d943ab"}, want: map[string]float64{"pm2_5": 0.9, "pm10": 0.9},
	},
	{ // Capture of PyPMS's tests, decoded there.
		name: "mh-z19", data: []string{"ff86027c42000000ba"}, want: map[string]float64{"co2": 636},
	},
}

func TestSerialExamples(t *testing.T) {
	for _, e := range serialExamples {
		t.Run(e.name, func(t *testing.T) {
			p, ok, err := Lookup(e.name)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			dec, err := p.NewDecoder(nil)
			if err != nil {
				t.Fatal(err)
			}
			data := e.bytes(t, p, dec)
			var r drivers.Reading
			dec.Decode(data, &r)
			for name, want := range e.want {
				i := slices.IndexFunc(dec.Outputs(), func(o drivers.Output) bool { return o.Name == name })
				if i < 0 || !r.Has(i) || math.Abs(r.Values[i]-want) > max(e.within, 1e-9) {
					t.Errorf("%s: %v, want %v", name, r.Values[max(i, 0)], want)
				}
			}
		})
	}
}

// bytes gives the example as Decode takes it, verified as the engine does.
func (e *serialExample) bytes(t *testing.T, p *profile.Program, dec *profile.Decoder) []byte {
	t.Helper()
	data, err := hex.DecodeString(strings.ReplaceAll(strings.Join(e.data, ""), " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	if p.Kind() == profile.Modbus {
		blocks, size := dec.Plan(nil)
		if len(blocks) != len(e.data) || size != len(data) {
			t.Fatalf("%d requests of %d bytes together, the example has %d of %d", len(blocks), size, len(e.data), len(data))
		}
		return data
	}
	if n, ok := p.Telegram().Need(data); !ok || n != len(data) || p.Telegram().Judge(data) != profile.Whole {
		t.Fatalf("not a telegram: length %d, %v", n, ok)
	}
	return data
}
