package nmea

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

// line adds checksum and line end to the body of a sentence.
func line(body string) string {
	var sum byte
	for i := range len(body) {
		sum ^= body[i]
	}
	return fmt.Sprintf("$%s*%02X\r\n", body, sum)
}

func lines(bodies ...string) string {
	var b strings.Builder
	for _, s := range bodies {
		b.WriteString(line(s))
	}
	return b.String()
}

// collector feeds text and keeps readings as maps from output name to value.
type collector struct {
	t        testing.TB
	d        *Decoder
	readings []map[string]float64
	stamps   []int64
}

func newCollector(t testing.TB) *collector { return &collector{t: t, d: New()} }

func (c *collector) keep(r *drivers.Reading) {
	m := map[string]float64{}
	for i, o := range c.d.Outputs() {
		if r.Has(i) {
			m[o.Name] = r.Values[i]
		}
	}
	c.readings = append(c.readings, m)
	c.stamps = append(c.stamps, r.Stamp)
}

func (c *collector) feed(s string, stamp int64) *collector {
	var r drivers.Reading
	for p := []byte(s); len(p) > 0; {
		n, ok := c.d.Feed(p, stamp, &r)
		p = p[n:]
		if ok {
			c.keep(&r)
		}
	}
	return c
}

func (c *collector) idle(d time.Duration) *collector {
	var r drivers.Reading
	if c.d.Idle(d, &r) {
		c.keep(&r)
	}
	return c
}

// expect compares all readings so far; each is "name=value name=value …".
func (c *collector) expect(want ...string) {
	c.t.Helper()
	if len(c.readings) != len(want) {
		c.t.Fatalf("%d readings, want %d: %v", len(c.readings), len(want), c.readings)
	}
	for i, w := range want {
		got := c.readings[i]
		fields := strings.Fields(w)
		if len(fields) != len(got) {
			c.t.Errorf("reading %d: got %v, want %q", i, got, w)
		}
		for _, f := range fields {
			name, text, _ := strings.Cut(f, "=")
			var v float64
			fmt.Sscan(text, &v)
			if g, has := got[name]; !has || g != v {
				c.t.Errorf("reading %d: %s = %v (%v), want %v", i, name, g, has, v)
			}
		}
	}
}

const (
	rmc1 = "GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W"
	gga1 = "GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"
	all1 = "lat=48.1173 lon=11.5166667 alt=545.4 speed=11.52 course=84.4 satellites=8 hdop=0.9 fix=1 geoid_separation=46.9 magnetic_variation=-3.1"
)

