package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/uplink/redis"
)

// Options are what Run needs.
type Options struct {
	Server redis.Options // only the address and its credentials are used
	Rounds int           // how often everything is repeated
	Run    time.Duration // length of one measurement
	Frames []int         // frame sizes to measure, samples
	// Progress is told each round's end; may be nil.
	Progress func(round int)
}

// Round is what one repetition measured. The ratios in Speed are to this
// round's own reference.
type Round struct {
	ReferenceOps float64       `json:"reference_ops_per_second"`
	ReferenceCPU time.Duration `json:"reference_redis_cpu_ns_per_op"`
	Speed        []Speed       `json:"speed"`
	BareCPU      time.Duration `json:"cpu_ns_per_second_no_uplink"` // at the steady load
	NullCPU      time.Duration `json:"cpu_ns_per_second_no_server"`
	SteadyCPU    time.Duration `json:"cpu_ns_per_second"`
}

// Speed is the greatest speed at one size of frame.
type Speed struct {
	Frame       int     `json:"frame"`
	Samples     uint64  `json:"samples"` // sent and, all of them, read back
	PerSecond   float64 `json:"samples_per_second"`
	Times       float64 `json:"times_reference"`
	RedisNS     float64 `json:"redis_cpu_ns_per_sample"`
	RedisShare  float64 `json:"redis_cpu_share_of_reference"`
	AgentNS     float64 `json:"agent_cpu_ns_per_sample"`
	SampleBytes float64 `json:"payload_bytes_per_sample"`
}

// machine is what all measurements share.
type machine struct {
	server *server
	table  *table
	device string
}

// Run measures. Every round goes through all subjects once.
func Run(ctx context.Context, o Options) (*Report, error) {
	o.Server.Stream = "telhub-bench"
	srv, err := newServer(o.Server)
	if err != nil {
		return nil, err
	}
	defer srv.client.Close()
	m := &machine{server: srv, table: newTable(), device: fmt.Sprintf("bench-%d", os.Getpid())}
	report := &Report{CPUs: runtime.NumCPU(), Arch: runtime.GOARCH, Redis: srv.version(ctx)}
	ops := 200000
	for i := range o.Rounds {
		var round Round
		if err := m.reference(ctx, &round, ops); err != nil {
			return nil, err
		}
		ops = int(round.ReferenceOps * o.Run.Seconds())
		for _, n := range o.Frames {
			s, err := m.speed(ctx, n, o.Run)
			if err != nil {
				return nil, fmt.Errorf("bench: frames of %d: %w", n, err)
			}
			s.Times = s.PerSecond / round.ReferenceOps
			s.RedisShare = s.RedisNS / float64(round.ReferenceCPU)
			round.Speed = append(round.Speed, s)
		}
		if err := m.steadySinks(ctx, 2*o.Run, &round); err != nil {
			return nil, fmt.Errorf("bench: steady load: %w", err)
		}
		report.Rounds = append(report.Rounds, round)
		if o.Progress != nil {
			o.Progress(i + 1)
		}
	}
	return report, nil
}

// reference measures redis-benchmark and what it costs the server.
func (m *machine) reference(ctx context.Context, round *Round, ops int) error {
	before, err := m.server.cpu(ctx)
	if err != nil {
		return err
	}
	if round.ReferenceOps, err = m.server.reference(ctx, ops); err != nil {
		return err
	}
	after, err := m.server.cpu(ctx)
	round.ReferenceCPU = (after - before) / time.Duration(ops)
	return err
}

// speed measures the greatest speed at one size of frame, and audits what
// arrived.
func (m *machine) speed(ctx context.Context, samples int, d time.Duration) (s Speed, err error) {
	s.Frame = samples
	if err := m.server.forget(ctx, m.device); err != nil {
		return s, err
	}
	defer m.server.forget(context.WithoutCancel(ctx), m.device)
	sink, err := redis.New(m.server.options(m.device))
	if err != nil {
		return s, err
	}
	defer sink.Close()
	g := newGate(ahead)
	p := &plan{}
	sources := m.sources(g, p)
	r, err := newRig(p, m.device, samples, 100*time.Millisecond, sink, g.give)
	if err != nil {
		return s, err
	}
	redisBefore, err := m.server.cpu(ctx)
	if err != nil {
		return s, err
	}
	agentBefore, err := ownCPU()
	if err != nil {
		return s, err
	}
	start := time.Now()
	if err := r.run(func() error { defer g.close(); return pause(ctx, d) }); err != nil {
		return s, err
	}
	took := time.Unix(0, r.sink.last.Load()).Sub(start)
	agentAfter, err := ownCPU()
	if err != nil {
		return s, err
	}
	redisAfter, err := m.server.cpu(ctx)
	if err != nil {
		return s, err
	}
	s.Samples = r.pipeline.Accounting().Acquired
	s.PerSecond = float64(s.Samples) / took.Seconds()
	s.RedisNS = float64(redisAfter-redisBefore) / float64(s.Samples)
	s.AgentNS = float64(agentAfter-agentBefore) / float64(s.Samples)
	return s, m.check(ctx, sources, &s)
}

// sources plans the streams of the greatest speed.
func (m *machine) sources(g *gate, p *plan) (all []*source) {
	for i := range streams {
		name := fmt.Sprintf("source%d", i)
		src := newSource(g, m.table, name, clock.Boottime()/1e6+int64(i)*300)
		all = append(all, src)
		p.streams = append(p.streams, pipeline.StreamPlan{
			Name: name, Use: "bench", Port: src, Stream: src, Channels: p.channels(name, i, src.outputs),
			Stale: time.Hour, Reopen: time.Hour,
		})
	}
	return all
}

// check compares what the server holds with what the sources sent.
func (m *machine) check(ctx context.Context, sources []*source, s *Speed) error {
	var want sum
	for _, src := range sources {
		want.n += src.sent.n
		want.hash += src.sent.hash
	}
	got, bytes, err := m.server.audit(ctx, m.device)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if got != want {
		return fmt.Errorf("audit: %d samples were sent, the stream holds %d, or others", want.n, got.n)
	}
	s.SampleBytes = float64(bytes) / float64(s.Samples)
	return nil
}
