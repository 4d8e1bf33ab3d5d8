package nmea

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

// fix is one valid position, ours or gpsd's.
type fix struct {
	key               string // time of day, to the millisecond
	lat, lon          float64
	alt, speed, track *float64
	date              string // yyyy-mm-dd; "" = not known
}

// tpv is the part of gpsd's report that we compare.
type tpv struct {
	Class string   `json:"class"`
	Mode  int      `json:"mode"`
	Time  string   `json:"time"`
	Lat   *float64 `json:"lat"`
	Lon   *float64 `json:"lon"`
	Alt   *float64 `json:"altMSL"`
	Speed *float64 `json:"speed"`
	Track *float64 `json:"track"`
}

// timeField is where the sentences have their time, for reports of gpsd's that
// carry none because it did not know the date yet.
var timeField = map[string]int{"RMC": 1, "GGA": 1, "GNS": 1, "GLL": 5}

func sentenceTime(line string) (string, bool) {
	parts := strings.Split(line, ",")
	if len(parts[0]) != 6 {
		return "", false
	}
	i, ok := timeField[parts[0][3:]]
	if !ok || i >= len(parts) || len(parts[i]) < 6 {
		return "", false
	}
	t, err := time.Parse("150405", strings.Split(parts[i], "*")[0])
	return t.Format("15:04:05.000"), err == nil
}

// gpsdFixes reads gpsd's own decoding of a capture: its last word on each instant.
func gpsdFixes(t *testing.T, path string) []fix {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var fixes []fix
	last := ""
	for _, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "$") {
			if s, ok := sentenceTime(line); ok {
				last = s
			}
			continue
		}
		var r tpv
		if json.Unmarshal([]byte(line), &r) != nil || r.Class != "TPV" || r.Mode < 2 || r.Lat == nil {
			continue
		}
		f := fix{key: last, lat: *r.Lat, lon: *r.Lon, alt: r.Alt, speed: r.Speed, track: r.Track}
		if r.Time != "" {
			at, err := time.Parse(time.RFC3339, r.Time)
			if err != nil {
				t.Fatal(err)
			}
			f.key, f.date = at.Format("15:04:05.000"), at.Format(time.DateOnly)
		}
		if n := len(fixes); n > 0 && fixes[n-1].key == f.key {
			fixes[n-1] = f
			continue
		}
		fixes = append(fixes, f)
	}
	return fixes
}

// play feeds data in random chunks, as a port delivers it, and collects the
// readings; the stamp of a chunk is the offset of its first byte.
func play(d *Decoder, data []byte, rnd *rand.Rand, each func(*drivers.Reading)) {
	var r drivers.Reading
	for at := 0; at < len(data); {
		size := min(1+rnd.IntN(120), len(data)-at)
		for p, off := data[at:at+size], 0; off < len(p); {
			n, ok := d.Feed(p[off:], int64(at+off), &r)
			off += n
			if ok {
				each(&r)
			}
		}
		at += size
	}
	if d.Idle(time.Second, &r) {
		each(&r)
	}
}

func readingFixes(d *Decoder, data []byte, rnd *rand.Rand) (fixes []fix) {
	var was FixTime
	play(d, data, rnd, func(r *drivers.Reading) {
		if !r.Has(outLat) {
			return
		}
		f := fix{
			key: time.Time{}.Add(d.sent.instant).Format("15:04:05.000"),
			lat: r.Values[outLat], lon: r.Values[outLon],
			alt: has(r, outAlt), speed: has(r, outSpeed), track: has(r, outCourse),
		}
		if now, ok := d.Time(); ok && now != was {
			f.date, was = now.UTC.Format(time.DateOnly), now
		}
		fixes = append(fixes, f)
	})
	return fixes
}

func has(r *drivers.Reading, out int) *float64 {
	if !r.Has(out) {
		return nil
	}
	v := r.Values[out]
	return &v
}

func readCapture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Each valid fix of a capture comes once, in order, and is what gpsd made of it.
func TestCapturesDecodeAsGPSDDecodesThem(t *testing.T) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatalf("captures: %v, %v", logs, err)
	}
	for _, log := range logs {
		name := filepath.Base(log)
		if strings.HasPrefix(name, "ublox") {
			continue // no NMEA in it; gpsd decodes UBX. Tested below.
		}
		t.Run(name, func(t *testing.T) {
			want := gpsdFixes(t, log+".chk")
			data := readCapture(t, name)
			for seed := range uint64(20) {
				got := readingFixes(New(), data, rand.New(rand.NewPCG(seed, 1)))
				compareFixes(t, got, want)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
			t.Logf("%d fixes", len(want))
		})
	}
}

func compareFixes(t *testing.T, got, want []fix) {
	t.Helper()
	// gpsd reports at the end of a cycle, so a capture that stops within one
	// has one fix more than its report.
	if len(got) != len(want) && len(got) != len(want)+1 {
		t.Errorf("%d fixes, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		if g.key != w.key {
			t.Fatalf("fix %d is of %s, want %s", i, g.key, w.key)
		}
		// gpsd prints nine decimals; ours are rounded to seven.
		near(t, w.key+" lat", &g.lat, &w.lat, 0.51e-7)
		near(t, w.key+" lon", &g.lon, &w.lon, 0.51e-7)
		near(t, w.key+" alt", g.alt, w.alt, 1e-9)
		near(t, w.key+" speed", g.speed, w.speed, 0.00055)
		near(t, w.key+" track", g.track, w.track, 1e-9)
		if g.date != "" && w.date != "" && weekday(t, g.date) != weekday(t, w.date) {
			t.Errorf("%s is on %s, want %s or 1024 weeks from it", w.key, g.date, w.date)
		}
	}
}

