package bench

import (
	"fmt"
	"io"
	"strings"
)

// Text writes the report for people, as Markdown: what stands in the
// documentation is what the command says.
func (r *Report) Text(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "%d CPUs (%s), %s, %s; Redis on %s, clients on %s; load %s.\nMedians of %d rounds, in brackets the range.\n",
		m.CPUs, m.Arch, m.Go, m.Server, processors(m.Redis), processors(m.Clients), m.Load, r.Rounds)
	r.textGoals(w)
	r.textFloods(w)
	r.textSplits(w)
	r.textCeilings(w)
	r.textOpens(w)
	r.textFars(w)
	r.textWorkers(w)
	r.textBacklogs(w)
	r.textLates(w)
	r.textShards(w)
	runs, inexact := r.Audits()
	fmt.Fprintf(w, "\nAudit: %d runs", runs)
	if len(inexact) == 0 {
		fmt.Fprintln(w, ", in each of them every task was executed once and took effect once.")
		return
	}
	fmt.Fprintf(w, ", %d of them not exact:\n\n", len(inexact))
	for _, x := range inexact {
		fmt.Fprintf(w, "- %s\n", x)
	}
}

func processors(list []int) string {
	if len(list) == 0 {
		return "any"
	}
	return "CPU " + strings.Trim(fmt.Sprint(list), "[]")
}

// table writes the head of a table.
func table(w io.Writer, title string, columns ...string) {
	fmt.Fprintf(w, "\n**%s**\n\n| %s |\n| --- |%s\n", title, strings.Join(columns, " | "), strings.Repeat(" ---: |", len(columns)-1))
}

func line(w io.Writer, cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(w, "| %v ", c)
	}
	fmt.Fprintln(w, "|")
}

func (r *Report) textGoals(w io.Writer) {
	if len(r.Goals) == 0 {
		return
	}
	table(w, "Goals", "what", "goal", "measured", "")
	for _, g := range r.Goals {
		mark := "✗"
		if g.Met {
			mark = "✓"
		}
		line(w, g.What, g.Want, g.Got, mark)
	}
}

func (r *Report) textFloods(w io.Writer) {
	if len(r.Floods) == 0 {
		return
	}
	table(w, "Enqueued and executed at the same time, as fast as it goes", "case", "system", "tasks", "tasks/s", "ttp ÷ this", "Redis µs/task", "client µs/task", "allocs/task")
	rate := func(f *Flood) float64 { return f.PerSecond }
	for i := range r.Floods {
		s := &r.Floods[i]
		times, ok := ratio(find(r.Floods, ttpName, s.Label), s, rate, rate)
		line(w, s.Label, s.System, s.Case.Tasks, s.over(rate), optional(times, ok && s.System != ttpName),
			s.over(func(f *Flood) float64 { return f.Cost.RedisUS }),
			s.over(func(f *Flood) float64 { return f.Cost.ClientUS }), s.over(func(f *Flood) float64 { return f.Cost.Allocs }))
	}
}

func optional(s Spread, ok bool) string {
	if !ok {
		return "–"
	}
	return s.String()
}

func (r *Report) textSplits(w io.Writer) {
	if len(r.Splits) == 0 {
		return
	}
	table(w, "Enqueued first, drained then", "system", "enqueued/s", "Redis µs", "allocs", "bytes/queued task", "drained/s", "Redis µs", "client µs", "allocs")
	for i := range r.Splits {
		s := &r.Splits[i]
		line(w, s.System, s.over(func(x *Split) float64 { return x.EnqueuePerSecond }),
			s.over(func(x *Split) float64 { return x.EnqueueCost.RedisUS }), s.over(func(x *Split) float64 { return x.EnqueueCost.Allocs }),
			s.over(func(x *Split) float64 { return x.BytesQueued }), s.over(func(x *Split) float64 { return x.Drain.PerSecond }),
			s.over(func(x *Split) float64 { return x.Drain.Cost.RedisUS }), s.over(func(x *Split) float64 { return x.Drain.Cost.ClientUS }),
			s.over(func(x *Split) float64 { return x.Drain.Cost.Allocs }))
	}
}

func (r *Report) textCeilings(w io.Writer) {
	if len(r.Ceilings) == 0 {
		return
	}
	table(w, "Ceilings", "what", "operations or tasks/s", "Redis µs each")
	for i := range r.Ceilings {
		s := &r.Ceilings[i]
		line(w, s.System+" "+s.Label, s.over(func(c *Ceiling) float64 { return c.PerSecond }), s.over(func(c *Ceiling) float64 { return c.RedisUS }))
	}
}

