package sml

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
)

// files are those that testdata/encode.py made, by name.
func files(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.hex")
	if err != nil || len(paths) < 8 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	all := make(map[string][]byte)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(path), ".hex")] = data
	}
	return all
}

// outputOf names the outputs of the codes in the files.
var outputOf = map[string]string{
	"1-0:1.8.0": "energy_import", "1-0:1.8.1": "energy_import_t1", "1-0:1.8.2": "energy_import_t2", "1-0:2.8.0": "energy_export",
	"1-0:16.7.0": "power", "1-0:36.7.0": "power_l1", "1-0:56.7.0": "power_l2", "1-0:76.7.0": "power_l3",
	"1-0:1.7.0": "power_import", "1-0:2.7.0": "power_export", "1-0:15.7.0": "power_absolute", "1-0:3.8.0": "reactive_energy_import",
	"1-0:32.7.0": "voltage_l1", "1-0:52.7.0": "voltage_l2", "1-0:72.7.0": "voltage_l3",
	"1-0:31.7.0": "current_l1", "1-0:51.7.0": "current_l2", "1-0:71.7.0": "current_l3",
	"1-0:14.7.0": "frequency", "1-0:13.7.0": "power_factor", "1-0:81.7.1": "voltage_angle_l2", "1-0:81.7.26": "current_angle_l3",
}

// joules are what one unit of a DLMS unit is in SenML's; 1 if missing.
var joules = map[int]float64{30: 3600, 31: 3600, 32: 3600}

// told is what the encoder was told.
func told(t testing.TB, name string) map[string]float64 {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var list map[string][2]any
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	want := make(map[string]float64)
	for code, v := range list {
		x, err := strconv.ParseFloat(v[1].(string), 64)
		if err != nil {
			t.Fatal(err)
		}
		add(t, want, code, int(v[0].(float64)), x)
	}
	return want
}

func add(t testing.TB, want map[string]float64, code string, unit int, v float64) {
	t.Helper()
	name, ok := outputOf[code]
	if !ok {
		t.Fatalf("the test does not know %s", code)
	}
	if unit == 255 && name != "power_factor" {
		return // an energy without unit is none
	}
	if f, ok := joules[unit]; ok {
		v *= f
	}
	want[name] = v
}

// libsml is what libsml reads in the file; ok is false where it cannot.
func libsml(t testing.TB, name string) (want map[string]float64, ok bool) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".tsv"))
	if os.IsNotExist(err) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want = make(map[string]float64)
	for s := bufio.NewScanner(f); s.Scan(); {
		var code string
		var unit int
		var v float64
		if _, err := fmt.Sscanf(s.Text(), "%s %d %g", &code, &unit, &v); err != nil {
			t.Fatal(err)
		}
		if code, current := strings.CutSuffix(code, "*255"); current {
			add(t, want, code, unit, v)
		}
	}
	return want, true
}

// values are a reading's by name, without the meter's time.
func values(d *Decoder, r *drivers.Reading) map[string]float64 {
	m := make(map[string]float64)
	for i, o := range d.Outputs() {
		if r.Has(i) && !strings.HasPrefix(o.Name, "meter_") {
			m[o.Name] = r.Values[i]
		}
	}
	return m
}

