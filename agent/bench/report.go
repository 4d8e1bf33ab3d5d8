package bench

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// Report is what Run measured.
type Report struct {
	CPUs   int     `json:"cpus"`
	Arch   string  `json:"arch"`
	Redis  string  `json:"redis"`
	Rounds []Round `json:"rounds"`
}

// Goals of a frame of 256 samples and more; see docs/performance_benchmarks.md.
const (
	GoalTimes      = 4    // at least so many samples for each of redis-benchmark's operations
	GoalRedisShare = 0.08 // at most so much of the server's time per operation
	GoalSteady     = 1.6  // at most so many times the agent's time without an uplink
)

// spread is a median and its range.
type spread struct{ median, least, most float64 }

// over collects a number of every round.
func (r *Report) over(f func(*Round) float64) spread {
	var all []float64
	for i := range r.Rounds {
		all = append(all, f(&r.Rounds[i]))
	}
	slices.Sort(all)
	n := len(all)
	if n == 0 {
		return spread{}
	}
	return spread{(all[(n-1)/2] + all[n/2]) / 2, all[0], all[n-1]}
}

func (s spread) String() string { return fmt.Sprintf("%.3g (%.3g to %.3g)", s.median, s.least, s.most) }

// Text writes the report for people.
func (r *Report) Text(w io.Writer) {
	fmt.Fprintf(w, "%d CPUs, %s, Redis %s; medians of %d rounds, in brackets the range\n\n", r.CPUs, r.Arch, r.Redis, len(r.Rounds))
	line := func(what string, f func(*Round) float64, goal string) {
		fmt.Fprintf(w, "%-56s %-30s %s\n", what, r.over(f), goal)
	}
	line("redis-benchmark XADD -P 256, operations/s", func(x *Round) float64 { return x.ReferenceOps }, "")
	line("  Redis' time for one, ns", func(x *Round) float64 { return float64(x.ReferenceCPU) }, "")
	if len(r.Rounds) == 0 {
		return
	}
	for i, s := range r.Rounds[0].Speed {
		fmt.Fprintln(w)
		line(fmt.Sprintf("frames of %d: samples/s, each read back", s.Frame), func(x *Round) float64 { return x.Speed[i].PerSecond }, "")
		line("  for each operation of redis-benchmark", func(x *Round) float64 { return x.Speed[i].Times }, fmt.Sprintf("goal ≥ %v", GoalTimes))
		line("  Redis' time for a sample, ns", func(x *Round) float64 { return x.Speed[i].RedisNS }, "")
		line("  of that for an operation", func(x *Round) float64 { return x.Speed[i].RedisShare }, fmt.Sprintf("goal ≤ %v", GoalRedisShare))
		line("  the agent's time for a sample, ns", func(x *Round) float64 { return x.Speed[i].AgentNS }, "")
		line("  bytes a sample", func(x *Round) float64 { return x.Speed[i].SampleBytes }, "")
	}
	fmt.Fprintln(w)
	percent := func(d time.Duration) float64 { return d.Seconds() * 100 }
	line(fmt.Sprintf("%d samples/s, no uplink: %% of a CPU", steadyRate), func(x *Round) float64 { return percent(x.BareCPU) }, "")
	line("  uplink without a server", func(x *Round) float64 { return percent(x.NullCPU) }, "")
	line("  uplink to Redis", func(x *Round) float64 { return percent(x.SteadyCPU) }, "")
	line("  of that without a server", func(x *Round) float64 { return ratio(x.SteadyCPU, x.NullCPU) }, "")
	line("  of that without an uplink", func(x *Round) float64 { return ratio(x.SteadyCPU, x.BareCPU) }, fmt.Sprintf("goal ≤ %v", GoalSteady))
}

func ratio(a, b time.Duration) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
