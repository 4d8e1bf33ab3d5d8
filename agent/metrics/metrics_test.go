package metrics

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// sample is a registry with one of everything, filled with known values.
func sample() *Registry {
	r := new(Registry)
	lanes := r.Counter("telemetry_samples_forwarded_total", "Samples accepted by the server.", Label{"lane", "live"})
	lanes.Add(40)
	lanes.Inc()
	r.Counter("telemetry_samples_forwarded_total", "Samples accepted by the server.", Label{"lane", "alarm"}).Add(math.MaxUint64)
	g := r.Gauge("telemetry_queue_size", "Samples in the ring.")
	g.Set(12.5)
	g.Add(-2)
	r.Gauge("telemetry_sensor_up", "Whether the sensor answers.", Label{"sensor", "a \"b\"\\c\nd\xff"}).SetBool(true)
	r.GaugeFunc("telemetry_spool_oldest_seconds", "Age of the oldest frame,\nback\\slash.", func() float64 { return math.Inf(1) })
	r.CounterFunc("telemetry_retries_total", "Sends tried again.", func() float64 { return 3 })
	h := r.Histogram("telemetry_sample_delivery_duration_seconds", "Stamp to accepted.", []float64{0.5, 1, 2.5})
	for _, v := range []float64{0.25, 0.5, 0.75, 2, 100, math.NaN()} {
		h.Observe(v)
	}
	r.Histogram("telemetry_sensor_read_duration_seconds", "One read.", []float64{1}, Label{"sensor", "x"}).Observe(1)
	return r
}

func TestGolden(t *testing.T) {
	want, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	got := sample().AppendText([]byte("kept\n"))
	if !bytes.Equal(got, append([]byte("kept\n"), want...)) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestPromtool asks the reader of the format itself. Without it TestGolden,
// whose text promtool accepted, stands alone.
func TestPromtool(t *testing.T) {
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("promtool is not installed: the golden text alone is checked")
		return
	}
	r := sample()
	r.RegisterProcess(time.Now())
	cmd := exec.CommandContext(t.Context(), path, "check", "metrics")
	cmd.Stdin = bytes.NewReader(r.AppendText(nil))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

func TestProcess(t *testing.T) {
	if rss := residentBytes(); rss < 1<<20 || rss > 1<<34 {
		t.Errorf("resident memory %v bytes", rss)
	}
	if cpu := cpuSeconds(); cpu <= 0 || cpu > 3600 {
		t.Errorf("CPU time %v s", cpu)
	}
	if gcCycles() < 0 {
		t.Error("negative number of collections")
	}
}

func TestWrongNamesPanic(t *testing.T) {
	var r Registry
	r.Counter("a_total", "A.", Label{"x", "1"})
	tests := []struct {
		what string
		f    func()
	}{
		{"empty name", func() { r.Gauge("", "G.") }},
		{"digit first", func() { r.Gauge("9lives", "G.") }},
		{"colon", func() { r.Gauge("a:b", "G.") }},
		{"dash", func() { r.Gauge("a-b", "G.") }},
		{"no help", func() { r.Gauge("g", "") }},
		{"counter without _total", func() { r.Counter("a", "A.") }},
		{"gauge with _total", func() { r.Gauge("g_total", "G.") }},
		{"label le", func() { r.Gauge("g", "G.", Label{"le", "1"}) }},
		{"reserved label", func() { r.Gauge("g", "G.", Label{"__x", "1"}) }},
		{"label twice", func() { r.Gauge("g", "G.", Label{"x", "1"}, Label{"x", "2"}) }},
		{"series twice", func() { r.Counter("a_total", "A.", Label{"x", "1"}) }},
		{"other label names", func() { r.Counter("a_total", "A.", Label{"y", "1"}) }},
		{"other help", func() { r.Counter("a_total", "B.", Label{"x", "2"}) }},
		{"falling buckets", func() { r.Histogram("h", "H.", []float64{1, 1}) }},
		{"infinite bucket", func() { r.Histogram("h", "H.", []float64{math.Inf(1)}) }},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			defer func() {
				if msg, ok := recover().(string); !ok || !strings.HasPrefix(msg, "metrics: ") {
					t.Errorf("recovered %q, want a panic that begins with metrics:", msg)
				}
			}()
			tt.f()
		})
	}
}

func TestNoAllocation(t *testing.T) {
	var r Registry
	c, g := r.Counter("c_total", "C."), r.Gauge("g", "G.")
	h := r.Histogram("h_seconds", "H.", DurationBuckets())
	v := 0.0
	got := testing.AllocsPerRun(1000, func() {
		v += 0.01
		c.Inc()
		g.Set(v)
		h.Observe(v)
	})
	if got != 0 {
		t.Errorf("%v allocations an update, want 0", got)
	}
}

// TestConcurrent checks that nothing is lost, and that count and last bucket
// agree in each scrape, while others observe.
func TestConcurrent(t *testing.T) {
	var r Registry
	c := r.Counter("c_total", "C.")
	h := r.Histogram("h", "H.", []float64{1, 2})
	const workers, each = 4, 5000
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range each {
				c.Inc()
				h.Observe(float64(i % 4))
			}
		})
	}
	for range 50 {
		text := string(r.AppendText(nil))
		_, inf, _ := strings.Cut(text, `h_bucket{le="+Inf"} `)
		_, count, _ := strings.Cut(text, "h_count ")
		inf, _, _ = strings.Cut(inf, "\n")
		count, _, _ = strings.Cut(count, "\n")
		if inf != count {
			t.Fatalf("bucket +Inf %s, count %s", inf, count)
		}
	}
	wg.Wait()
	if c.Value() != workers*each || h.Count() != workers*each || h.Sum() != workers*each*1.5 {
		t.Errorf("got %d, %d, %v; want %d, %[4]d, %v", c.Value(), h.Count(), h.Sum(), workers*each, workers*each*1.5)
	}
}

func BenchmarkObserve(b *testing.B) {
	var r Registry
	h := r.Histogram("h_seconds", "H.", DurationBuckets())
	b.ReportAllocs()
	for b.Loop() {
		h.Observe(0.3)
	}
}
