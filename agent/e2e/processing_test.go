package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/httpapi"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// boxFields are what the box measures. n and ref's n number the lines; nothing
// is done with them, so that each line's stamp is in the streams.
var boxFields = []string{"n", "off", "hum", "cal", "fah", "med", "avg", "rnd", "dead", "lim", "hid", "alm", "agg", "watt"}

// boxTables is what is done with them. evaluate_test.go computes the same.
const boxTables = `
[sensor.off]
offset = -0.4
scale = 1.02
unit = "Cel"
[sensor.cal]
calibrate = [[77.0, 75.3], [10.9, 11.3], [40, 41]]
[sensor.fah]
unit = "Cel"
[sensor.fahrenheit]
value = "fah"
scale = 1.8
offset = 32
unit = "degF"
[sensor.med]
filter = "median 5"
[sensor.avg]
filter = ["mean 8"]
[sensor.rnd]
filter = "round 1"
[sensor.dead]
send = { change = 0.5, every = "2500ms" }
[sensor.lim]
valid = [0, 50]
[sensor.hid]
valid = [0, 50]
send = false
[sensor.alm]
alarm = { high = 30, clear = 28 }
[sensor.agg]
send = false
aggregate = { window = "2s", of = ["mean", "min", "max", "count", "last", "stddev"] }
[sensor.dew]
value = "dewpoint(off, hum)"
unit = "Cel"
[sensor.diff]
value = "off - {ref/t}"
[sensor.twice]
value = "2 * lim"
[sensor.energy]
value = "integral(watt) / 3600"
unit = "Wh"
`

// reading is one line of the box, or of ref, in the order in which they were
// said. All values are decimals of one or two places, kept as whole numbers.
type reading struct {
	ref   bool
	n     int            // number of the line within its device
	t     int            // ref: tenths
	v     map[string]int // box: tenths; rnd hundredths
	stamp int64          // as the streams have it, ms
}

// draw makes a box's line.
func draw(r *rand.Rand, n int) reading {
	v := map[string]int{
		"off": -100 + r.IntN(500), "hum": 50 + r.IntN(950), "cal": r.IntN(1000), "fah": -400 + r.IntN(1000),
		"med": r.IntN(100), "avg": r.IntN(1000), "rnd": r.IntN(10000), "lim": 10 + r.IntN(480), "hid": 10 + r.IntN(480),
		"agg": r.IntN(1000), "watt": r.IntN(20000), "dead": r.IntN(4), "alm": 200 + 10*r.IntN(20),
	}
	if r.IntN(12) == 0 {
		v["dead"] += 5 * r.IntN(3) // a step, now and then of exactly the limit
	}
	for _, name := range []string{"lim", "hid"} {
		switch r.IntN(8) {
		case 0:
			v[name] = []int{-1, 501}[r.IntN(2)] // just outside
		case 1:
			v[name] = []int{0, 500}[r.IntN(2)] // just inside
		}
	}
	return reading{n: n, v: v}
}

// line writes it as the device does.
func (x *reading) line() string {
	if x.ref {
		return fmt.Sprintf(`{"n":%d,"t":%s}`, x.n, decimal(x.t, 10))
	}
	text := fmt.Sprintf(`{"n":%d`, x.n)
	for _, f := range boxFields[1:] {
		text += fmt.Sprintf(`,"%s":%s`, f, decimal(x.v[f], places(f)))
	}
	return text + "}"
}

func places(field string) int {
	if field == "rnd" {
		return 100
	}
	return 10
}

// decimal writes v/unit.
func decimal(v, unit int) string {
	sign := ""
	if v < 0 {
		sign, v = "-", -v
	}
	if unit == 100 {
		return fmt.Sprintf("%s%d.%02d", sign, v/100, v%100)
	}
	return fmt.Sprintf("%s%d.%d", sign, v/10, v%10)
}

// What arrives is what an evaluation of what was said comes to that shares
// nothing with the agent, value for value; and the books balance.
func TestProcessedValuesAreRight(t *testing.T) {
	for _, encoding := range []string{"senml", "compact"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			processed(t, encoding)
		})
	}
}

func processed(t *testing.T, encoding string) {
	srv := redistest.Start(t)
	box, ref, r := newTeller(t, "box"), newTeller(t, "ref"), dice(t)
	n := newNode(t)
	n.configure(n.config(settings{
		redis: srv.URL(), encoding: encoding, flush: "100ms", maxLoss: "1s",
		rest: box.config(`every = "1s"`, boxFields, boxTables) + ref.config(`every = "1s"`, []string{"n", "t"}, ""),
	}))
	n.start()
	var said []reading
	for begin := time.Now(); time.Since(begin) < pick(7*time.Second, 30*time.Second); {
		x, d := draw(r, int(box.said)), box
		if r.IntN(5) == 0 {
			x, d = reading{ref: true, n: int(ref.said), t: r.IntN(400)}, ref
		}
		d.say("%s", x.line())
		d.heed(n)
		said = append(said, x)
		wait(t, time.Duration(r.IntN(25))*time.Millisecond)
	}
	n.settled()
	offset := n.status().Clock.Offset
	running := n.status().Counters
	n.stop()

	a := readStreams(t, srv)
	e := &evaluation{audit: a, t: t, offset: offset, want: map[string][]point{}}
	e.stamps(said)
	e.evaluate(said)
	e.compare()
	n.wantBooks(a, e, running)
	t.Logf("%d lines, %d samples in %d frames", len(said), a.samples, a.frames())
}

// settled is drained for a node that processes: what is derived counts, too.
func (n *node) settled() {
	n.t.Helper()
	var last httpapi.Counters
	since := time.Now()
	eventually(n.t, "all samples delivered or withheld", func() bool {
		s := n.status()
		c := s.Counters
		idle := s.Uplink.State == "connected" && c.Stored == 0 && s.Queue.Size == 0 &&
			c.Acquired+c.Derived <= c.Delivered+c.DeclaredLost+c.Withheld // what was carried over is delivered, too
		if !idle || c != last {
			last, since = c, time.Now()
		}
		return time.Since(since) > 500*time.Millisecond
	})
}

// wantBooks compares what the agent counted with what was said and with what
// arrived.
func (n *node) wantBooks(a *audit, e *evaluation, running httpapi.Counters) {
	n.t.Helper()
	if got := int64(running.Acquired); got != e.acquired {
		n.t.Errorf("%d samples acquired, want %d", got, e.acquired)
	}
	// The end closes windows, which derives some more.
	if made := e.acquired + int64(running.Derived) - int64(running.Withheld); made > a.samples || made < a.samples-6 {
		n.t.Errorf("%+v while running, but the streams hold %d", running, a.samples)
	}
	all := n.summaries()
	last := all[len(all)-1]
	if last.Received != e.acquired || last.Delivered != a.samples || last.Stored+last.Lost != 0 {
		n.t.Errorf("the summary is %+v; %d samples were said, %d are in the streams", last, e.acquired, a.samples)
	}
	if last.Derived != e.derived || last.Withheld != e.withheld {
		n.t.Errorf("%d samples derived and %d withheld, want %d and %d", last.Derived, last.Withheld, e.derived, e.withheld)
	}
}
