package agent

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/clock"
)

// The rates of the tests: 1, 20 and 5,000 samples/s.
var (
	slow  = outage{sensors: 1, outputs: 1, every: time.Second, maxLoss: 5 * time.Second}
	usual = outage{sensors: 5, outputs: 4, every: time.Second, maxLoss: 5 * time.Second}
	fast  = outage{sensors: 25, outputs: 4, every: 20 * time.Millisecond, maxLoss: 5 * time.Second}
)

// A day without Redis at 20 samples/s; with TELHUB_FLASH_DIR the device's own
// counters say so, too.
func TestADayStaysInsideItsFlashBudget(t *testing.T) {
	const budget = 20_000_000
	o := usual
	o.budget = budget
	hours := 24.0
	if raceEnabled {
		hours = 6 // it takes fifteen times as long then
	}
	x := o.run(t, time.Duration(hours)*time.Hour)
	t.Logf("%d samples in %d commits: %d bytes given to write calls, %d by the books, %d on the device; window %v, widest %v",
		x.samples, x.commits, x.own, x.metered, x.device, x.window, x.widest)
	if x.metered > budget || x.own > budget || x.metered < int64(budget*hours/24*8/10) {
		t.Errorf("%d bytes by the books, %d given to write calls, want nearly %d", x.metered, x.own, budget)
	}
	if os.Getenv("TELHUB_FLASH_DIR") != "" && (x.device > budget || x.device == 0) {
		t.Errorf("%d bytes on the device, want at most %d", x.device, budget)
	}
	if least := uint64((hours - 0.2) * 3600 * o.rate()); x.samples < least {
		t.Errorf("%d samples stored, want at least %d", x.samples, least)
	}
}

// What a sample costs, by rate and loss window. It needs a file system that
// nobody else writes to; docs/flash.md says how to make one.
func TestWhatASampleCostsFlash(t *testing.T) {
	if os.Getenv("TELHUB_FLASH_DIR") == "" {
		slow.run(t, 10*time.Minute) // it works at all
		return
	}
	for _, c := range []struct {
		name string
		o    outage
		d    time.Duration
	}{{"1/s", slow, time.Hour}, {"20/s", usual, time.Hour}, {"5000/s", fast, 10 * time.Minute}} {
		for _, maxLoss := range []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute} {
			o := c.o
			o.maxLoss = maxLoss
			x := o.run(t, max(c.d, 30*maxLoss))
			n, payload := float64(x.samples), float64(x.payload)
			t.Logf("%-7s max_loss %-5v: %8d samples, %5d commits %6.1fs apart, payload %5.2f B/sample, write calls %8.1f, device %8.1f B/sample = %6.1f x payload, %6.0f B/commit (write calls %6.0f), books/device %.2f, %d segments",
				c.name, maxLoss, x.samples, x.commits, n/o.rate()/float64(x.commits), payload/n, float64(x.own)/n, float64(x.device)/n,
				float64(x.device)/payload, float64(x.device)/float64(x.commits), float64(x.own)/float64(x.commits), float64(x.metered)/float64(x.device), x.segments)
		}
	}
}

// The size of segments hardly matters for what a sample costs: only where
// samples are many does a segment fill at all, and there a new one costs little
// beside them.
func TestSegmentSizeHardlyMatters(t *testing.T) {
	if os.Getenv("TELHUB_FLASH_DIR") == "" {
		o := fast
		o.segment = 256 << 10
		if x := o.run(t, 2*time.Minute); x.segments < 1 {
			t.Errorf("%+v", x)
		}
		return
	}
	for _, c := range []struct {
		o       outage
		maxLoss time.Duration
		d       time.Duration
	}{{slow, 5 * time.Second, time.Hour}, {usual, 5 * time.Minute, 3 * time.Hour}, {fast, 5 * time.Second, 20 * time.Minute}, {fast, 2 * time.Minute, 40 * time.Minute}} {
		least, most := math.Inf(1), 0.0
		for _, segment := range []int64{512 << 10, 1 << 20, 4 << 20, 16 << 20} {
			o := c.o
			o.maxLoss, o.segment = c.maxLoss, segment
			x := o.run(t, c.d)
			bytes := float64(x.device) / float64(x.samples)
			least, most = min(least, bytes), max(most, bytes)
			t.Logf("%5.0f/s max_loss %-5v segments of %5d kB: device %8.2f B/sample, write calls %8.2f, %d segments",
				o.rate(), c.maxLoss, segment>>10, bytes, float64(x.own)/float64(x.samples), x.segments)
		}
		if most > 1.35*least {
			t.Errorf("%.0f/s: from %.3g to %.3g bytes a sample", c.o.rate(), least, most)
		}
	}
}

