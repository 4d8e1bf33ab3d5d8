package e2e

import (
	"math"
	"slices"
	"testing"
)

// evaluation computes what must be in the streams from what was said. It knows
// the configuration of processing_test.go only, and computes in the plainest
// way: with whole numbers where the decimals are, and over slices of all values.
//
// Two things depend on the instant at which a line came, which the streams have
// in milliseconds only: on which side of an instant a value was. Within edge
// of one the evaluation takes over what arrived.
type evaluation struct {
	*audit
	t      *testing.T
	offset int64 // Unix time minus time since boot, ms
	want   map[string][]point

	acquired, derived, withheld int64 // samples
}

// point is a value at a stamp, or a word.
type point struct {
	at   int64
	v    float64
	text string
}

const edge = 3 // ms

// stamps finds when each line came by its number.
func (e *evaluation) stamps(said []reading) {
	at := map[string]map[int]int64{"box/n": {}, "ref/n": {}}
	for name, byLine := range at {
		for _, s := range e.values[name] {
			byLine[int(s.Value)] = s.Millis
		}
	}
	for i := range said {
		x := &said[i]
		name := "box/n"
		if x.ref {
			name = "ref/n"
		}
		stamp, ok := at[name][x.n]
		if !ok {
			e.t.Fatalf("line %d of %s is missing", x.n, name)
		}
		x.stamp = stamp
	}
}

func (e *evaluation) add(name string, at int64, v float64) {
	e.want[name] = append(e.want[name], point{at: at, v: v})
}

func (e *evaluation) word(name string, at int64, text string) {
	e.want[name] = append(e.want[name], point{at: at, text: text})
}

// evaluate goes through all lines. Numbers of samples that are derived or
// withheld follow from what was wanted.
func (e *evaluation) evaluate(said []reading) {
	var box []reading
	var ref *reading
	var off *float64
	for i := range said {
		x := &said[i]
		if x.ref {
			ref = x
			e.add("ref/n", x.stamp, float64(x.n))
			e.add("ref/t", x.stamp, float64(x.t)/10)
			e.acquired += 2
		} else {
			box = append(box, *x)
			v := (float64(x.v["off"])/10 - 0.4) * 1.02
			off = &v
			e.stateless(x, v)
			e.acquired += int64(len(boxFields))
		}
		if ref != nil && off != nil {
			e.add("box/diff", x.stamp, *off-float64(ref.t)/10)
			e.derived++
		}
	}
	e.filters(box)
	e.deadband(box)
	e.limits(box, "lim", true)
	e.limits(box, "hid", false)
	e.alarm(box)
	e.energy(box)
	e.windows(box)
}

// stateless is what each line of the box comes to by itself.
func (e *evaluation) stateless(x *reading, off float64) {
	hum := float64(x.v["hum"]) / 10
	e.add("box/n", x.stamp, float64(x.n))
	e.add("box/off", x.stamp, off)
	e.add("box/hum", x.stamp, hum)
	e.add("box/cal", x.stamp, calibrated(float64(x.v["cal"])/10))
	e.add("box/fah", x.stamp, float64(x.v["fah"])/10)
	e.add("box/fahrenheit", x.stamp, float64(x.v["fah"])*9/50+32)
	e.add("box/rnd", x.stamp, float64((x.v["rnd"]+5)/10)/10)
	e.add("box/watt", x.stamp, float64(x.v["watt"])/10)
	// The temperature at which the pressure of saturated vapour, after Magnus,
	// is the one that there is: found by bisection.
	pressure := hum / 100 * magnus(off)
	low, high := -150.0, 100.0
	for range 100 {
		if mid := (low + high) / 2; magnus(mid) < pressure {
			low = mid
		} else {
			high = mid
		}
	}
	e.add("box/dew", x.stamp, low)
	e.derived += 2
}

// magnus is the pressure of saturated vapour over water, hPa: WMO-No. 8, annex 4.B.
func magnus(t float64) float64 { return 6.112 * math.Exp(17.62*t/(243.12+t)) }

// calibrated are the three points of the configuration, as two lines.
func calibrated(v float64) float64 {
	if v < 40 {
		return 11.3 + (v-10.9)*(41-11.3)/(40-10.9)
	}
	return 41 + (v-40)*(75.3-41)/(77-40)
}

func (e *evaluation) filters(box []reading) {
	for i := range box {
		var five, eight []int
		for _, x := range box[max(0, i-4) : i+1] {
			five = append(five, x.v["med"])
		}
		for _, x := range box[max(0, i-7) : i+1] {
			eight = append(eight, x.v["avg"])
		}
		slices.Sort(five)
		k := len(five)
		e.add("box/med", box[i].stamp, float64(five[(k-1)/2]+five[k/2])/20)
		sum := 0
		for _, v := range eight {
			sum += v
		}
		e.add("box/avg", box[i].stamp, float64(sum)/float64(10*len(eight)))
	}
}

// deadband: a value goes when it is 0.5 or more from the last that went, or
// when it is the one nearest to 2.5 s after it.
func (e *evaluation) deadband(box []reading) {
	arrived := map[int64]bool{}
	for _, s := range e.values["box/dead"] {
		arrived[s.Millis] = true
	}
	var last *reading
	for i := range box {
		x := &box[i]
		send := last == nil
		if !send {
			d := x.v["dead"] - last.v["dead"]
			beyond := x.stamp - last.stamp + (x.stamp-box[i-1].stamp)/2 - 2500
			send = d >= 5 || d <= -5 || beyond >= 0
			if d < 5 && d > -5 && beyond >= -edge && beyond <= edge {
				send = arrived[x.stamp]
			}
		}
		if !send {
			e.withheld++
			continue
		}
		e.add("box/dead", x.stamp, float64(x.v["dead"])/10)
		last = x
	}
}