func TestTheSentencesOfAnInstantAreOneReading(t *testing.T) {
	// 22.4 knots are 11.5236 m/s; one decimal on the line, so three here.
	want := strings.Replace(all1, "speed=11.52", "speed=11.524", 1)
	for name, text := range map[string]string{
		"rmc first":              lines(rmc1, gga1),
		"gga first":              lines(gga1, rmc1),
		"repeated":               lines(gga1, rmc1, rmc1, gga1, rmc1),
		"time with decimals":     line(gga1) + line(strings.Replace(rmc1, "123519", "123519.00", 1)),
		"no line ends":           strings.ReplaceAll(lines(gga1, rmc1), "\r\n", ""),
		"doubled carriage":       strings.ReplaceAll(lines(gga1, rmc1), "\r\n", "\r\r\n"),
		"lower case checksums":   strings.ToLower(line(gga1)[len(gga1)+1:]) + line(gga1) + line(rmc1),
		"tag blocks":             `\s:GP0001,c:1577836800*12\` + line(gga1) + line(rmc1),
		"AIS between":            line(gga1) + "!AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0*7D\r\n" + line(rmc1),
		"partial sentence first": "9.2,M,46.9,M,,*5B\r\n" + lines(gga1, rmc1),
		"spaces in fields":       line(strings.Replace(gga1, ",08,", ", 8 ,", 1)) + line(rmc1),
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t).feed(text, 7).idle(EpochGap)
			c.expect(want)
			if c.stamps[0] != 7 {
				t.Errorf("stamp %d, want 7", c.stamps[0])
			}
		})
	}
}

func TestAnotherTimeEndsTheEpoch(t *testing.T) {
	c := newCollector(t).
		feed(line("GNGLL,4404.14066,N,12118.85481,W,171925.20,A,D"), 100).
		feed(line("GNRMC,171925.40,A,4404.14063,N,12118.85478,W,0.117,,180315,,,A"), 300).
		idle(time.Second)
	c.expect("lat=44.069011 lon=-121.3142468 fix=2", "lat=44.0690105 lon=-121.3142463 speed=0.0602 fix=1")
	if c.stamps[0] != 100 || c.stamps[1] != 300 {
		t.Errorf("stamps %v, want the arrival of each epoch's first byte", c.stamps)
	}
}

func TestSilenceEndsTheEpochAndTheRestComesWithoutRepetition(t *testing.T) {
	c := newCollector(t).feed(line(gga1), 1).idle(EpochGap - 1)
	c.expect()
	c.idle(EpochGap)
	c.expect("lat=48.1173 lon=11.5166667 alt=545.4 satellites=8 hdop=0.9 fix=1 geoid_separation=46.9")
	c.feed(lines(rmc1, gga1), 2).idle(EpochGap)
	c.expect("lat=48.1173 lon=11.5166667 alt=545.4 satellites=8 hdop=0.9 fix=1 geoid_separation=46.9",
		"speed=11.524 course=84.4 magnetic_variation=-3.1")
	now, ok := c.d.Time()
	if !ok || now.Stamp != 1 {
		t.Errorf("Time() = %+v, %v; want the stamp of the instant's first byte, 1", now, ok)
	}
}

func TestAStutterInsideASentenceDoesNotEndTheEpoch(t *testing.T) {
	text := lines(gga1, rmc1)
	half := len(text) - 20
	c := newCollector(t).feed(text[:half], 1).idle(500*time.Millisecond).feed(text[half:], 2).idle(EpochGap)
	if len(c.readings) != 1 {
		t.Fatalf("%d readings, want 1: %v", len(c.readings), c.readings)
	}
	// A second of silence is no stutter: the half sentence is given up.
	c = newCollector(t).feed(text[:half], 1).idle(time.Second)
	if len(c.readings) != 1 || c.d.Stats().Incomplete != 1 {
		t.Errorf("%d readings and %+v, want the epoch and one incomplete sentence", len(c.readings), c.d.Stats())
	}
}

func TestInvalidFixesGiveNoValues(t *testing.T) {
	for name, text := range map[string]string{
		"status V":              line("GPRMC,123519,V,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W"),
		"mode N":                line("GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,,,N"),
		"quality 0":             line("GPGGA,123519,4807.038,N,01131.000,E,0,,0.9,545.4,M,46.9,M,,"),
		"GNS without fix":       line("GNGNS,123519,4807.038,N,01131.000,E,NNN,,0.9,545.4,46.9,,"),
		"GLL with status V":     line("GPGLL,4807.038,N,01131.000,E,123519,V,N"),
		"V outweighs quality":   lines("GPGGA,123519,4807.038,N,01131.000,E,6,,0.9,545.4,M,46.9,M,,", "GPRMC,123519,V,4807.038,N,01131.000,E,022.4,084.4,230394,,,E"),
		"VTG with it":           lines("GPVTG,084.4,T,,M,022.4,N,041.5,K", "GPRMC,123519,V,,,,,,,230394,,,N"),
		"dilutions with it":     line("GPGGA,123519,,,,,0,,1.1,,,,,,"),
		"no time, no anything":  line("GPRMC,,V,,,,,,,,,,N"),
		"quality field missing": line("GPGGA,123519,4807.038,N,01131.000,E,,,,,M,,M,,"),
	} {
		t.Run(name, func(t *testing.T) {
			// A good fix before it, so that anything stale would show.
			c := newCollector(t).feed(strings.ReplaceAll(lines(gga1, rmc1), "123519", "123518"), 1).idle(time.Second)
			c.readings = nil
			c.feed(text, 2).idle(time.Second)
			c.expect("fix=0")
		})
	}
}

func TestAColdStartGivesOneReadingASecond(t *testing.T) {
	c := newCollector(t)
	for range 3 { // identical bursts: no time yet, and no pause seen between them
		c.feed(lines("GNRMC,,V,,,,,,,,,,N", "GNVTG,,,,,,,,,N", "GNGGA,,,,,,0,00,99.99,,,,,,",
			"GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99", "GPGSV,1,1,00", "GNGLL,,,,,,V,N"), 1)
	}
	c.idle(time.Second)
	want := "satellites=0 satellites_in_view=0 fix=0 mode=1"
	c.expect(want, want, want)
	if _, ok := c.d.Time(); ok {
		t.Error("Time() is known without a fix")
	}
}

func TestAFixWithoutTimeIsUsed(t *testing.T) {
	gga := "GPGGA,,4807.038,N,01131.000,E,1,,,,,,,,"
	c := newCollector(t).feed(lines(gga, gga), 1).idle(time.Second)
	c.expect("lat=48.1173 lon=11.5166667 fix=1", "lat=48.1173 lon=11.5166667 fix=1")
}

func TestAPositionThatNothingVouchesForIsNotUsed(t *testing.T) {
	newCollector(t).feed(line("GPGLL,4807.038,N,01131.000,E"), 1).idle(time.Second).expect()
}

func TestSeveralFixesASecondWithoutDecimals(t *testing.T) {
	c := newCollector(t).feed(lines(
		"GPGGA,123519,4807.038,N,01131.000,E,1,,,,,,,,", "GPRMC,123519,A,4807.038,N,01131.000,E,,,,,",
		"GPGGA,123519,4807.039,N,01131.000,E,1,,,,,,,,", "GPRMC,123519,A,4807.039,N,01131.000,E,,,,,"), 1).idle(time.Second)
	c.expect("lat=48.1173 lon=11.5166667 fix=1", "lat=48.1173167 lon=11.5166667 fix=1")
}

func TestAFrozenClockIsANewInstantAfterAWhile(t *testing.T) {
	c := newCollector(t)
	for i := range int64(8) { // a simulator that repeats one sentence every second
		c.feed(line("GPGLL,4807.038,N,01131.000,E,123519,A"), i*int64(time.Second)).idle(time.Second)
	}
	c.expect("lat=48.1173 lon=11.5166667 fix=1", "lat=48.1173 lon=11.5166667 fix=1")
}

func TestTheMostExactSourceWins(t *testing.T) {
	c := newCollector(t).feed(lines(
		"GPGLL,4807.03,N,01131.00,E,123519,A,A",
		"GPGGA,123519,4807.0381234,N,01131.0001234,E,4,12,0.5,545.44,M,46.9,M,,",
		"GNGNS,123519,4807.0381,N,01131.0001,E,RAN,17,0.5,545.4,46.9,,",
		"GNVTG,084.0,T,,M,022.0,N,040.7,K,A",
		"GNRMC,123519,A,4807.0381,N,01131.0001,E,022.40,084.42,230394,,,A,V"), 1).idle(time.Second)
	c.expect("lat=48.117302057 lon=11.516668723 alt=545.44 speed=11.524 course=84.42 satellites=17 hdop=0.5 fix=4 geoid_separation=46.9")
}

func TestSatelliteSystemsAreMerged(t *testing.T) {
	c := newCollector(t).feed(lines(
		"GNRMC,123519.00,A,4807.038,N,01131.000,E,,,230394,,,A",
		"GNGSA,A,3,01,11,31,14,,,,,,,,,1.56,0.91,1.27,1",
		"GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99,2",
		"GNGSA,A,3,67,83,,,,,,,,,,,1.56,0.91,1.27,3",
		"GPGSV,2,1,05,01,,,,02,,,,03,,,,04,,,,1", "GPGSV,2,2,05,05,,,,1",
		"GPGSV,1,1,03,01,,,,02,,,,03,,,,8", // the same satellites on L5
		"GLGSV,1,1,02,67,,,,83,,,,1", "GAGSV,1,1,00,7"), 1).idle(time.Second)
	c.expect("lat=48.1173 lon=11.5166667 satellites=6 satellites_in_view=7 hdop=0.91 pdop=1.56 vdop=1.27 fix=1 mode=3")
}

func TestSouthAndWestAreNegative(t *testing.T) {
	newCollector(t).feed(line("GPGLL,3454.3735960,S,07006.5000000,W,085001.00,A,A"), 1).idle(time.Second).
		expect("lat=-34.906226600 lon=-70.108333333 fix=1")
}

func TestInstruments(t *testing.T) {
	for body, want := range map[string]string{
		"SDDBT,7.7,f,2.3,M,1.3,F":               "depth=2.3",
		"SDDBT,7.7,f,,M,,F":                     "depth=2.347", // feet: 2.34696 m
		"SDDBT,,f,,M,1.3,F":                     "depth=2.377", // fathoms: 2.37744 m
		"SDDPT,2.4,-0.5":                        "depth=2.4 depth_offset=-0.5",
		"SDDPT,2.4,":                            "depth=2.4",
		"YXMTW,17.75,C":                         "water_temperature=17.75",
		"HEHDT,274.07,T":                        "heading=274.07",
		"HCHDM,093.8,M":                         "heading_magnetic=93.8",
		"HCHDG,358.5,3.0,E,1.5,W":               "heading_magnetic=1.5 magnetic_variation=-1.5",
		"HETHS,77.52,A":                         "heading=77.52",
		"TIROT,-12.5,A":                         "rate_of_turn=-12.5",
		"GPVTG,054.7,T,034.4,M,005.5,N,010.2,K": "speed=2.829 course=54.7",
		"GPVTG,054.7,034.4,005.5,010.2":         "speed=2.829 course=54.7",
		"GPVTG,054.7,T,,M,,N,010.2,K,D":         "speed=2.833 course=54.7",
		"WIXDR,C,22.5,C,TEMPAIR,P,1.0132,B,BARO,H,45.1,P,HUMI":                 "temperature=22.5 pressure=101320 humidity=45.1",
		"YXXDR,A,-1.5,D,Pitch,A,2.25,D,ROLL,P,101325,P,B":                      "pitch=-1.5 roll=2.25 pressure=101325",
		"IIXDR,C,17.7,C,WaterTemp,U,12.61,V,BATT,I,-3.2,A,B,T,1450,R,ENGINE#0": "water_temperature=17.7 voltage=12.61 current=-3.2 rotation=1450",
	} {
		c := newCollector(t).feed(line(body), 1).idle(time.Second)
		c.expect(want)
		if good, corrupt := c.d.Counts(); good != 1 || corrupt != 0 {
			t.Errorf("%s: counts %d, %d", body, good, corrupt)
		}
	}
	for _, body := range []string{"TIROT,-12.5,V", "HETHS,77.52,V", "SDDBT,,f,,M,,F", "HEHDT,,T", "GPVTG,,T,,M,0.1,N,0.2,K,N", "SDDPT,,", "WIXDR,G,1,,X"} {
		newCollector(t).feed(line(body), 1).idle(time.Second).expect()
	}
}

func TestAFastCompassBetweenFixes(t *testing.T) {
	c := newCollector(t).feed(lines(
		"GPGGA,123519,4807.038,N,01131.000,E,1,,,,,,,,", "HEHDT,10,T", "HEHDT,11,T",
		"GPRMC,123519,A,4807.038,N,01131.000,E,,,230394,,", "HEHDT,12,T"), 1).idle(time.Second)
	c.expect("lat=48.1173 lon=11.5166667 fix=1 heading=10", "heading=11", "heading=12")
}

func TestATransducerKeepsItsOutput(t *testing.T) {
	c := newCollector(t).feed(lines("WIXDR,C,20.0,C,AIR,C,80.0,C,ENGINE", "WIXDR,C,81.0,C,ENGINE", "WIXDR,C,20.5,C,AIR"), 1).idle(time.Second)
	c.expect("temperature=20", "temperature=20.5")
	if got := c.d.Stats().Unmapped; got != 2 {
		t.Errorf("Unmapped = %d, want 2", got)
	}
}
