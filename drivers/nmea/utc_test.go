package nmea

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

// heardUTC is one reading's word on the date.
type heardUTC struct {
	at    string // RFC 3339
	stamp int64
}

// tellUTC feeds text whole, then silence, and collects what readings say.
func tellUTC(d *Decoder, stamp int64, text string) (all []heardUTC) {
	var r drivers.Reading
	keep := func() {
		if r.UTC != 0 {
			all = append(all, heardUTC{time.UnixMilli(r.UTC).UTC().Format(time.RFC3339Nano), r.Stamp})
		}
	}
	for p := []byte(text); len(p) > 0; {
		n, ok := d.Feed(p, stamp, &r)
		p = p[n:]
		if ok {
			keep()
		}
	}
	if d.Idle(time.Second, &r) {
		keep()
	}
	return all
}

func TestUTC(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"RMC", line(rmc1), "1994-03-23T12:35:19Z"},
		{"RMC and GGA", lines(rmc1, gga1), "1994-03-23T12:35:19Z"},
		{"decimals", line("GNRMC,171926.25,A,4404.1,N,12118.8,W,,,180315,,,A"), "2015-03-18T17:19:26.25Z"},
		{"GGA and ZDA", lines(gga1, "GPZDA,123519.00,23,03,1994,00,00"), "1994-03-23T12:35:19Z"},
		{"ZDA first", lines("GPZDA,123519.00,23,03,1994,,", gga1), "1994-03-23T12:35:19Z"},
		{"the last year of two digits", line("GPRMC,000000,A,4807.0,N,01131.0,E,,,311279,,,A"), "2079-12-31T00:00:00Z"},
		{"the first year of two digits", line("GPRMC,000000,A,4807.0,N,01131.0,E,,,060180,,,A"), "1980-01-06T00:00:00Z"},
		{"past 2038", line("GPRMC,031408,A,4807.0,N,01131.0,E,,,190138,,,A"), "2038-01-19T03:14:08Z"},
		{"leap second", line("GPRMC,235960.00,A,4807.0,N,01131.0,E,,,311216,,,A"), "2017-01-01T00:00:00Z"},
		{"RTK", line("GNRMC,120000,A,4807.0,N,01131.0,E,,,010126,,,R"), "2026-01-01T12:00:00Z"},
	} {
		got := tellUTC(New(), 5, tt.text)
		if len(got) != 1 || got[0] != (heardUTC{tt.want, 5}) {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
	for name, text := range map[string]string{
		"status V":              line("GPRMC,123519,V,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W"),
		"status V, ZDA":         lines("GPRMC,123519,V,,,,,,,230394,,", "GPZDA,123519.00,23,03,1994,,"),
		"GGA without fix, ZDA":  lines("GPGGA,123519,,,,,0,00,,,M,,M,,", "GPZDA,123519.00,23,03,1994,,"),
		"one word says no":      lines(rmc1, "GPGGA,123519,4807.038,N,01131.000,E,0,00,,,M,,M,,"),
		"ZDA alone":             line("GPZDA,123519.00,23,03,1994,,"),
		"no date":               line(gga1),
		"no such day":           line("GPRMC,123519,A,4807.0,N,01131.0,E,,,310294,,"),
		"estimated":             line("GPRMC,123519,A,4807.0,N,01131.0,E,,,230394,,,E"),
		"manual":                line("GPRMC,123519,A,4807.0,N,01131.0,E,,,230394,,,M"),
		"simulated":             line("GPRMC,123519,A,4807.0,N,01131.0,E,,,230394,,,S"),
		"simulated, GGA's word": lines("GPRMC,123519,A,4807.0,N,01131.0,E,,,230394,,", strings.Replace(gga1, ",E,1,", ",E,8,", 1)),
	} {
		if got := tellUTC(New(), 5, text); len(got) != 0 {
			t.Errorf("%s: %v, want none", name, got)
		}
	}
}

// The rest of an instant after a silence does not tell the time again, later.
func TestUTCOfAnInstantIsToldOnce(t *testing.T) {
	d := New()
	got := append(tellUTC(d, 1, line(rmc1)), tellUTC(d, 200, line(gga1))...)
	if len(got) != 1 || got[0].stamp != 1 {
		t.Errorf("%v, want one", got)
	}
	// Where only the rest knows the date, that tells it.
	d = New()
	got = append(tellUTC(d, 1, line(gga1)), tellUTC(d, 200, line(rmc1))...)
	if len(got) != 1 || got[0].stamp != 200 {
		t.Errorf("%v, want one", got)
	}
}

// A compass on the same line opens epochs when it likes.
func TestUTCOnASharedLine(t *testing.T) {
	for gap, want := range map[time.Duration]int{10 * time.Millisecond: 1, 120 * time.Millisecond: 0} {
		d := New()
		var r drivers.Reading
		if _, ok := d.Feed([]byte(line("HEHDT,12.5,T")), 1, &r); ok {
			t.Fatal("a reading already")
		}
		if got := tellUTC(d, 1+int64(gap), line(rmc1)); len(got) != want {
			t.Errorf("compass %v before: %v, want %d", gap, got, want)
		}
	}
	// The receiver's own sentences without time are part of its word.
	d := New()
	var r drivers.Reading
	d.Feed([]byte(line("GPVTG,084.4,T,,M,022.4,N,041.5,K,A")), 1, &r)
	if got := tellUTC(d, 1+int64(120*time.Millisecond), line(rmc1)); len(got) != 1 || got[0].stamp != 1 {
		t.Errorf("VTG first: %v, want its stamp", got)
	}
}

// gpsdTimes reads the instants of fixes that gpsd dated.
func gpsdTimes(t *testing.T, path string) (times []int64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(data)) {
		var r tpv
		if json.Unmarshal([]byte(l), &r) != nil || r.Class != "TPV" || r.Mode < 2 || r.Time == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, r.Time)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(times); n == 0 || times[n-1] != at.UnixMilli() {
			times = append(times, at.UnixMilli())
		}
	}
	return times
}

