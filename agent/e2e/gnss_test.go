package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// captures are raw bytes of receivers; beside each lies gpsd's decoding.
const captures = "../../drivers/nmea/testdata"

// tpv is the part of gpsd's report on a fix that we compare.
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

// gpsdFixes reads gpsd's last word on each instant of a capture. A report
// without a time belongs to the instant of the sentence before it.
func gpsdFixes(t *testing.T, capture string) (fixes []tpv) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(captures, capture+".chk"))
	if err != nil {
		t.Fatal(err)
	}
	instant, was := "", ""
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "$") {
			if s := sentenceTime(line); s != "" {
				instant = s
			}
			continue
		}
		var r tpv
		if json.Unmarshal([]byte(line), &r) != nil || r.Class != "TPV" || r.Mode < 2 || r.Lat == nil {
			continue
		}
		key := instant
		if at, err := time.Parse(time.RFC3339, r.Time); err == nil {
			key = at.Format("150405.000")
		}
		if len(fixes) > 0 && key == was {
			fixes[len(fixes)-1] = r
			continue
		}
		fixes, was = append(fixes, r), key
	}
	return fixes
}

// sentenceTime returns the time of day that a sentence carries, as hhmmss.sss.
func sentenceTime(line string) string {
	parts := strings.Split(line, ",")
	if len(parts[0]) != 6 {
		return ""
	}
	i, ok := map[string]int{"RMC": 1, "GGA": 1, "GNS": 1, "GLL": 5}[parts[0][3:]]
	if !ok || i >= len(parts) {
		return ""
	}
	at, err := time.Parse("150405", strings.Split(parts[i], "*")[0])
	if err != nil {
		return ""
	}
	return at.Format("150405.000")
}

// receiver is a node with one GNSS receiver.
func receiver(t *testing.T, srv *redistest.Server, encoding string) (*node, *sim.PTY) {
	t.Helper()
	pty, err := sim.NewPTY(t.TempDir(), "gnss")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pty.Close() })
	n := newNode(t)
	sensor := fmt.Sprintf("\n[[sensor]]\nname = \"gnss\"\nuse = \"nmea\"\nport = %q\nmode = \"9600 8N1\"\n", pty.Path())
	n.configure(n.config(settings{redis: srv.URL(), encoding: encoding, flush: "200ms", rest: sensor}))
	n.start()
	return n, pty
}

// play sends a capture line by line, much faster than the receiver did.
func play(t *testing.T, pty *sim.PTY, capture string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(captures, capture))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range bytes.SplitAfter(data, []byte("\n")) {
		if !writeAll(t.Context(), pty, line) {
			t.Fatal("nobody takes what the receiver sends")
		}
		wait(t, 3*time.Millisecond)
	}
}

// corruptOf is how many sentences of a capture are corrupt. It is never changed.
var corruptOf = map[string]float64{"gp-320fw-2019-04-07-coldboot.log": 33}

// The stream holds every valid fix of a capture once, as gpsd decodes it.
func TestFixesArriveAsGPSDDecodesThem(t *testing.T) {
	for _, encoding := range []string{"senml", "compact"} {
		for _, capture := range []string{
			"beidou-bd.log", "gp-320fw-2019-04-07-coldboot.log", "mtk-3329.log", "neo-m8n.log", "sounder.log",
		} {
			t.Run(encoding+"/"+capture, func(t *testing.T) {
				t.Parallel()
				srv := redistest.Start(t)
				n, pty := receiver(t, srv, encoding)
				play(t, pty, capture)
				wait(t, 500*time.Millisecond) // a silence ends the last epoch
				n.drained()
				corrupt := n.metric("telemetry_sensor_corrupt_total", `sensor="gnss"`)
				n.stop()
				a := readStreams(t, srv)
				n.wantAccounted(a)
				want := gpsdFixes(t, capture)
				a.wantFixes(want)
				t.Logf("%d fixes, %v corrupt sentences, %d samples", len(want), corrupt, a.samples)
				if corrupt != corruptOf[capture] {
					t.Errorf("telemetry_sensor_corrupt_total is %v, want %v", corrupt, corruptOf[capture])
				}
			})
		}
	}
}

// wantFixes compares positions one by one, in order, and what gpsd says beside
// them as far as it does. gpsd reports at the end of a cycle, so a capture that
// stops within one has one fix more than its report; it prints nine decimals,
// ours are rounded to seven.
func (a *audit) wantFixes(want []tpv) {
	a.t.Helper()
	lat, lon := a.values["gnss/lat"], a.values["gnss/lon"]
	if len(lat) != len(lon) || len(lat) != len(want) && len(lat) != len(want)+1 {
		a.t.Fatalf("%d latitudes and %d longitudes, want %d fixes", len(lat), len(lon), len(want))
	}
	for i, w := range want {
		if math.Abs(lat[i].Value-*w.Lat) > 0.51e-7 || math.Abs(lon[i].Value-*w.Lon) > 0.51e-7 {
			a.t.Errorf("fix %d is at %v, %v; gpsd has %v, %v", i, lat[i].Value, lon[i].Value, *w.Lat, *w.Lon)
		}
		if lat[i].Millis != lon[i].Millis {
			a.t.Errorf("fix %d has a latitude of %d and a longitude of %d", i, lat[i].Millis, lon[i].Millis)
		}
		a.beside(i, lat[i].Millis, "gnss/alt", w.Alt, 1e-9)
		a.beside(i, lat[i].Millis, "gnss/speed", w.Speed, 0.00055)
		a.beside(i, lat[i].Millis, "gnss/course", w.Track, 1e-9)
	}
}

// beside wants a value of another channel at a fix's stamp. Where a busy
// machine lets two epochs arrive at once, either of them will do.
func (a *audit) beside(i int, stamp int64, name string, want *float64, tolerance float64) {
	a.t.Helper()
	if want == nil {
		return
	}
	var at []float64
	for _, s := range a.values[name] {
		if s.Millis == stamp {
			at = append(at, s.Value)
		}
	}
	for _, v := range at {
		if math.Abs(v-*want) <= tolerance {
			return
		}
	}
	a.t.Errorf("fix %d: %s is %v, gpsd has %v", i, name, at, *want)
}

// A receiver that speaks only UBX yields nothing, and does not fill the log.
func TestBinaryReceiverYieldsNothing(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	n, pty := receiver(t, srv, "senml")
	for begin, i := time.Now(), 0; i < 3 || time.Since(begin) < pick(0, 70*time.Second); i++ {
		play(t, pty, "ublox-neo-m8n.log")
	}
	wait(t, time.Second)
	corrupt := n.metric("telemetry_sensor_corrupt_total")
	n.stop()
	a := readStreams(t, srv)
	for name := range a.values {
		t.Errorf("channel %s has values", name)
	}
	for _, g := range a.gaps {
		t.Errorf("a gap was declared: %v", g)
	}
	lines := strings.Count(n.log.String(), "\n")
	t.Logf("%d lines of log, %v sentences counted as corrupt", lines, corrupt)
	if lines > 15 {
		t.Errorf("%d lines of log:\n%s", lines, n.log.String())
	}
}
