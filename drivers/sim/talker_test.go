package sim

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// parsed is what a reader of NMEA-0183 who knows nothing of this package finds.
type parsed struct {
	kind   string
	fields []string
}

// parse checks the frame and the checksum of one sentence.
func parse(line string) (p parsed, err error) {
	if len(line) > 82 || !strings.HasSuffix(line, "\r\n") { // at most 82 with its end
		return p, fmt.Errorf("frame of %q", line)
	}
	body, sum, ok := strings.Cut(strings.TrimSuffix(line, "\r\n"), "*")
	if !ok || body[0] != '$' {
		return p, fmt.Errorf("frame of %q", line)
	}
	var x byte
	for _, b := range []byte(body[1:]) {
		x ^= b
	}
	if want, err := hex.DecodeString(sum); err != nil || len(want) != 1 || want[0] != x {
		return p, fmt.Errorf("checksum of %q: %02X", line, x)
	}
	f := strings.Split(body, ",")
	return parsed{f[0], f[1:]}, nil
}

func parseAll(t *testing.T, text string) (all []parsed) {
	t.Helper()
	for line := range strings.Lines(text) {
		p, err := parse(line)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// degrees decodes (d)ddmm.mmmmm and its hemisphere.
func degrees(t *testing.T, s, side string) float64 {
	t.Helper()
	dot := strings.IndexByte(s, '.')
	v := number(t, s[:dot-2]) + number(t, s[dot-2:])/60
	if side == "S" || side == "W" {
		v = -v
	}
	return v
}

func wantNear(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: got %v, want %v ± %v", what, got, want, tolerance)
	}
}

// Truth in, truth out, on both sides of the equator and of Greenwich, for a lap.
func TestGNSSSaysWhereItIs(t *testing.T) {
	for _, centre := range [][2]float64{{46.948, 7.4474}, {-33.8688, 151.2093}, {40.7128, -74.006}, {-0.0001, -0.0001}} {
		o := DefaultGNSSOpts()
		o.Lat, o.Lon, o.Talker = centre[0], centre[1], "GN"
		g := NewGNSS(o)
		for s := 0; s < 900; s += 7 {
			at := time.Date(2026, 12, 31, 23, 55, 0, 250e6, time.UTC).Add(time.Duration(s) * time.Second)
			want, seen := g.At(at), map[string]int{}
			for _, p := range parseAll(t, string(g.Append(nil, at))) {
				seen[p.kind]++
				f := p.fields
				switch p.kind {
				case "$GNRMC":
					wantNear(t, "lat", degrees(t, f[2], f[3]), want.Lat, 1e-7)
					wantNear(t, "lon", degrees(t, f[4], f[5]), want.Lon, 1e-7)
					wantNear(t, "speed", number(t, f[6])*1852/3600, want.Speed, 0.001)
					wantNear(t, "course", number(t, f[7]), want.Course, 0.0051)
					when, err := time.Parse("020106150405.00", f[8]+f[0])
					if err != nil || !when.Equal(at) || f[1] != "A" {
						t.Errorf("%v, %v, %s, want %v, A", when, err, f[1], at)
					}
				case "$GNGGA":
					wantNear(t, "lat", degrees(t, f[1], f[2]), want.Lat, 1e-7)
					wantNear(t, "alt", number(t, f[8]), want.Alt, 0.051)
					wantNear(t, "satellites", number(t, f[6]), float64(want.Satellites), 0)
					if f[5] != "1" || len(f) != 14 {
						t.Errorf("GGA: %v", f)
					}
				case "$GNGSA":
					wantNear(t, "hdop", number(t, f[15]), want.HDOP, 0.0051)
					if f[1] != "3" || len(f) != 17 {
						t.Errorf("GSA: %v", f)
					}
				case "$GNVTG":
					wantNear(t, "km/h", number(t, f[6])/3.6, want.Speed, 0.001)
				case "$GNZDA":
					if got := strings.Join(f[1:4], "-"); got != at.Format("02-01-2006") {
						t.Errorf("ZDA: %s, want %s", got, at.Format("02-01-2006"))
					}
				}
			}
			if seen["$GNRMC"] != 1 || seen["$GNGGA"] != 1 || seen["$GNGSA"] != 1 || seen["$GNGSV"] != 3 || seen["$GNVTG"] != 1 || seen["$GNZDA"] != 1 {
				t.Fatalf("sentences: %v", seen)
			}
		}
	}
}

// The course is the direction in which the position really moves.
func TestGNSSMovesAlongItsCourse(t *testing.T) {
	g := NewGNSS(DefaultGNSSOpts())
	at := time.Unix(1.7e9, 0)
	for range 100 {
		a, b := g.At(at.Add(-500*time.Millisecond)), g.At(at.Add(500*time.Millisecond))
		north := (b.Lat - a.Lat) * metresLat
		east := (b.Lon - a.Lon) * metresLon * math.Cos(a.Lat*math.Pi/180)
		f := g.At(at)
		wantNear(t, "speed", math.Hypot(north, east), f.Speed, 0.01)
		course := math.Mod(math.Atan2(east, north)*180/math.Pi+360, 360)
		wantNear(t, "course", math.Remainder(course-f.Course, 360), 0, 0.5)
		at = at.Add(8 * time.Second)
	}
}

func TestGNSSWithoutSky(t *testing.T) {
	g := NewGNSS(DefaultGNSSOpts())
	g.SetBlind(true)
	for _, p := range parseAll(t, string(g.Append(nil, time.Unix(1.7e9, 0)))) {
		f := p.fields
		switch p.kind {
		case "$GPRMC":
			if f[1] != "V" || f[2] != "" || f[7] != "" || len(f) != 12 {
				t.Errorf("RMC: %v", f)
			}
		case "$GPGGA":
			if f[5] != "0" || f[1] != "" || f[8] != "" || len(f) != 14 {
				t.Errorf("GGA: %v", f)
			}
		case "$GPGSA":
			if f[1] != "1" || f[2] != "" || len(f) != 17 {
				t.Errorf("GSA: %v", f)
			}
		case "$GPVTG":
			if f[0] != "" || f[8] != "N" || len(f) != 9 {
				t.Errorf("VTG: %v", f)
			}
		}
	}
}

func TestLines(t *testing.T) {
	fields := []Field{{"temperature", 2}, {"count", 0}}
	tests := map[LineFormat]string{
		CSV:      "-3.50,7\r\n",
		KeyValue: "temperature=-3.50 count=7\r\n",
		JSON:     "{\"temperature\":-3.50,\"count\":7}\r\n",
	}
	for format, want := range tests {
		l := NewLines(format, fields...)
		l.Set(0, -3.5)
		l.Set(1, 7)
		if got := string(l.Append(nil, time.Time{})); got != want {
			t.Errorf("format %d: %q, want %q", format, got, want)
		}
	}
}

func TestTalkerFaults(t *testing.T) {
	var out bytes.Buffer
	g := NewGNSS(DefaultGNSSOpts())
	at := time.Unix(1.7e9, 0)
	talk := NewTalker(&out, g, time.Second, func() time.Time { return at })
	say := func(f SerialFault) string {
		out.Reset()
		talk.SetFault(f)
		if err := talk.Say(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	whole := say(Clear)
	parseAll(t, whole)
	n := 0
	for line := range strings.Lines(say(Corrupt)) {
		if _, err := parse(line); err == nil {
			t.Errorf("%q is well formed", line)
		}
		n++
	}
	if want := strings.Count(whole, "\n"); n != want {
		t.Errorf("%d corrupt lines, want %d", n, want)
	}
	cut := say(Truncate)
	if !strings.HasPrefix(whole, cut) || strings.HasSuffix(cut, "\n") || strings.Count(cut, "\n") != n-1 {
		t.Errorf("truncated: %q", cut)
	}
	if got := say(Silence); got != "" {
		t.Errorf("silence: %q", got)
	}
	if got := talk.Said(); got != 3 {
		t.Errorf("%d bursts, want 3", got)
	}
}

func TestTalkerKeepsItsPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		talk := NewTalker(&out, NewLines(CSV, Field{"x", 0}), 250*time.Millisecond, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 1010*time.Millisecond)
		defer cancel()
		if err := talk.Run(ctx); err != nil {
			t.Error(err)
		}
		if got, want := out.String(), strings.Repeat("0\r\n", 5); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// A talker outlives its cable: silent while unplugged, back after.
func TestTalkerSurvivesReplug(t *testing.T) {
	p := newPTY(t)
	l := NewLines(KeyValue, Field{"x", 0})
	talk := NewTalker(p, l, time.Millisecond, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- talk.Run(ctx) }()
	for i := range 3 {
		l.Set(0, float64(i))
		port := openPort(t, p.Path())
		want, r := fmt.Sprintf("x=%d\r\n", i), bufio.NewReader(port)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if line == want {
				break
			}
		}
		if err := errors.Join(p.Unplug(), p.Replug()); err != nil {
			t.Fatal(err)
		}
		port.Close()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A capture of a real receiver arrives byte for byte through a PTY.
func TestPlayerPlaysCapture(t *testing.T) {
	capture, err := os.ReadFile("testdata/mtk-3329.log")
	if err != nil {
		t.Fatal(err)
	}
	want := capture[bytes.IndexByte(capture, '$'):]
	p := newPTY(t)
	port := openPort(t, p.Path())
	done := make(chan error)
	go func() {
		n, err := Player{SkipHeader: true}.Play(t.Context(), p, capture)
		if err == nil && n != len(want) {
			err = fmt.Errorf("%d bytes sent, want %d", n, len(want))
		}
		done <- err
	}()
	readText(t, port, string(want))
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestPlayerSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for baud, want := range map[int]time.Duration{4800: 10 * time.Second, 9600: 5 * time.Second, 115200: 4800 * 10 * time.Second / 115200} {
			var out bytes.Buffer
			begin := time.Now()
			if n, err := (Player{Baud: baud}).Play(t.Context(), &out, make([]byte, 4800)); n != 4800 || err != nil {
				t.Errorf("%d baud: %d, %v", baud, n, err)
			}
			if took := time.Since(begin); took < want*98/100 || took > want*102/100 {
				t.Errorf("%d baud: took %v, want %v", baud, took, want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if n, err := (Player{Baud: 9600}).Play(ctx, &bytes.Buffer{}, make([]byte, 4800)); !errors.Is(err, context.DeadlineExceeded) || n > 970 {
			t.Errorf("ended early: %d, %v", n, err)
		}
	})
}
