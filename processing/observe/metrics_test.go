package observe

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"github.com/telhub/telhub/internal/metricdoc"
	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/processing/telemetry"
	"github.com/telhub/telhub/processing/worker"
)

var update = flag.Bool("update", false, "write testdata anew")

// classes gives the numbers of a queue's classes.
func classes(waiting, running, added int64, oldest time.Duration) (all [queue.NumClasses]queue.ClassStats) {
	for i, c := range queue.Classes() {
		all[i].Class = c
	}
	all[2].Waiting, all[2].Running, all[2].Added, all[2].Oldest = waiting, running, added, oldest // normal
	return all
}

// played is a process that has seen one of everything.
func played(t *testing.T) (*Metrics, *Watch) {
	t.Helper()
	m := NewMetrics("v1")
	m.Pool(func() worker.Stats {
		return worker.Stats{Workers: 4, Reserved: 1, Running: 1, Waiting: 3, Uncommitted: 2}
	})
	task := func(c queue.Class) *queue.Delivery { return &queue.Delivery{Task: queue.Task{Type: "x", Class: c}} }
	for _, e := range []worker.End{
		{Kind: queue.Done, Ran: true, Wait: 2 * time.Millisecond, Took: 10 * time.Millisecond},
		{Kind: queue.Retry, Ran: true, Took: 10 * time.Millisecond, Err: errors.New("x"), Panic: true},
		{Kind: queue.Dead, Reason: queue.Failed, Ran: true, Took: 10 * time.Millisecond},
		{Kind: queue.Dead, Reason: queue.Expired},
		{Kind: queue.Dead, Reason: "of a later version"},
		{Kind: queue.Released},
	} {
		if e.Ran {
			m.Began(task(queue.High))
		}
		m.Ended(task(queue.High), &e)
	}
	m.Began(task(queue.Critical))
	for kind := worker.Fetched; kind <= worker.Trouble; kind++ {
		m.Happened(worker.Event{Kind: kind, N: int(kind) + 2, Took: time.Millisecond})
	}
	m.Happened(worker.Event{Kind: worker.Trouble + 100, N: 1}) // of a later version
	m.Enqueued([]*queue.Task{{Class: queue.Bulk}, {Class: queue.Bulk}, {}, {}},
		[]queue.Receipt{{}, {Existing: true}, {Err: queue.ErrFull}}, 3*time.Millisecond)

	added := int64(1000)
	w := NewWatch(func(context.Context) (queue.Stats, error) {
		added += 500
		return queue.Stats{Queues: []queue.QueueStats{
			{Name: "default", Classes: classes(6000, 4, added, 90*time.Second), Delayed: 7, Dead: 3, Done: 1490, Died: 3, Retried: 5, Canceled: 1},
			{Name: "other", Paused: time.Unix(1, 0), Classes: classes(1e6, 0, 1e6, time.Hour)},
		}}, nil
	}, []string{"default"}, time.Minute, m)
	start := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	w.now = func() time.Time { return start }
	w.Look(t.Context())
	start = start.Add(5 * time.Second)
	if err := m.Register(w); err != nil {
		t.Fatal(err)
	}
	return m, w
}

// What /metrics shows, but for Go's own and the process' series.
func TestMetricsGolden(t *testing.T) {
	m, _ := played(t)
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "ttp_") {
			if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
				t.Fatal(err)
			}
		}
	}
	const file = "testdata/metrics.txt"
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		t.Errorf("/metrics has changed; look at it, then run go test ./processing/observe -update\n%s", got)
	}
}

func TestMetricsLint(t *testing.T) {
	m, _ := played(t)
	problems, err := testutil.GatherAndLint(m.Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Series that the README names exist.
func TestReadmeNamesOnlyWhatThereIs(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`ttp_[a-z_]+").FindAllString(string(readme), -1) {
		if name = strings.Trim(name, "`"); !bytes.Contains(golden, []byte("# TYPE "+name+" ")) {
			t.Errorf("README.md names %s, which does not exist", name)
		}
	}
}

