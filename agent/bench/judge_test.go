package bench

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	client "github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/agent/audit"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
)

// judge reads the streams: the balance, how fast the backlog came, and how long
// live frames took during that and after it.
func (d *drain) judge(config string, idle time.Time) {
	t := d.t
	t.Helper()
	out, err := exec.Command(d.telhub, "audit", "--config", config, "--json", "--whole").Output()
	var r audit.Report
	if e := json.Unmarshal(out, &r); e != nil || err != nil || len(r.Devices) != 1 {
		t.Fatalf("audit: %v, %v\n%s", err, e, out)
	}
	dev := &r.Devices[0]
	if !r.Balanced || dev.Lost != 0 || dev.Unknown != 0 || uint64(dev.Delivered) < d.samples {
		t.Errorf("audit: %d samples delivered, %d declared lost, %d unknown, %d unexplained; %d were spooled",
			dev.Delivered, dev.Lost, dev.Unknown, r.Unexplained, d.samples)
	}
	var backlog int64
	for _, l := range dev.Lanes {
		if l.Lane == "backfill" {
			backlog = l.Samples
		}
	}
	const key = "telhub:{0}:backfill"
	first, last := d.at(d.ctl.XRangeN(t.Context(), key, "-", "+", 1)), d.at(d.ctl.XRevRangeN(t.Context(), key, "+", "-", 1))
	rate := float64(backlog) / float64(max(last-first, 1)) * 1e3
	during := d.live(first, last)
	still := d.live(idle.UnixMilli(), 1<<62)
	latest := len(d.rates.reference) - 1
	reference, bare, reading := d.rates.reference[latest], d.rates.bare[latest], d.rates.reading[latest]
	d.rates.drain, d.rates.share = append(d.rates.drain, rate), append(d.rates.share, rate/reading)
	d.rates.times = append(d.rates.times, rate/reference)
	d.idle.add(still)
	d.during.add(during)
	t.Logf("redis-benchmark %.0f/s; bare loop %.1fM samples/s, reading %.1fM; drain of %d in %d ms, %.1fM samples/s; audit: %d delivered, balanced %v",
		reference, bare/1e6, reading/1e6, backlog, last-first, rate/1e6, dev.Delivered, dev.Balanced)
	t.Logf("  idle: first %s; last %s", summary(still.first), summary(still.last))
	t.Logf("  draining: first %s; last %s", summary(during.first), summary(during.last))
}

func (l *latency) add(o latency) {
	l.first, l.last = append(l.first, o.first...), append(l.last, o.last...)
}

// at is when the server took an entry, in milliseconds.
func (d *drain) at(cmd *client.XMessageSliceCmd) int64 {
	d.t.Helper()
	all, err := cmd.Result()
	if err != nil || len(all) == 0 {
		d.t.Fatalf("stream: %d entries, %v", len(all), err)
	}
	return millisOf(d.t, all[0].ID)
}

func millisOf(t testing.TB, id string) int64 {
	t.Helper()
	text, _, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// live is how long the live frames took that were sampled and accepted between
// two instants.
func (d *drain) live(from, to int64) (l latency) {
	d.t.Helper()
	all, err := d.ctl.XRange(d.t.Context(), "telhub:{0}:live", fmt.Sprint(from), fmt.Sprint(to)).Result()
	if err != nil {
		d.t.Fatal(err)
	}
	for _, x := range all {
		e, err := redis.ParseEntry(x.Values)
		if err != nil {
			d.t.Fatal(err)
		}
		if e.Quality == frame.Unset.String() {
			e.T0, e.T1 = e.T0+wallOffset(), e.T1+wallOffset()
		}
		if e.T0 < from {
			continue // of the outage
		}
		accepted := millisOf(d.t, x.ID)
		l.first = append(l.first, time.Duration(accepted-e.T0)*time.Millisecond)
		l.last = append(l.last, time.Duration(accepted-e.T1)*time.Millisecond)
	}
	return l
}

// garbage is what the printed worst case does not count: a collection begins
// when the heap has doubled, so what polling the agent's HTTP allocates, as this
// test does, may lie about.
const garbage = 4 << 20

// over is the median and the range of numbers.
func over(all []float64) spread {
	i := -1
	return (&Report{Rounds: make([]Round, len(all))}).over(func(*Round) float64 { i++; return all[i] })
}

func (d *drain) report() {
	t := d.t
	t.Helper()
	t.Logf("redis-benchmark XADD -P 256, operations/s   %s", over(d.rates.reference))
	t.Logf("bare loop over the same batches, samples/s  %s", over(d.rates.bare))
	t.Logf("  that reads them from the store            %s", over(d.rates.reading))
	t.Logf("drain, samples/s                            %s", over(d.rates.drain))
	t.Logf("  of the loop that reads                    %s", over(d.rates.share))
	t.Logf("  for each operation of redis-benchmark     %s", over(d.rates.times))
	t.Logf("live, first stamp to accepted: idle     %s", summary(d.idle.first))
	t.Logf("                               draining %s", summary(d.during.first))
	t.Logf("live, last stamp to accepted:  idle     %s", summary(d.idle.last))
	t.Logf("                               draining %s", summary(d.during.last))
	t.Logf("anonymous memory, MB: outage %.1f, drain %.1f, idle %.1f; budget %.1f",
		float64(d.anon[0])/1e6, float64(d.anon[1])/1e6, float64(d.anon[2])/1e6, float64(d.budget)/1e6)
	if most := max(d.anon[0], d.anon[1], d.anon[2]); most > d.budget+garbage {
		t.Errorf("anonymous memory of %d bytes exceeds the printed worst case, %d, by more than %d", most, d.budget, garbage)
	}
	if !full() {
		return
	}
	if share := over(d.rates.share).median; share < .35 { // four fifths, less what passing jobs between goroutines costs
		t.Errorf("the drain has %.2f of the speed of a loop that reads and appends, want .35", share)
	}
	if still, during := quantile(d.idle.first, .99), quantile(d.during.first, .99); during > 2*still {
		t.Errorf("p99 of live frames is %v while draining and %v in idle, want twice that at most", during, still)
	}
}
