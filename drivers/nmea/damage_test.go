package nmea

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

func TestTheReceiversClock(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"RMC", line(rmc1), "1994-03-23T12:35:19Z"},
		{"decimals", line("GNRMC,171926.25,A,4404.1,N,12118.8,W,,,180315,,,A"), "2015-03-18T17:19:26.25Z"},
		{"GGA and ZDA", lines(gga1, "GPZDA,123519.00,23,03,1994,00,00"), "1994-03-23T12:35:19Z"},
		{"ZDA first", lines("GPZDA,123519.00,23,03,1994,,", gga1), "1994-03-23T12:35:19Z"},
		{"ZDA of the next second, tomorrow", lines("GPGLL,4807.0,N,01131.0,E,235959,A,A", "GPZDA,000000.00,01,01,2025,,"), "2024-12-31T23:59:59Z"},
		{"ZDA of the second before, yesterday", lines("GPZDA,235959.00,31,12,2024,,", "GPGLL,4807.0,N,01131.0,E,000000,A,A"), "2025-01-01T00:00:00Z"},
		{"a rolled-over week is reported as it is", line("GPRMC,000430.00,A,4807.0,N,01131.0,E,,,220899,,,A"), "1999-08-22T00:04:30Z"},
		{"leap second", line("GPRMC,235960.00,A,4807.0,N,01131.0,E,,,311216,,,A"), "2017-01-01T00:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := newCollector(t).feed(tt.text, 5).idle(time.Second).d.Time()
			if s := got.UTC.Format(time.RFC3339Nano); !ok || s != tt.want || got.Stamp != 5 {
				t.Errorf("Time() = %s, stamp %d, %v; want %s, 5", s, got.Stamp, ok, tt.want)
			}
		})
	}
	for name, text := range map[string]string{
		"no fix":        line("GPRMC,123519,V,,,,,,,230394,,"),
		"no date":       line(gga1),
		"empty date":    line("GPRMC,123519,A,4807.0,N,01131.0,E,,,,,"),
		"no such day":   line("GPRMC,123519,A,4807.0,N,01131.0,E,,,310294,,"),
		"ZDA only":      line("GPZDA,123519.00,23,03,1994,,"),
		"fix, old date": line("GPZDA,123519.00,23,03,1994,,"),
	} {
		c := newCollector(t).feed(text, 5).idle(time.Second)
		if name == "fix, old date" {
			c.feed(line(gga1), 5+dateAge+1).idle(time.Second)
		}
		if got, ok := c.d.Time(); ok {
			t.Errorf("%s: Time() = %v, want none", name, got)
		}
	}
}

func TestDamageIsCountedAndDropped(t *testing.T) {
	good := line("GPGLL,4807.038,N,01131.000,E,123519,A")
	for _, tt := range []struct {
		name, text                string
		good, corrupt, incomplete int
	}{
		{"wrong checksum", strings.Replace(good, "4807", "4808", 1), 0, 1, 0},
		{"latitude beyond the pole", line("GPGLL,9007.038,N,01131.000,E,123519,A"), 0, 1, 0},
		{"61 minutes", line("GPGLL,4861.038,N,01131.000,E,123519,A"), 0, 1, 0},
		{"no hemisphere", line("GPGLL,4807.038,,01131.000,E,123519,A"), 0, 1, 0},
		{"latitude only", line("GPGLL,4807.038,N,,,123519,A"), 0, 1, 0},
		{"letters in a number", line("GPGLL,48O7.038,N,01131.000,E,123519,A"), 0, 1, 0},
		{"25 o'clock", line("GPGLL,4807.038,N,01131.000,E,253519,A"), 0, 1, 0},
		{"too few fields", line("GPRMC,123519,A"), 0, 1, 0},
		{"mode 7", line("GPGSA,A,7,,,,,,,,,,,,,1,1,1"), 0, 1, 0},
		{"endless", "$GPGLL," + strings.Repeat("1", 300) + "*00\r\n", 0, 1, 0},
		{"NUL inside", good[:20] + "\x00" + good[20:], 0, 0, 1},
		{"begun twice", good[:20] + strings.Replace(good, "4807", "4808", 1), 0, 1, 1},
		{"no second digit", good[:len(good)-3] + "\r\n", 0, 0, 1},
		{"proprietary and unknown", lines("PUBX,00,1", "PGRME,15.0,M", "GPXXX,1", "GPGPQ,RMC"), 4, 0, 0},
		{"longer than 82", line("GPTXT," + strings.Repeat("x", 200)), 1, 0, 0},
	} {
		c := newCollector(t).feed(tt.text, 1).idle(time.Second)
		if len(c.readings) != 0 {
			t.Errorf("%s: readings %v, want none", tt.name, c.readings)
		}
		got := c.d.Stats()
		want := Stats{Good: uint64(tt.good), Corrupt: uint64(tt.corrupt), Incomplete: uint64(tt.incomplete)}
		if got != want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, want)
		}
		c.feed(good, 2).idle(time.Second)
		c.expect("lat=48.1173 lon=11.5166667 fix=1")
	}
}

