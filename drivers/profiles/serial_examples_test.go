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
	data []string
	// want has NaN for what must be marked bad.
	want   map[string]float64
	within float64
}

// The examples, each with where it stands; "formula" as with the chips.
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
	{ // The example of DFRobot's documentation: 1953 mm.
		name: "a02yyuw", data: []string{"ff07a1a7"}, want: map[string]float64{"distance": 1.953},
	},
	{ // By the table of the manual: formula, 2000 mm.
		name: "jsn-sr04t", data: []string{"ff07d0d6"}, want: map[string]float64{"distance": 2},
	},
	{ // A sensor's answer as the Tasmota project published it.
		name: "pm1006", data: []string{"16110b0000000c000003cb0000000c01000000e7"}, want: map[string]float64{"pm2_5": 12},
	},
	{ // A sensor's answer as the Tasmota project published it.
		name: "ikea-vindriktning", data: []string{"16110b0000000c000003cb0000000c01000000e7"}, want: map[string]float64{"pm2_5": 12},
	},
	{ // The message of PyPMS's tests, with its right checksum.
		name: "hpma115s0", data: []string{"4005040030003156"}, want: map[string]float64{"pm2_5": 48, "pm10": 49},
	},
	{ // The message of PyPMS's tests, with its right checksum.
		name: "pms3003", data: []string{"424d00140051006a007700350046004f33d20f28003f041a"}, want: map[string]float64{"pm1_0_cf1": 81, "pm2_5_cf1": 106, "pm10_cf1": 119, "pm1_0": 53, "pm2_5": 70, "pm10": 79},
	},
	{ // By the table of the data manual: formula, 12 ug/m3 of formaldehyde, -4.5 Cel, 52.3 %RH.
		name: "pms5003st", data: []string{"424d002400010002000300040005000602bc00c8001e000400010000000cffd3020b0000900004ec"}, want: map[string]float64{"pm1_0_cf1": 1, "pm10": 6, "count_0_3": 700, "count_5_0": 1, "formaldehyde": 12, "temperature": -4.5, "humidity": 52.3},
	},
	{ // By the specification: formula, DF1 × 256 + DF2.
		name: "cm1106", data: []string{"160501025800008a"}, want: map[string]float64{"co2": 600},
	},
	{ // An MH-Z19B's answer, whose telegram is the same: capture of PyPMS's tests.
		name: "mh-z14", data: []string{"ff86027c42000000ba"}, want: map[string]float64{"co2": 636},
	},
	{ // By table 7 of the manual: formula, 123 cm, strength 1000, 8 × (40.125 + 256).
		name: "tfmini-plus", data: []string{"59597b00e803410962"}, want: map[string]float64{"distance": 1.23, "signal_count": 1000, "chip_temperature": 40.125},
	},
	{ // TFmini Plus, 5.4: strength 50 is too weak, and the distance 0.
		name: "tfmini-plus", data: []string{"59590000320041092e"}, want: map[string]float64{"distance": math.NaN(), "signal_count": math.NaN(), "chip_temperature": 40.125},
	},
	{ // TFmini Plus, 5.4: strength 65535 is too strong, whatever the distance.
		name: "tfmini-plus", data: []string{"59597b00ffff410975"}, want: map[string]float64{"distance": math.NaN(), "signal_count": math.NaN(), "chip_temperature": 40.125},
	},
	{ // TFmini-S, 5.4 and table 8: strength 50 is too weak, and the distance -1.
		name: "tfmini-plus", data: []string{"5959ffff320041092c"}, want: map[string]float64{"distance": math.NaN(), "signal_count": math.NaN(), "chip_temperature": 40.125},
	},
	{ // By the data sheet's table: formula, ten big-endian floats behind address, command, state and length.
		name: "sps30-uart", data: []string{"000300283fc00000401000004048000040800000412800004144000041480000414a0000414c00003f2000004f"}, want: map[string]float64{"pm1_0": 1.5, "pm2_5": 2.25, "pm4_0": 3.125, "pm10": 4, "count_0_5": 10.5, "count_10": 12.75, "typical_size": 6.25e-07},
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
				switch {
				case i < 0:
					t.Errorf("no output %s", name)
				case math.IsNaN(want):
					if !r.IsBad(i) {
						t.Errorf("%s: %v, want it marked bad", name, r.Values[i])
					}
				case !r.Has(i) || math.Abs(r.Values[i]-want) > max(e.within, 1e-9):
					t.Errorf("%s: %v, want %v", name, r.Values[i], want)
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
