package bench

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/redis"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// A short run ends, its audit holds, and it leaves nothing behind. How fast it
// was says nothing here: tests run beside others.
func TestRunMeasuresAndCleansUp(t *testing.T) {
	if _, err := exec.LookPath("redis-benchmark"); err != nil {
		t.Fatal("redis-benchmark is missing: apt-get install redis-tools, or run make test, which does")
	}
	srv := redistest.Start(t)
	report, err := Run(t.Context(), Options{
		Server: redis.Options{Server: redis.Address{Network: "tcp", Addrs: []string{srv.Addr()}}},
		Rounds: 1, Run: 200 * time.Millisecond, Frames: []int{256},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := report.Rounds[0]
	if r.ReferenceOps <= 0 || r.ReferenceCPU <= 0 || r.Speed[0].Samples == 0 || r.Speed[0].Times <= 0 || r.SteadyCPU <= 0 {
		t.Errorf("a number is missing: %+v", r)
	}
	var text bytes.Buffer
	if report.Text(&text); !strings.Contains(text.String(), "goal ≥ 4") {
		t.Errorf("report lacks the goal:\n%s", &text)
	}
	m, err := newServer(redis.Options{Server: redis.Address{Network: "tcp", Addrs: []string{srv.Addr()}}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.client.Close()
	if n, err := m.client.DBSize(t.Context()).Result(); n != 0 || err != nil {
		t.Errorf("%d keys were left, %v", n, err)
	}
}

func TestServerMustBeOneWithoutTLS(t *testing.T) {
	for _, a := range []redis.Address{
		{Network: "tcp", Addrs: []string{"a:1", "b:1"}, Topology: redis.Cluster},
		{Network: "tcp", Addrs: []string{"a:1"}, TLS: true},
	} {
		if _, err := newServer(redis.Options{Server: a}); err == nil || !strings.Contains(err.Error(), "--url") {
			t.Errorf("%+v: %v, want an error that names --url", a, err)
		}
	}
}

// BenchmarkSpeed is the greatest speed under `go test -bench`, for profiles:
// its uplink ends at a sink that accepts everything.
func BenchmarkSpeed(b *testing.B) {
	b.Run("256", func(b *testing.B) { benchSpeed(b, 256) })
	b.Run("1024", func(b *testing.B) { benchSpeed(b, 1024) })
}

func benchSpeed(b *testing.B, samples int) {
	g, p := newGate(ahead), &plan{}
	m := &machine{table: newTable()}
	sources := m.sources(g, p)
	var sink uplink.Sink = nowhere{}
	acked, enough := 0, make(chan struct{})
	r, err := newRig(p, "bench", samples, 100*time.Millisecond, sink, func(n int) {
		if acked += n; acked-n < b.N && acked >= b.N {
			close(enough)
		}
		g.give(n)
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	before, _ := ownCPU()
	if err := r.run(func() error { <-enough; g.close(); return nil }); err != nil {
		b.Fatal(err)
	}
	after, _ := ownCPU()
	n := sources[0].sent.n + sources[1].sent.n
	b.ReportMetric(float64(after-before)/float64(n), "cpu-ns/sample")
}

// BenchmarkSteady is the steady load without a server, for profiles. An
// operation is a second of it.
func BenchmarkSteady(b *testing.B) {
	r, err := newRig(steadyPlan(newTable()), "bench", 256, time.Second, nowhere{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	before, _ := ownCPU()
	if err := r.run(func() error { return pause(b.Context(), time.Duration(b.N)*time.Second) }); err != nil {
		b.Fatal(err)
	}
	after, _ := ownCPU()
	b.ReportMetric((after-before).Seconds()*100/float64(b.N), "cpu-%")
}