// Each instant that gpsd dated is told once, with the receiver's date: gpsd
// moves old ones on by 1024 weeks, so they are compared without those. We may
// date more: a last fix that gpsd did not report, one whose date came after it.
func TestUTCIsWhatGPSDMakesOfTheCaptures(t *testing.T) {
	const rollover = 1024 * 7 * 86_400_000
	for name, least := range map[string]int{
		"neo-m8n.log": 5, "mtk-3329.log": 5, "beidou-bd.log": 4, "gp-320fw-2019-04-07-coldboot.log": 1,
	} {
		want := gpsdTimes(t, "testdata/"+name+".chk")
		data := readCapture(t, name)
		for seed := range uint64(20) {
			var got []int64
			play(New(), data, rand.New(rand.NewPCG(seed, 1)), func(r *drivers.Reading) {
				if r.UTC == 0 {
					return
				}
				if !r.Has(outFix) && !r.Has(outLat) {
					t.Errorf("%s: UTC without a fix", name)
				}
				got = append(got, r.UTC)
			})
			missing := map[int64]bool{}
			for _, w := range want {
				missing[w%rollover] = true
			}
			extra := 0
			for i, g := range got {
				if i > 0 && g <= got[i-1] {
					t.Errorf("%s: %v after %v", name, g, got[i-1])
				}
				if !missing[g%rollover] {
					extra++
				}
				delete(missing, g%rollover)
			}
			if len(missing) != 0 || extra > 1 || len(got) < least {
				t.Fatalf("%s, seed %d: %d told, %d not gpsd's, %d missing of %d", name, seed, len(got), extra, len(missing), len(want))
			}
		}
		t.Logf("%s: %d instants", name, len(want))
	}
	play(New(), readCapture(t, "sounder.log"), rand.New(rand.NewPCG(1, 1)), func(r *drivers.Reading) {
		if r.UTC != 0 {
			t.Errorf("an echo sounder tells the date: %d", r.UTC)
		}
	})
}
