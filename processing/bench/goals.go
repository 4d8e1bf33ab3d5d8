package bench

import "fmt"

// goals compares what was measured with what is claimed. What was not measured
// is left out.
func goals(r *Report, o Options) (list []Goal) {
	atLeast := func(what string, lim float64, got Spread, ok bool) {
		if ok {
			list = append(list, Goal{what, fmt.Sprintf("≥ %s", number(lim)), got, got.Median >= lim, lim})
		}
	}
	atMost := func(what string, lim float64, got Spread, ok bool) {
		if ok {
			list = append(list, Goal{what, fmt.Sprintf("≤ %s", number(lim)), got, got.Median <= lim, lim})
		}
	}
	rate := func(f *Flood) float64 { return f.PerSecond }
	if s := find(r.Floods, ttpName, ""); s != nil {
		atLeast("tasks/s, enqueued and executed, no-op", 10_000, s.over(rate), len(s.Runs) > 0)
		for _, x := range []struct {
			name string
			lim  float64
		}{{"asynq", 3}, {"asynq tuned", 3}, {rawName(false), 0.6}, {rawName(true), 0.6}} {
			got, ok := ratio(s, find(r.Floods, x.name, s.Label), rate, rate)
			atLeast("… ÷ "+x.name, x.lim, got, ok)
		}
	}
	enqueue := func(x *Split) float64 { return x.EnqueuePerSecond }
	got, ok := ratio(find(r.Splits, ttpName, ""), find(r.Ceilings, "enqueue script", ""), enqueue, func(c *Ceiling) float64 { return c.PerSecond })
	atLeast("enqueue in batches of 100 ÷ the bare script", 0.7, got, ok)
	if s := find(r.Opens, ttpName, fixed(o.Rate)); s != nil {
		atMost("open loop at "+s.Label+": wait p50, ms", 2, s.over(func(x *Open) float64 { return x.Wait.P50 }), true)
		atMost("… p99, ms", 15, s.over(func(x *Open) float64 { return x.Wait.P99 }), true)
		atMost("… p99.9, ms", 50, s.over(func(x *Open) float64 { return x.Wait.P999 }), true)
		atMost("… to the end of the handler, p99, ms", 100, s.over(func(x *Open) float64 { return x.Total.P99 }), true)
	}
	if s := find(r.Fars, ttpName, "1ms"); s != nil {
		atLeast("tasks/s over a round trip of 1 ms", 30_000, s.over(func(x *Far) float64 { return x.Flood.PerSecond }), len(s.Runs) > 0)
	}
	if n := len(r.Workers); n > 1 {
		few, many := &r.Workers[0], &r.Workers[n-1]
		got, ok := ratio(many, few, rate, rate)
		times := float64(many.Case.Workers) / float64(few.Case.Workers)
		got = Spread{got.Median / times, got.Least / times, got.Most / times}
		atLeast(fmt.Sprintf("%d ÷ %d workers of 10 ms, ÷ %g", many.Case.Workers, few.Case.Workers, times), 0.9, got, ok)
	}
	if s := find(r.Backlogs, ttpName, ""); s != nil {
		atMost("critical over "+s.Label+": wait p99, ms", 25, s.over(func(x *Backlog) float64 { return x.Critical.P99 }), len(s.Runs) > 0)
	}
	if s := find(r.Lates, ttpName, ""); s != nil {
		atMost("scheduled tasks: lateness p99, ms", 50, s.over(func(x *Late) float64 { return x.Lateness.P99 }), len(s.Runs) > 0)
	}
	return list
}
