package bench

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// runner measures one part after the other.
type runner struct {
	o        Options
	p        place
	rep      *Report
	progress io.Writer
	systems  []Contender
}

// Run measures what the options say and tells progress in lines. With an error
// the report holds what was measured before; it is nil if that is nothing.
func Run(ctx context.Context, o Options, progress io.Writer) (*Report, error) {
	r := &runner{o: o, progress: progress, rep: &Report{Rounds: o.Rounds}}
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	for _, name := range o.Systems {
		r.systems = append(r.systems, r.contender(name)...)
	}
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"ceilings", r.ceilings}, {"flood", r.floods}, {"split", r.splits}, {"open", r.opens},
		{"far", r.fars}, {"workers", r.workers}, {"backlog", r.backlogs}, {"late", r.lates}, {"shards", r.shards},
	} {
		if !o.has(part.name) || o.URL != "" && part.name == "shards" {
			continue
		}
		if err := part.run(ctx); err != nil {
			return r.conclude(), err
		}
	}
	return r.conclude(), nil
}

// conclude drops what was never measured and draws the conclusions.
func (r *runner) conclude() *Report {
	x := r.rep
	prune(&x.Ceilings)
	prune(&x.Floods)
	prune(&x.Splits)
	prune(&x.Opens)
	prune(&x.Fars)
	prune(&x.Workers)
	prune(&x.Backlogs)
	prune(&x.Lates)
	prune(&x.Shards)
	x.Model, x.Goals = model(x), goals(x, r.o)
	return x
}

func prune[T any](all *[]Series[T]) {
	*all = slices.DeleteFunc(*all, func(s Series[T]) bool { return len(s.Runs) == 0 })
}

// contender is what a name of --systems stands for.
func (r *runner) contender(name string) []Contender {
	switch name {
	case "ttp":
		return []Contender{TTP()}
	case "asynq":
		return []Contender{AsynqStock()}
	case "asynq-tuned":
		return []Contender{AsynqTuned(r.o.Servers)}
	}
	return []Contender{Raw(false), Raw(true)}
}

// queues are the systems that can do all that a queue does.
func (r *runner) queues() (list []Contender) {
	for _, c := range r.systems {
		if !c.Inline {
			list = append(list, c)
		}
	}
	return list
}

// settle divides the processors and looks at the machine.
func (r *runner) settle(ctx context.Context) error {
	all, err := cpus()
	if err != nil {
		return err
	}
	m := &r.rep.Machine
	m.CPUs, m.Arch, m.Go, m.Clients = len(all), runtime.GOARCH, runtime.Version(), all
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.TrimSpace(string(load))
	}
	r.p.url = r.o.URL
	if r.o.Pin != "off" && r.o.URL == "" && len(all) > 1 && runtime.GOOS == "linux" {
		last := len(all) - 1
		r.p.redis, m.Redis = all[last:], all[last:]
		if r.o.Pin == "auto" {
			m.Clients = all[:last]
			if err := pin(os.Getpid(), m.Clients); err != nil {
				return err
			}
		}
	}
	srv, err := r.p.start(ctx, AOFOff)
	if err != nil {
		return err
	}
	m.Server = srv.Version(ctx)
	return srv.Close()
}

// subject is measured once a round; keep is false in the round that warms up.
type subject struct {
	name string
	run  func(ctx context.Context, keep bool) error
}

// add makes a subject whose results go into a new series.
func add[T any](all *[]Series[T], system, label string, k Case, run func(context.Context) (T, error)) subject {
	i := len(*all)
	*all = append(*all, Series[T]{System: system, Label: label, Case: k})
	return subject{system + ", " + label, func(ctx context.Context, keep bool) error {
		x, err := run(ctx)
		if err == nil && keep {
			(*all)[i].Runs = append((*all)[i].Runs, x)
		}
		return err
	}}
}

// turns measures the subjects by turns, each round beginning with another.
func (r *runner) turns(ctx context.Context, part string, rounds int, warm bool, subjects []subject) error {
	first := 0
	if warm {
		first = -1
	}
	for round := first; round < rounds; round++ {
		for i := range subjects {
			s := subjects[(i+max(round, 0))%len(subjects)]
			begin := time.Now()
			if err := s.run(ctx, round >= 0); err != nil {
				return fmt.Errorf("%s: %s: %w", part, s.name, err)
			}
			which := fmt.Sprintf("%d/%d", round+1, rounds)
			if round < 0 {
				which = "warm-up"
			}
			fmt.Fprintf(r.progress, "%s %s: %s: %.1f s\n", part, which, s.name, time.Since(begin).Seconds())
		}
	}
	return nil
}

// base is the case that parts have in common: the first of each list.
func (r *runner) base() Case {
	return Case{Tasks: r.o.Tasks, Payload: r.o.Payloads[0], Handler: r.o.Handlers[0], AOF: r.o.AOFs[0], Workers: r.o.Workers}.fit()
}

// Limits of one run: what Redis is to hold, and how long handlers take all together.
const (
	maxQueued = 256 << 20
	maxWork   = 10 * time.Second
)

// fit keeps a run within the limits.
func (k Case) fit() Case {
	k.Tasks = min(k.Tasks, maxQueued/k.Payload)
	if k.Handler > 0 {
		k.Tasks = min(k.Tasks, int(float64(k.Workers)*float64(maxWork)/float64(k.Handler)))
	}
	return k
}

// otherShare is what part of the tasks the cases beside the first have: a peer
// that waits for a disk after each command would take most of the time.
const otherShare = 4

// cases vary one property at a time.
func (r *runner) cases() []Case {
	base := r.base()
	list := []Case{base}
	base.Tasks = max(base.Tasks/otherShare, 1)
	for _, p := range r.o.Payloads[1:] {
		k := base
		k.Payload = p
		list = append(list, k.fit())
	}
	for _, h := range r.o.Handlers[1:] {
		k := base
		k.Handler = h
		list = append(list, k.fit())
	}
	if r.o.URL != "" {
		return list
	}
	for _, a := range r.o.AOFs[1:] {
		k := base
		k.AOF = a
		list = append(list, k)
	}
	return list
}

// Of the model.
const (
	modelRate = 100_000
	modelBusy = 0.8 // share of a processor that may be in use
)

// model says what modelRate takes, or nil when nothing of it was measured.
func model(r *Report) *Model {
	s := find(r.Floods, ttpName, "")
	if s == nil || len(s.Runs) == 0 {
		return nil
	}
	m := &Model{
		Rate: modelRate, Scaling: 1,
		RedisUS:  s.over(func(f *Flood) float64 { return f.Cost.RedisUS }).Median,
		ClientUS: s.over(func(f *Flood) float64 { return f.Cost.ClientUS }).Median,
	}
	if n := len(r.Shards); n > 1 {
		cost := func(x *Shards) float64 { return x.Flood.Cost.RedisUS }
		if x, ok := ratio(&r.Shards[0], &r.Shards[n-1], cost, cost); ok {
			m.Scaling = x.Median
		}
	}
	cores := func(us float64) int { return int(math.Ceil(us * modelRate / 1e6 / modelBusy)) }
	m.Masters, m.Cores = cores(m.RedisUS/min(m.Scaling, 1)), cores(m.ClientUS)
	return m
}
