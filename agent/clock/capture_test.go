package clock

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/nmea"
	"github.com/telhub/telhub/uplink/frame"
)

// timedAt is where sentences have their time of day.
var timedAt = map[string]int{"RMC": 1, "GGA": 1, "GNS": 1, "GLL": 5}

// replay feeds a capture line by line to a decoder and its dates to a judge,
// as if each line had arrived late by 200 ms, of a boot that began at midnight.
func replay(t *testing.T, j *judge, name string) {
	t.Helper()
	data, err := os.ReadFile("../../drivers/nmea/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	d := nmea.New()
	var r drivers.Reading
	now := int64(1)
	hear := func(ok bool) {
		if ok && r.UTC != 0 {
			j.hear(r.UTC, r.Stamp)
		}
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(line, ",")
		if i, ok := timedAt[f[0][min(3, len(f[0])):]]; ok && i < len(f) && len(f[i]) >= 6 {
			if at, err := time.Parse("150405", strings.TrimSpace(strings.Split(f[i], "*")[0])); err == nil {
				now = at.Sub(at.Truncate(24*time.Hour)).Nanoseconds() + 200*ms
			}
		}
		for p := []byte(line); len(p) > 0; {
			n, ok := d.Feed(p, now, &r)
			p = p[n:]
			hear(ok)
		}
	}
	hear(d.Idle(time.Second, &r))
}

// Receivers as they are; the day of each capture is in gpsd's own decoding (of
// neo-m8n.log less the 1024 weeks that gpsd added). The last one lost its fix
// after a second or so, and then told 1999 with status V.
func TestRealReceivers(t *testing.T) {
	for name, date := range map[string]string{
		"neo-m8n.log":   "2015-03-18",
		"beidou-bd.log": "2015-02-25",
		"mtk-3329.log":  "2011-02-21",
	} {
		j := judge{notBefore: time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()}
		replay(t, &j, name)
		at, _ := time.Parse(time.DateOnly, date)
		got := j.dating()
		if late := at.UnixMilli() - got.Offset; got.Quality != frame.GNSS || late < 0 || late > 300 {
			t.Errorf("%s: %+v (%s), want gnss from %s", name, got, time.UnixMilli(got.Offset).UTC(), date)
		}
		j = judge{notBefore: built.UnixNano()}
		replay(t, &j, name)
		if j.known() || !strings.Contains(j.trouble(), "rolled over") {
			t.Errorf("%s: a date before the build was used, trouble %q", name, j.trouble())
		}
	}
	j := judge{notBefore: time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()}
	replay(t, &j, "gp-320fw-2019-04-07-coldboot.log")
	if j.known() || j.rx.refused != 0 {
		t.Errorf("dates without a fix were used, or judged: %+v, refused %d", j.dating(), j.rx.refused)
	}
}
