//go:build hil

package rig

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

// fix is a valid position, from the stream or from gpsd.
type fix struct {
	lat, lon          float64
	alt, speed, track *float64
}

// gpsdFixes reads gpsd's own decoding of a capture (<capture>.chk): its last
// word on each instant. The sentences that it repeats tell the instants of
// reports that carry no time, because the date was not known yet.
func gpsdFixes(t *testing.T, path string) []fix {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var fixes []fix
	sentence, last := "", ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if s := sentenceTime(line); s != "" {
			sentence = s
		}
		var r struct {
			Class string   `json:"class"`
			Mode  int      `json:"mode"`
			Time  string   `json:"time"`
			Lat   *float64 `json:"lat"`
			Lon   *float64 `json:"lon"`
			Alt   *float64 `json:"altMSL"`
			Speed *float64 `json:"speed"`
			Track *float64 `json:"track"`
		}
		if json.Unmarshal([]byte(line), &r) != nil || r.Class != "TPV" || r.Mode < 2 || r.Lat == nil {
			continue
		}
		key := sentence
		if at, err := time.Parse(time.RFC3339, r.Time); err == nil {
			key = at.Format("150405.000")
		}
		f := fix{*r.Lat, *r.Lon, r.Alt, r.Speed, r.Track}
		if len(fixes) > 0 && key == last {
			fixes[len(fixes)-1] = f
		} else {
			fixes = append(fixes, f)
		}
		last = key
	}
	return fixes
}

// sentenceTime returns the time of day of a sentence that has one.
func sentenceTime(line string) string {
	if len(line) < 7 || line[0] != '$' {
		return ""
	}
	field, ok := map[string]int{"RMC": 1, "GGA": 1, "GNS": 1, "GLL": 5}[line[3:6]]
	parts := strings.Split(line, ",")
	if !ok || field >= len(parts) {
		return ""
	}
	text, _, _ := strings.Cut(parts[field], "*")
	at, err := time.Parse("150405", text)
	if err != nil {
		return ""
	}
	return at.Format("150405.000")
}

// fixes puts the GNSS samples that arrived after the first from entries
// together again: a reading's outputs stand side by side, lat first.
func (s *streams) fixes(from int) []fix {
	var out []fix
	for i := from; i < len(s.all); i++ {
		for _, x := range s.all[i].samples {
			v := x.Value
			if x.Name == "gnss/lat" {
				out = append(out, fix{lat: v})
				continue
			}
			if len(out) == 0 {
				continue
			}
			f := &out[len(out)-1]
			switch x.Name {
			case "gnss/lon":
				f.lon = v
			case "gnss/alt":
				f.alt = &v
			case "gnss/speed":
				f.speed = &v
			case "gnss/course":
				f.track = &v
			}
		}
	}
	return out
}

// compareFixes holds what came to what gpsd decoded. gpsd reports at the end
// of a cycle, so a capture that stops within one has a fix more than its
// report; and where gpsd says nothing of a value we may.
func compareFixes(t *testing.T, got, want []fix) {
	t.Helper()
	if len(got) != len(want) && len(got) != len(want)+1 {
		t.Errorf("%d fixes, gpsd has %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		g, w := &got[i], &want[i]
		near(t, i, "lat", &g.lat, &w.lat, 0.51e-7) // gpsd prints nine decimals; ours are seven
		near(t, i, "lon", &g.lon, &w.lon, 0.51e-7)
		near(t, i, "alt", g.alt, w.alt, 1e-9)
		near(t, i, "speed", g.speed, w.speed, 0.00055)
		near(t, i, "track", g.track, w.track, 1e-9)
	}
}

func near(t *testing.T, i int, what string, got, want *float64, tolerance float64) {
	t.Helper()
	switch {
	case want == nil:
	case got == nil:
		t.Errorf("fix %d: no %s, gpsd has %v", i+1, what, *want)
	case math.Abs(*got-*want) > tolerance:
		t.Errorf("fix %d: %s %v, gpsd has %v", i+1, what, *got, *want)
	}
}