// weekday reduces a date by the week counter's period: gpsd moves old dates on by it.
func weekday(t *testing.T, date string) int64 {
	t.Helper()
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		t.Fatal(err)
	}
	return at.Unix() / 86400 % (1024 * 7)
}

// near compares where gpsd says something; on what it leaves out we may say more.
func near(t *testing.T, what string, got, want *float64, tolerance float64) {
	t.Helper()
	if want == nil {
		return
	}
	if got == nil {
		t.Errorf("%s: no value, want %v", what, *want)
		return
	}
	if math.Abs(*got-*want) > tolerance {
		t.Errorf("%s: got %v, want %v", what, *got, *want)
	}
}

func TestChunkSizesMakeNoDifference(t *testing.T) {
	for _, name := range []string{"neo-m8n.log", "gp-320fw-2019-04-07-coldboot.log", "beidou-bd.log", "sounder.log"} {
		data := readCapture(t, name)
		all := func(chunk int) (readings []drivers.Reading) {
			d := New()
			var r drivers.Reading
			for at := 0; at < len(data); at += chunk {
				for p := data[at:min(at+chunk, len(data))]; len(p) > 0; {
					n, ok := d.Feed(p, 0, &r)
					p = p[n:]
					if ok {
						readings = append(readings, r)
					}
				}
			}
			return readings
		}
		want := all(len(data))
		for _, chunk := range []int{1, 2, 7, 64, 1000} {
			got := all(chunk)
			if len(got) != len(want) {
				t.Fatalf("%s in chunks of %d: %d readings, want %d", name, chunk, len(got), len(want))
			}
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("%s in chunks of %d: reading %d differs", name, chunk, i)
				}
			}
		}
	}
}

func TestCorruptSentencesAreCountedAndNeverPassedOn(t *testing.T) {
	d := New()
	data := readCapture(t, "gp-320fw-2019-04-07-coldboot.log")
	var fixes, readings int
	play(d, data, rand.New(rand.NewPCG(1, 1)), func(r *drivers.Reading) {
		readings++
		if r.Has(outLat) {
			fixes++
			if r.Values[outLat] < 48 || r.Values[outLon] < 11 {
				t.Errorf("position %v, %v is from an invalid fix", r.Values[outLat], r.Values[outLon])
			}
		} else if r.Has(outSpeed) || r.Has(outCourse) || r.Has(outAlt) || r.Has(outHDOP) {
			t.Errorf("reading %d has a speed, course, altitude or dilution without a fix", readings)
		}
	})
	if good, corrupt := d.Counts(); good != 97 || corrupt != 33 {
		t.Errorf("Counts() = %d, %d; want 97, 33", good, corrupt)
	}
	if fixes != 2 {
		t.Errorf("%d fixes, want 2", fixes)
	}
}

func TestBinaryOnlyYieldsNothing(t *testing.T) {
	d := New()
	data := readCapture(t, "ublox-neo-m8n.log")
	play(d, data, rand.New(rand.NewPCG(1, 1)), func(r *drivers.Reading) {
		t.Errorf("a reading from UBX: %+v", r)
	})
	good, corrupt := d.Counts()
	if good != 0 || corrupt != 0 {
		t.Errorf("Counts() = %d, %d; want nothing", good, corrupt)
	}
	if s := d.Stats(); s.Incomplete > uint64(len(data)/100) {
		t.Errorf("%d false starts in %d bytes", s.Incomplete, len(data))
	}
}

func TestSounderGivesEachDepthOnce(t *testing.T) {
	data := readCapture(t, "sounder.log")
	var want []string
	for sc := bufio.NewScanner(bytes.NewReader(data)); sc.Scan(); {
		if s, ok := strings.CutPrefix(sc.Text(), "$SDDBT,"); ok {
			want = append(want, strings.Split(s, ",")[2])
		}
	}
	var got []string
	play(New(), data, rand.New(rand.NewPCG(1, 1)), func(r *drivers.Reading) {
		if r.Has(outDepth) {
			b, _ := json.Marshal(r.Values[outDepth])
			got = append(got, string(b))
		}
	})
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("depths\n got %v\nwant %v", got, want)
	}
}

func TestBeidouTalkersAreMerged(t *testing.T) {
	d := New()
	var modes, views int
	play(d, readCapture(t, "beidou-bd.log"), rand.New(rand.NewPCG(1, 1)), func(r *drivers.Reading) {
		if r.Has(outLat) && r.Has(outMode) && r.Values[outMode] == 3 {
			modes++
		}
		if r.Has(outInView) && r.Values[outInView] == 20+12 { // GPGSV and BDGSV
			views++
		}
	})
	if modes != 5 || views == 0 {
		t.Errorf("%d fixes with mode 3 and %d views of both systems; want 5 and some", modes, views)
	}
}

// UBX frames, RTCM and NULs between the sentences, as on a receiver's mixed port.
func TestInterleavedBinaryLosesNothing(t *testing.T) {
	clean := readCapture(t, "neo-m8n.log")
	ubx := []byte{0xb5, 0x62, 1, 7, 4, 0, '$', 'G', 'P', 0, 0x44, 0x55, 0xd3, 0, 0x13, '$', 0xff, 0, 0}
	dirty := bytes.ReplaceAll(clean, []byte("\r\n"), append([]byte("\r\n"), ubx...))
	want := readingFixes(New(), clean, rand.New(rand.NewPCG(1, 1)))
	got := readingFixes(New(), dirty, rand.New(rand.NewPCG(1, 1)))
	compareFixes(t, got, want)
}