func newDecoder(t testing.TB, opt Options) *Decoder {
	t.Helper()
	d, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// feed gives p to d in chunks that rng chooses, nil for one chunk, and returns
// all readings. Stamps are the chunks' offsets plus one.
func feed(d *Decoder, p []byte, rng *rand.Rand) (readings []drivers.Reading) {
	var r drivers.Reading
	for at := 0; at < len(p); {
		end := len(p)
		if rng != nil {
			end = min(at+1+rng.IntN(70), len(p))
		}
		n, ok := d.Feed(p[at:end], int64(at+1), &r)
		if ok {
			readings = append(readings, r)
			r.Reset()
		}
		at += n
	}
	return readings
}

// same compares within a rounding of the last place: libsml's values are
// rounded twice.
func same(t *testing.T, name string, got, want map[string]float64) {
	t.Helper()
	for k, w := range want {
		if g, ok := got[k]; !ok || math.Abs(g-w) > 4e-16*math.Abs(w) {
			t.Errorf("%s: %s = %v (%v), want %v", name, k, g, ok, w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: got %v, want %v", name, got, want)
	}
}

func TestFilesAgreeWithEncoderAndLibsml(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	compared := 0
	for name, data := range files(t) {
		want := told(t, name)
		reference, has := libsml(t, name)
		for round := range 20 {
			d := newDecoder(t, Options{})
			chunks := rng
			if round == 0 {
				chunks = nil
			}
			readings := feed(d, append([]byte("\x1b\x1b\x00noise\x1b"), data...), chunks)
			if good, corrupt := d.Counts(); len(readings) != 1 || good != 1 || corrupt != 0 {
				t.Fatalf("%s: %d readings, counts %d, %d; want one", name, len(readings), good, corrupt)
			}
			same(t, name, values(d, &readings[0]), want)
			if has && round == 0 {
				same(t, name+" by libsml", values(d, &readings[0]), reference)
				compared++
			}
		}
	}
	if compared < 6 {
		t.Errorf("%d files compared with libsml", compared)
	}
}

// A file in one chunk is stamped with it, and one in pieces with the piece
// that its first byte was in.
func TestStampIsTheFirstByte(t *testing.T) {
	data := files(t)["usual"]
	d := newDecoder(t, Options{})
	var r drivers.Reading
	d.Feed([]byte("abc"), 5, &r)
	d.Feed(data[:2], 7, &r)
	d.Feed(data[2:6], 8, &r)
	if _, ok := d.Feed(data[6:], 9, &r); !ok || r.Stamp != 7 {
		t.Errorf("stamp %d, %v; want 7", r.Stamp, ok)
	}
	d.Feed(data[:100], 11, &r)
	d.Feed(data[:100], 13, &r) // begins anew
	if _, ok := d.Feed(data[100:], 15, &r); !ok || r.Stamp != 13 {
		t.Errorf("stamp %d, %v; want 13", r.Stamp, ok)
	}
}

func TestDamagedFilesGiveNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for name, data := range files(t) {
		d := newDecoder(t, Options{})
		whole := feed(d, data, nil)
		want := values(d, &whole[0])
		for round := range 240 {
			bad := bytes.Clone(data)
			at := rng.IntN(len(bad))
			switch round % 4 {
			case 0:
				bad[at] ^= 1 << rng.IntN(8)
			case 1:
				bad = append(bad[:at], bad[at+1:]...)
			case 2:
				bad = append(bad[:at], append([]byte{byte(rng.Uint32())}, data[at:]...)...)
			case 3:
				bad = bad[:at]
			}
			d := newDecoder(t, Options{})
			readings := feed(d, append(append(bad, data...), data...), rng) // one that is cut in its last escape sequence costs the next
			if len(readings) == 0 || len(readings) > 3 {
				t.Fatalf("%s damaged at %d (%d): %d readings", name, at, round%4, len(readings))
			}
			for i := range readings {
				if got := values(d, &readings[i]); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("%s damaged at %d (%d): got %v, want %v", name, at, round%4, got, want)
				}
			}
		}
	}
}

func TestTheMetersTime(t *testing.T) {
	for name, want := range map[string][2]float64{"usual": {5044222, 0}, "optional": {0, 1700000000}, "kermit": {3211, 0}, "smallest": {0, 0}} {
		d := newDecoder(t, Options{})
		r := feed(d, files(t)[name], nil)[0]
		for i, w := range want {
			out := d.table.Derived + i
			if r.Has(out) != (w != 0) || r.Has(out) && r.Values[out] != w {
				t.Errorf("%s: %s = %v (%v), want %v", name, d.Outputs()[out].Name, r.Values[out], r.Has(out), w)
			}
		}
	}
}
