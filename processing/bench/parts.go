package bench

import (
	"context"
	"fmt"
	"time"
)

func (r *runner) ceilings(ctx context.Context) error {
	k := r.base()
	var list []subject
	for _, depth := range xaddDepths {
		list = append(list, add(&r.rep.Ceilings, "redis-benchmark", fmt.Sprintf("XADD -P %d", depth), k, func(ctx context.Context) (Ceiling, error) {
			return r.p.xadd(ctx, k, depth)
		}))
	}
	list = append(list, add(&r.rep.Ceilings, "enqueue script", fmt.Sprintf("EVALSHA of %d", scriptBatch), k, func(ctx context.Context) (Ceiling, error) {
		return r.p.script(ctx, k)
	}))
	return r.turns(ctx, "ceilings", r.o.Rounds, r.o.Warmup, list)
}

func (r *runner) floods(ctx context.Context) error {
	var list []subject
	for i, k := range r.cases() {
		for _, c := range r.systems {
			if c.Inline && k.Handler > 0 || c.Inline && i > 0 && k.AOF != r.o.AOFs[0] {
				continue
			}
			list = append(list, add(&r.rep.Floods, c.Name, k.String(), k, func(ctx context.Context) (Flood, error) { return r.p.flood(ctx, c, k) }))
		}
	}
	return r.turns(ctx, "flood", r.o.Rounds, r.o.Warmup, list)
}

func (r *runner) splits(ctx context.Context) error {
	k := r.base()
	var list []subject
	for _, c := range r.systems {
		list = append(list, add(&r.rep.Splits, c.Name, k.String(), k, func(ctx context.Context) (Split, error) { return r.p.split(ctx, c, k) }))
	}
	return r.turns(ctx, "split", r.o.Rounds, r.o.Warmup, list)
}

// maximum is how fast a system went in the flood of the base case.
func (r *runner) maximum(ctx context.Context, c Contender) (float64, error) {
	k := r.base()
	if s := find(r.rep.Floods, c.Name, k.String()); s != nil {
		return s.over(func(f *Flood) float64 { return f.PerSecond }).Median, nil
	}
	f, err := r.p.flood(ctx, c, k)
	return f.PerSecond, err
}

func (r *runner) opens(ctx context.Context) error {
	k := r.base()
	var list []subject
	for _, c := range r.queues() {
		most, err := r.maximum(ctx, c)
		if err != nil {
			return fmt.Errorf("open: %s: %w", c.Name, err)
		}
		at := func(label string, rate float64) {
			list = append(list, add(&r.rep.Opens, c.Name, label, k, func(ctx context.Context) (Open, error) { return r.p.open(ctx, c, k, rate, r.o.For) }))
		}
		for _, x := range r.o.Fractions {
			at(fmt.Sprintf("%g %% of maximum", x), most*x/100)
		}
		// A rate that a system cannot hold only tells how long it was offered.
		if r.o.Rate < most {
			at(fixed(r.o.Rate), r.o.Rate)
		}
	}
	return r.turns(ctx, "open", r.o.Rounds, r.o.Warmup, list)
}

func fixed(rate float64) string { return fmt.Sprintf("%s tasks/s", number(rate)) }

// farShare is what part of the tasks a flood over a network has: asynq executes
// one a round trip and server.
const farShare = 20

func (r *runner) fars(ctx context.Context) error {
	var list []subject
	for _, rtt := range r.o.RTTs {
		for _, c := range r.systems {
			k := r.base()
			if c.Batch == 1 {
				k.Tasks = max(k.Tasks/farShare, 1)
			}
			list = append(list, add(&r.rep.Fars, c.Name, rtt.String(), k, func(ctx context.Context) (Far, error) { return r.p.far(ctx, c, k, rtt) }))
		}
	}
	return r.turns(ctx, "far", min(r.o.Rounds, farRounds), false, list)
}

// farRounds bounds the rounds over a network.
const farRounds = 3

// Of the part that counts workers.
const (
	workHandler = 10 * time.Millisecond
	workTime    = 3 * time.Second // at most
)

// workerCounts are doubled up to eight.
var workerCounts = [...]int{1, 2, 4, 8}

func (r *runner) workers(ctx context.Context) error {
	var list []subject
	for _, c := range r.queues() {
		if c.Name != ttpName {
			continue
		}
		for _, w := range workerCounts {
			k := r.base()
			k.Handler, k.Workers = workHandler, w
			k.Tasks = max(min(k.Tasks, w*int(min(workTime, r.o.For)/workHandler)), 1)
			list = append(list, add(&r.rep.Workers, c.Name, fmt.Sprint(w), k, func(ctx context.Context) (Flood, error) { return r.p.flood(ctx, c, k) }))
		}
	}
	return r.turns(ctx, "workers", r.o.Rounds, r.o.Warmup, list)
}

// Of the part with a backlog.
const (
	backlogHandler = time.Millisecond
	backlogRounds  = 3
	peerShare      = 10 // asynq's backlog is a tenth: to fill it would take most of an hour
)

func (r *runner) backlogs(ctx context.Context) error {
	var list []subject
	for _, c := range r.queues() {
		k := r.base()
		k.Handler, k.Tasks = backlogHandler, r.o.Backlog
		if c.Name != ttpName {
			k.Tasks /= peerShare
		}
		list = append(list, add(&r.rep.Backlogs, c.Name, fmt.Sprintf("%s bulk tasks", number(float64(k.Tasks))), k, func(ctx context.Context) (Backlog, error) {
			return r.p.backlog(ctx, c, k, r.o.CriticalRate, r.o.For)
		}))
	}
	return r.turns(ctx, "backlog", min(r.o.Rounds, backlogRounds), false, list)
}

// lateRate is how many scheduled tasks fall into a second.
const lateRate = 500

func (r *runner) lates(ctx context.Context) error {
	var list []subject
	for _, c := range r.queues() {
		k := r.base()
		k.Tasks = max(int(lateRate*r.o.For.Seconds()), 1)
		list = append(list, add(&r.rep.Lates, c.Name, fmt.Sprintf("%d a second", lateRate), k, func(ctx context.Context) (Late, error) { return r.p.late(ctx, c, k, r.o.For) }))
	}
	return r.turns(ctx, "late", r.o.Rounds, r.o.Warmup, list)
}

func (r *runner) shards(ctx context.Context) error {
	k := r.base()
	var list []subject
	for _, c := range r.queues() {
		if c.Name != ttpName {
			continue
		}
		for _, n := range r.o.Masters {
			list = append(list, add(&r.rep.Shards, c.Name, fmt.Sprintf("%d masters", n), k, func(ctx context.Context) (Shards, error) { return r.p.shards(ctx, c, k, n) }))
		}
	}
	return r.turns(ctx, "shards", r.o.Rounds, r.o.Warmup, list)
}