// check's estimate for that day is what the day then comes to, with real
// sensors' noise allowed for.
func TestTheEstimateIsWhatADayComesTo(t *testing.T) {
	p := usual.plan()
	b := Budget{Pending: pendingBytes, PayloadPerSecond: sampleBytes * usual.rate(), channels: len(p.schema.Channels)}
	window := b.stretched(20_000_000, usual.maxLoss)
	if window < 4*time.Minute || window > 10*time.Minute {
		t.Errorf("window is %v, want the 5 to 7 minutes of a simulated day or somewhat more", window)
	}
	for _, m := range []struct {
		o      outage
		window time.Duration
		device float64 // bytes a sample, measured
	}{
		{slow, 5 * time.Second, 4299}, {slow, 5 * time.Minute, 92},
		{usual, 5 * time.Second, 220}, {usual, 30 * time.Second, 42}, {usual, 5 * time.Minute, 6.6},
		{fast, 5 * time.Second, 2.7}, {fast, 2 * time.Minute, 0.6},
	} {
		p := m.o.plan()
		b := Budget{Pending: pendingBytes, PayloadPerSecond: sampleBytes * m.o.rate(), channels: len(p.schema.Channels)}
		got := b.flash(m.window) / day.Seconds() / m.o.rate()
		if got < m.device*0.8 || got > m.device*1.9 {
			t.Errorf("%v samples/s, %v: estimated %.3g bytes a sample, measured %v", m.o.rate(), m.window, got, m.device)
		}
	}
}

func TestContradictionsAreTold(t *testing.T) {
	cfg := rigConfig(t, "redis://127.0.0.1/0", "") // 65 samples/s
	for _, c := range []struct {
		budget  int64
		maxLoss time.Duration
		want    []string
	}{
		{0, time.Second, nil},
		{2_000_000_000, 5 * time.Second, nil},
		{20_000_000, time.Hour, nil},
		{50_000_000, 5 * time.Second, []string{"spool.max_loss = 5s costs about ", " at 65 samples/s, spool.flash_budget allows 50 MB", "commits come every ", "a power cut may cost "}},
		{1_000_000, 5 * time.Second, []string{"a power cut may cost 1h;", "spool.flash_budget = 1.0 MB cannot be kept", "samples are never given up"}},
	} {
		cfg.Spool.FlashBudget, cfg.Spool.MaxLoss = c.budget, c.maxLoss
		costs := cost(t, cfg)
		got := strings.Join(costs.Contradictions(cfg), "\n")
		if (got == "") != (c.want == nil) {
			t.Errorf("budget %d, max_loss %v: %q", c.budget, c.maxLoss, got)
		}
		wantParts(t, got, c.want...)
		if costs.Window < c.maxLoss || costs.Window > time.Hour {
			t.Errorf("budget %d, max_loss %v: window %v", c.budget, c.maxLoss, costs.Window)
		}
	}
}

// The agent as a whole: an outage with a budget that is used up, a restart,
// and an eMMC that is nearly worn out.
func TestAnAgentStretchesItsWindowAndKeepsThat(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "sys/block/mmcblk1/device")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"life_time": "0x02 0x0a\n", "pre_eol_info": "0x02\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := rigConfig(t, "redis://127.0.0.1:1/0", "")
	cfg.Spool.FlashBudget, cfg.Spool.MaxLoss = 1_000_000, time.Second
	r := newRigAt(t, cfg, root)
	stop := r.run(t)
	await(t, "a longer window", func() bool { return r.Status().Spool.LossWindow > 1 })
	s := r.Status()
	if s.Spool.FlashBudget != 1_000_000 || s.Spool.FlashDay == 0 || s.Spool.Commits >= s.Spool.LossWindow {
		t.Errorf("%+v", s.Spool)
	}
	var problems strings.Builder
	for _, p := range s.Problems {
		problems.WriteString(p.What + "; " + p.Do + "\n")
	}
	wantParts(t, problems.String(), "mmcblk1 has used 80 % of its spare blocks")
	_, values := scrape(r)
	for series, want := range map[string]string{
		"flash_budget_bytes": "1e+06", `flash_life_used_ratio{device="mmcblk1",type="a"}`: "0.2",
		`flash_life_used_ratio{device="mmcblk1",type="b"}`: "1", `flash_pre_eol{device="mmcblk1"}`: "2",
	} {
		if got := values[prefix+series]; got != want {
			t.Errorf("%s is %q, want %s", series, got, want)
		}
	}
	stop()
	wantParts(t, r.log.String(), `"max_loss":"1s","flash_budget":1000000`, "what a power cut may cost by spool.flash_budget")

	next := newRigAt(t, cfg, root)
	if next.cutWindow < 4*time.Second {
		t.Errorf("the next run takes the window to have been %v, want 4s or more", next.cutWindow)
	}
	if got := next.wear.governor.State(clock.Boottime(), false).Tokens; got >= 250_000-saveFlash {
		t.Errorf("the next run begins with %v in its bucket, although the last one has written", got)
	}
	next.run(t)()
}