func (r *Report) textOpens(w io.Writer) {
	if len(r.Opens) == 0 {
		return
	}
	table(w, "Open loop: ms from the intended moment to the handler's start", "system", "rate", "tasks/s", "p50", "p99", "p99.9", "max", "Redis CPU", "client CPU")
	for i := range r.Opens {
		s := &r.Opens[i]
		line(w, s.System, s.Label, s.over(func(x *Open) float64 { return x.Rate }),
			s.over(func(x *Open) float64 { return x.Wait.P50 }), s.over(func(x *Open) float64 { return x.Wait.P99 }),
			s.over(func(x *Open) float64 { return x.Wait.P999 }), s.over(func(x *Open) float64 { return x.Wait.Max }),
			s.over(func(x *Open) float64 { return x.Redis }), s.over(func(x *Open) float64 { return x.Client }))
	}
}

func (r *Report) textFars(w io.Writer) {
	if len(r.Fars) == 0 {
		return
	}
	table(w, "Over a network: enqueued and executed at the same time, one process", "round trip asked for", "system", "tasks", "PING, ms", "tasks/s")
	for i := range r.Fars {
		s := &r.Fars[i]
		line(w, s.Label, s.System, s.Case.Tasks, s.over(func(x *Far) float64 { return x.RTT }), s.over(func(x *Far) float64 { return x.Flood.PerSecond }))
	}
}

func (r *Report) textWorkers(w io.Writer) {
	if len(r.Workers) == 0 {
		return
	}
	table(w, "Workers, handler of 10 ms", "workers", "tasks/s", "÷ one worker, ÷ workers")
	rate := func(f *Flood) float64 { return f.PerSecond }
	for i := range r.Workers {
		s := &r.Workers[i]
		x, ok := ratio(s, &r.Workers[0], rate, rate)
		n := float64(s.Case.Workers) / float64(r.Workers[0].Case.Workers)
		line(w, s.Case.Workers, s.over(rate), optional(Spread{x.Median / n, x.Least / n, x.Most / n}, ok))
	}
}

func (r *Report) textBacklogs(w io.Writer) {
	if len(r.Backlogs) == 0 {
		return
	}
	table(w, "Critical tasks over a backlog, handler of 1 ms: ms from the intended moment to the start", "system", "backlog", "critical/s", "p50", "p99", "p99.9", "max", "bulk/s meanwhile", "left at the end")
	for i := range r.Backlogs {
		s := &r.Backlogs[i]
		line(w, s.System, s.Label, s.over(func(x *Backlog) float64 { return x.Rate }),
			s.over(func(x *Backlog) float64 { return x.Critical.P50 }), s.over(func(x *Backlog) float64 { return x.Critical.P99 }),
			s.over(func(x *Backlog) float64 { return x.Critical.P999 }), s.over(func(x *Backlog) float64 { return x.Critical.Max }),
			s.over(func(x *Backlog) float64 { return x.BulkPerSecond }), s.over(func(x *Backlog) float64 { return float64(x.Left) }))
	}
}

func (r *Report) textLates(w io.Writer) {
	if len(r.Lates) == 0 {
		return
	}
	table(w, "Scheduled tasks: ms from the due moment to the start", "system", "load", "p50", "p99", "p99.9", "max", "too early")
	for i := range r.Lates {
		s := &r.Lates[i]
		line(w, s.System, s.Label, s.over(func(x *Late) float64 { return x.Lateness.P50 }), s.over(func(x *Late) float64 { return x.Lateness.P99 }),
			s.over(func(x *Late) float64 { return x.Lateness.P999 }), s.over(func(x *Late) float64 { return x.Lateness.Max }),
			s.over(func(x *Late) float64 { return float64(x.Early) }))
	}
}

func (r *Report) textShards(w io.Writer) {
	if len(r.Shards) > 0 {
		table(w, "Redis Cluster, all masters on the processors named above", "masters", "shards", "tasks/s", "Redis µs/task, all masters", "busiest master, CPU", "client µs/task")
		for i := range r.Shards {
			s := &r.Shards[i]
			if len(s.Runs) == 0 {
				continue
			}
			line(w, s.Runs[0].Masters, s.Runs[0].Shards, s.over(func(x *Shards) float64 { return x.Flood.PerSecond }),
				s.over(func(x *Shards) float64 { return x.Flood.Cost.RedisUS }), s.over(func(x *Shards) float64 { return x.Busiest }),
				s.over(func(x *Shards) float64 { return x.Flood.Cost.ClientUS }))
		}
	}
	if m := r.Model; m != nil {
		fmt.Fprintf(w, "\nModel: %s tasks/s at %s µs of Redis and %s µs of clients each, at most %.0f %% busy, scaling %s: %d masters on a core each, %d cores of clients.\n",
			number(m.Rate), number(m.RedisUS), number(m.ClientUS), modelBusy*100, number(m.Scaling), m.Masters, m.Cores)
	}
}