// The catalogue lists what a process shows that does everything.
func TestCatalogueOfMetrics(t *testing.T) {
	m, _ := played(t)
	m.Traces(nil)
	m.TelemetryRunning(func() bool { return true })
	s := telemetry.Stats{Lags: []telemetry.Lag{{Stream: "telhub:{0}:live"}}}
	s.Newest[0] = time.Unix(1, 0)
	m.Telemetry("storage", func() telemetry.Stats { return s })
	metricdoc.Check(t, "../../docs/observability.md", "metrics of ttp", []byte(gathered(t, m)), regexp.MustCompile("^ttp_"))
}

func TestNumbersOfMetrics(t *testing.T) {
	m, w := played(t)
	text := gathered(t, m)
	for _, want := range []string{
		`ttp_workers_busy 1`,
		`ttp_attempts_total{class="high",outcome="dead"} 3`,
		`ttp_dead_letters_total{reason="other"} 1`,
		`ttp_reclaims_total 6`,
		`ttp_redis_troubles_total 1`,
		`ttp_enqueued_total{class="bulk",result="existing"} 1`,
		`ttp_enqueued_total{class="normal",result="refused"} 2`,
		`ttp_queue_oldest_unacked_seconds{class="normal",queue="default"} 90`,
		`ttp_arrivals_per_second 100`, // 500 in 5 s
		`ttp_service_seconds 0.01`,
		`ttp_workers_wanted 3`, // (100 + 6000/60) · 0.01 / 0.7 = 2.86
		`ttp_queue_paused{queue="other"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	s := StatusOf(m, w.Look(t.Context()), time.Unix(0, 0))
	if s.State != StateDegraded || len(s.Problems) != 1 || s.Problems[0].Do != "ttp resume other" || s.Pool.Wanted != 3 {
		t.Errorf("status: %+v", s)
	}
}

func gathered(t *testing.T, m *Metrics) string {
	t.Helper()
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestCountingAllocatesNothing(t *testing.T) {
	m := NewMetrics("v1")
	d := &queue.Delivery{Task: queue.Task{Type: "x"}}
	e := &worker.End{Kind: queue.Done, Ran: true, Took: time.Millisecond}
	dead := &worker.End{Kind: queue.Dead, Reason: queue.Failed, Ran: true}
	if n := testing.AllocsPerRun(100, func() {
		m.Began(d)
		m.Ended(d, e)
		m.Began(d)
		m.Ended(d, dead)
		m.Happened(worker.Event{Kind: worker.Committed, N: 1})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// However many ask, Redis is asked once a second; while it is away its old
// numbers are not shown.
func TestWatchAsksOnceASecondAndForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		var fail error
		m := NewMetrics("v1")
		w := NewWatch(func(ctx context.Context) (queue.Stats, error) {
			asked++
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > lookTime {
				t.Error("asked without a deadline")
			}
			return queue.Stats{Queues: []queue.QueueStats{{Name: "default", Classes: classes(1, 0, 1, 0)}}}, fail
		}, []string{"default"}, time.Minute, m)
		if err := m.Register(w); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if !strings.Contains(gathered(t, m), `ttp_queue_ready{class="normal",queue="default"} 1`) {
				t.Error("no numbers")
			}
		}
		if asked != 1 {
			t.Errorf("asked %d times, want once", asked)
		}
		time.Sleep(lookAge) // of the bubble's clock
		fail = errors.New("connection refused")
		text := gathered(t, m)
		if !strings.Contains(text, "ttp_redis_up 0\n") || strings.Contains(text, "ttp_queue_ready{") || asked != 2 {
			t.Errorf("while Redis is away, after %d questions:\n%s", asked, text)
		}
		s := StatusOf(m, w.Look(t.Context()), time.Now())
		if s.State != StateDegraded || s.Redis.OK || s.Redis.Error != "connection refused" {
			t.Errorf("status: %+v", s)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		time.Sleep(2*lookEvery + time.Millisecond)
		cancel()
		<-done
		if asked < 4 || asked > 5 {
			t.Errorf("Run asked %d times in all", asked)
		}
	})
}
