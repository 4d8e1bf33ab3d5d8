package bench

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want Spread
	}{{nil, Spread{}}, {[]float64{5}, Spread{5, 5, 5}}, {[]float64{9, 1, 4}, Spread{4, 1, 9}}, {[]float64{4, 1, 2, 9}, Spread{3, 1, 9}}} {
		if got := spreadOf(c.all); got != c.want {
			t.Errorf("%v: got %v, want %v", c.all, got, c.want)
		}
	}
}

func TestRatioIsOfTheSameRound(t *testing.T) {
	a := &Series[Flood]{Runs: []Flood{{PerSecond: 10}, {PerSecond: 100}}}
	b := &Series[Flood]{Runs: []Flood{{PerSecond: 5}, {PerSecond: 50}}}
	rate := func(f *Flood) float64 { return f.PerSecond }
	if got, ok := ratio(a, b, rate, rate); !ok || got != (Spread{2, 2, 2}) {
		t.Errorf("got %v, %v; the machine was ten times faster in the second round, for both", got, ok)
	}
	b.Runs = b.Runs[:1]
	if _, ok := ratio(a, b, rate, rate); ok {
		t.Error("series of different length have a ratio")
	}
}

// sample is a report in which all that the goals ask is met, or nearly.
func sample() *Report {
	exact := Audit{Tasks: 10}
	k := Case{Tasks: 10, Payload: 200, AOF: AOFOff, Workers: 4}
	curve := make([]float64, len(curvePoints))
	for i := range curve {
		curve[i] = float64(i + 1)
	}
	flood := func(system string, rate float64) Series[Flood] {
		return Series[Flood]{system, k.String(), k, []Flood{{PerSecond: rate, Audit: exact, Cost: Cost{RedisUS: 20, ClientUS: 30}}}}
	}
	workers := func(n int, rate float64) Series[Flood] {
		s := flood(ttpName, rate)
		s.Case.Workers = n
		return s
	}
	return &Report{
		Rounds:   1,
		Floods:   []Series[Flood]{flood(ttpName, 20_000), flood("asynq", 5000), flood("asynq <&> tuned", 6000), flood(rawName(false), 40_000)},
		Splits:   []Series[Split]{{ttpName, k.String(), k, []Split{{EnqueuePerSecond: 80_000, Drain: Flood{Audit: exact}}}}},
		Ceilings: []Series[Ceiling]{{"enqueue script", "EVALSHA of 100", k, []Ceiling{{PerSecond: 100_000}}}},
		Opens:    []Series[Open]{{ttpName, fixed(10_000), k, []Open{{Wait: Latency{P50: 1, P99: 20, P999: 30, Curve: curve}, Audit: exact}}}},
		Workers:  []Series[Flood]{workers(1, 99), workers(8, 760)},
		Backlogs: []Series[Backlog]{{ttpName, "1M bulk tasks", k, []Backlog{{Critical: Latency{P99: 3}, Audit: exact}}}},
		Lates:    []Series[Late]{{ttpName, "500 a second", k, []Late{{Lateness: Latency{P99: 30}, Audit: Audit{Tasks: 10, Missing: 1}}}}},
		Shards: []Series[Shards]{
			{ttpName, "1 masters", k, []Shards{{Masters: 1, Flood: Flood{Cost: Cost{RedisUS: 20}, Audit: exact}}}},
			{ttpName, "4 masters", k, []Shards{{Masters: 4, Flood: Flood{Cost: Cost{RedisUS: 25}, Audit: exact}}}},
		},
	}
}

func TestGoals(t *testing.T) {
	r := sample()
	o := Defaults()
	met := map[string]bool{}
	for _, g := range goals(r, o) {
		met[g.What] = g.Met
	}
	for what, want := range map[string]bool{
		"tasks/s, enqueued and executed, no-op":       true,
		"… ÷ asynq":                                   true,
		"… ÷ " + rawName(false):                       false, // 0.5
		"enqueue in batches of 100 ÷ the bare script": true,
		"open loop at 10k tasks/s: wait p50, ms":      true,
		"… p99, ms":                                   false, // 20
		"8 ÷ 1 workers of 10 ms, ÷ 8":                 true,  // 0.96
		"critical over 1M bulk tasks: wait p99, ms":   true,
		"scheduled tasks: lateness p99, ms":           true,
	} {
		if got, ok := met[what]; !ok || got != want {
			t.Errorf("%q: met %v (measured %v), want %v", what, got, ok, want)
		}
	}
	if _, ok := met["… ÷ asynq tuned"]; ok {
		t.Error("a goal beside a system that was not measured")
	}
}

func TestModel(t *testing.T) {
	m := model(sample())
	// 20 µs a task at one master, 25 at four: 100,000/s take 2.5 s of Redis a
	// second, 3.1 masters at 80 %; 30 µs take 3.75 cores of clients.
	if m == nil || m.Masters != 4 || m.Cores != 4 || m.Scaling != 0.8 {
		t.Errorf("got %+v, want 4 masters, 4 cores, scaling 0.8", m)
	}
}

func TestInexactRunsAreNamed(t *testing.T) {
	runs, inexact := sample().Audits()
	if runs != 12 || len(inexact) != 1 || !strings.Contains(inexact[0], "1 MISSING") {
		t.Errorf("got %d runs, %q", runs, inexact)
	}
	if got := sample().inexact(ttpName); got != 1 {
		t.Errorf("%d runs of ttp, want 1", got)
	}
	var b strings.Builder
	sample().Text(&b)
	if !strings.Contains(b.String(), "1 of them not exact") || !strings.Contains(b.String(), "1 MISSING") {
		t.Error(b.String())
	}
}

func TestPlotsAreXML(t *testing.T) {
	dir := t.TempDir()
	if err := sample().Plot(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"throughput.svg", "latency.svg", "workers.svg"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 20_000 {
			t.Errorf("%s has %d bytes", name, len(text))
		}
		for d := xml.NewDecoder(strings.NewReader(string(text))); ; {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if strings.Contains(string(text), "NaN") || strings.Contains(string(text), "Inf") {
			t.Errorf("%s has a number that is none", name)
		}
	}
}