func TestFillersDoNotCostThePosition(t *testing.T) {
	c := newCollector(t).feed(lines(
		"GPRMC,123519,A,4807.038,N,01131.000,E,---.-,999.9,230394,xx,W",
		"GPGGA,123519,4807.038,N,01131.000,E,1,--,99.9,1789.5,F,nan,M,,"), 1).idle(time.Second)
	c.expect("lat=48.1173 lon=11.5166667 fix=1")
}

func TestAMissingChecksumIsForgivenToThoseWhoNeverSendOne(t *testing.T) {
	depth := line("SDDBT,7.7,f,2.3,M,1.3,F")
	bare := "$SDDBT,7.7,f,2.3,M,1.3,F\r\n"
	c := newCollector(t).feed(bare, 1).idle(time.Second)
	c.expect("depth=2.3")
	c = newCollector(t).feed(depth+bare, 1).idle(time.Second)
	c.expect("depth=2.3")
	if got := c.d.Stats(); got.Good != 1 || got.Incomplete != 1 {
		t.Errorf("%+v, want the bare one to be incomplete", got)
	}
}

func TestResetForgetsWhatIsHalfReceived(t *testing.T) {
	text := lines(gga1, rmc1)
	c := newCollector(t).feed(text[:len(text)-10], 1)
	c.d.Reset()
	c.feed(text[len(text)-10:], 2).idle(time.Second).expect()
	if good, corrupt := c.d.Counts(); good != 1 || corrupt != 0 {
		t.Errorf("Counts() = %d, %d after Reset; want 1, 0: they count since the start", good, corrupt)
	}
}

func TestTheRoundingKeepsPositionsApart(t *testing.T) {
	// Neighbours at each number of decimals must not become equal.
	for places := range 8 {
		last := math.Inf(-1)
		for i := range 50 {
			minutes := 7 + float64(i)*math.Pow10(-places)
			text := fmt.Sprintf("%.*f", places, minutes)
			if minutes < 10 {
				text = "0" + text
			}
			c := newCollector(t).feed(line("GPGLL,48"+text+",N,01131.0000000,E,123519,A"), 1).idle(time.Second)
			if got := c.readings[0]["lat"]; got <= last {
				t.Fatalf("%d decimals: %s gives %v after %v", places, text, got, last)
			}
			last = c.readings[0]["lat"]
		}
	}
}

func TestOutputsAreNamedAndFit(t *testing.T) {
	out := New().Outputs()
	if len(out) != numOutputs || len(out) > drivers.MaxOutputs {
		t.Fatalf("%d outputs", len(out))
	}
	seen := map[string]bool{}
	for i, o := range out {
		if o.Name == "" || seen[o.Name] {
			t.Errorf("output %d: name %q is empty or doubled", i, o.Name)
		}
		seen[o.Name] = true
	}
}