// limits: what lies outside of 0 to 50 is bad, and what is derived from it too.
func (e *evaluation) limits(box []reading, name string, sent bool) {
	bad := false
	for _, x := range box {
		v := float64(x.v[name]) / 10
		if out := x.v[name] < 0 || x.v[name] > 500; out != bad {
			bad = out
			word := map[bool]string{true: "bad", false: "ok"}[bad]
			e.word("box/"+name+"/status", x.stamp, word)
			e.derived++
			if sent {
				e.word("box/twice/status", x.stamp, word)
				e.derived++
			}
		}
		switch {
		case bad || !sent:
			e.withheld++
		default:
			e.add("box/"+name, x.stamp, v)
			e.add("box/twice", x.stamp, 2*v)
			e.derived++
		}
	}
}

func (e *evaluation) alarm(box []reading) {
	high := false
	for _, x := range box {
		v := x.v["alm"]
		e.add("box/alm", x.stamp, float64(v)/10)
		if !high && v >= 300 || high && v <= 280 {
			high = !high
			e.word("box/alm/alarm", x.stamp, map[bool]string{true: "high", false: "clear"}[high])
			e.derived++
		}
	}
}

// energy is the trapezoidal sum. Its stamps are rounded: compare allows for it.
func (e *evaluation) energy(box []reading) {
	var sum float64
	for i, x := range box {
		if i > 0 {
			p := &box[i-1]
			sum += float64(x.v["watt"]+p.v["watt"]) / 20 * float64(x.stamp-p.stamp) / 1000
		}
		e.add("box/energy", x.stamp, sum/3600)
		e.derived++
	}
}

// windows takes from the streams how many values each window has, checks that
// by their stamps, and computes all statistics of them.
func (e *evaluation) windows(box []reading) {
	e.withheld += int64(len(box))
	rest := box
	for i, c := range e.values["box/agg_count_2s"] {
		k := int(c.Value)
		if k < 1 || k > len(rest) {
			e.t.Fatalf("window %d of %d has %d values, %d are left", i, len(e.values["box/agg_count_2s"]), k, len(rest))
		}
		in := rest[:k]
		rest = rest[k:]
		first, last := in[0].stamp-e.offset, in[k-1].stamp-e.offset // since boot
		end := c.Millis
		if len(rest) > 0 || end != in[k-1].stamp {
			if off := (end - e.offset + edge) % 2000; off > 2*edge {
				e.t.Errorf("window %d ends at %d since boot, which is no multiple of 2 s", i, end-e.offset)
			}
		}
		if floor := (last - edge) / 2000 * 2000; first < floor-edge || len(rest) > 0 && rest[0].stamp-e.offset < floor+2000-edge {
			e.t.Errorf("window %d holds values from %d to %d, and the next is of %d", i, first, last, rest[0].stamp-e.offset)
		}
		e.statistics(in, end)
	}
	if len(rest) > 0 {
		e.t.Errorf("%d values are in no window", len(rest))
	}
}

func (e *evaluation) statistics(in []reading, end int64) {
	k := float64(len(in))
	low, high, sum := math.Inf(1), math.Inf(-1), 0
	for _, x := range in {
		v := float64(x.v["agg"]) / 10
		low, high = min(low, v), max(high, v)
		sum += x.v["agg"]
	}
	mean := float64(sum) / 10 / k
	var squares float64
	for _, x := range in {
		d := float64(x.v["agg"])/10 - mean
		squares += d * d
	}
	e.add("box/agg_count_2s", end, k)
	e.add("box/agg_mean_2s", end, mean)
	e.add("box/agg_min_2s", end, low)
	e.add("box/agg_max_2s", end, high)
	e.add("box/agg_last_2s", end, float64(in[len(in)-1].v["agg"])/10)
	e.derived += 5
	if k > 1 {
		e.add("box/agg_stddev_2s", end, math.Sqrt(squares/(k-1)))
		e.derived++
	}
}

// compare wants each channel to hold what was computed, in that order, and no
// other channel.
func (e *evaluation) compare() {
	e.t.Helper()
	got := map[string][]point{}
	for name, list := range e.values {
		for _, s := range list {
			got[name] = append(got[name], point{at: s.Millis, v: s.Value})
		}
	}
	for name, list := range e.texts {
		for _, s := range list {
			got[name] = append(got[name], point{at: s.Millis, text: s.Text})
		}
	}
	for name := range got {
		if e.want[name] == nil {
			e.t.Errorf("%s is in the streams, %d times, and must not", name, len(got[name]))
		}
	}
	for name, want := range e.want {
		if len(got[name]) != len(want) {
			e.t.Errorf("%s is in the streams %d times, want %d", name, len(got[name]), len(want))
		}
		for i := range min(len(want), len(got[name])) {
			g, w := got[name][i], want[i]
			if g.text != w.text || g.at != w.at || math.Abs(g.v-w.v) > tolerance(name, w.v, i) {
				e.t.Errorf("%s, number %d of %d: %+v, want %+v", name, i, len(want), g, w)
				break
			}
		}
	}
}

// tolerance: what lines came at was rounded to milliseconds, so an energy of up
// to 2 kW may be off by half of one at either end of each step.
func tolerance(name string, v float64, steps int) float64 {
	if name == "box/energy" {
		return float64(steps+1) * 2000 * 0.001 / 3600
	}
	return 1e-9 * max(1, math.Abs(v))
}
