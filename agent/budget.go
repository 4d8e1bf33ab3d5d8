package agent

import (
	"slices"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/metrics"
	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

const (
	largeFrame   = 4096      // most samples of a frame that goes to the store
	smallFrames  = 512       // frames in memory: live, and retained until Redis has them safe: 5.5 s of 10,000 samples/s and room to spare
	pendingBytes = 512 << 10 // most that one commit takes

	runtimeBytes = 3 << 20   // Go's own: stacks, tables, HTTP and TLS buffers, measured at rest
	storeBytes   = 2 << 20   // bbolt while it commits or reads, measured
	thinBytes    = 256 << 10 // a full store while it thins a segment that holds precious frames, measured
	commitFlash  = 20 << 10  // what one bbolt commit costs on flash however small, measured
	recordBytes  = 3         // a sample in a compact frame, with its part of the record, measured
)

// century is the longest autonomy that is told; more would not fit a Duration.
const century = 100 * 365 * 24 * time.Hour

// Budget is what a configuration can cost at most, and what it costs usually.
type Budget struct {
	Pool     frame.PoolSize
	Pipeline int // ring, jobs, latest values, bytes
	Pending  int // one buffer of the store's two, bytes
	Sender   int // rendering and reading the backlog, bytes
	Memory   int // worst case of all anonymous memory, bytes

	SamplesPerSecond float64
	FlashPerDay      float64 // bytes, while the uplink is down
	FlashOnline      float64 // bytes a day, while it is up: counters
	Autonomy         time.Duration
}

// budget computes a configuration's budget.
func budget(cfg *config.Config, p *plan) Budget {
	b := Budget{Pending: pendingBytes}
	b.Pool = frame.PoolSize{
		Small: smallFrames, SmallBytes: max(frame.MaxPayload(&p.schema, cfg.Uplink.Frame), 256),
		Large: 4 + 2*cfg.Workers.Count, LargeBytes: frame.MaxPayload(&p.schema, largeFrame),
	}
	o := pipeline.Options{
		Schema: &p.schema, Capacity: cfg.Queue.Capacity, Workers: cfg.Workers.Count, MaxSamples: largeFrame,
	}
	if p.engine != nil {
		o.Processor, o.Alarms = p.engine, p.process.alarms
	}
	o.Classes, o.Buses, o.Streams = p.process.classes, p.buses, p.streams
	b.Pipeline = o.Bytes()
	if p.engine != nil {
		b.Pipeline += p.engine.Bytes()
	}
	b.Pending = int(min(int64(max(b.Pending, store.RecordBytes(b.Pool.LargeBytes))), cfg.Spool.MaxSize/4))
	b.Sender = uplink.MaxBatch * b.Pool.LargeBytes
	if cfg.Uplink.Encoding == "senml" {
		b.Sender += frame.MaxSenML(&p.schema, cfg.Device, largeFrame)
	}
	b.Memory = b.Pool.Bytes() + b.Pipeline + 2*b.Pending + b.Sender + runtimeBytes + storeBytes
	if p.process.alarms || slices.Contains(p.process.classes, frame.High) {
		b.Memory += thinBytes
	}
	b.rates(cfg, p)
	if p.engine != nil && len(p.engine.AppendCounters(nil)) > 0 {
		b.FlashOnline = saveFlash * (24 * time.Hour).Minutes()
		b.FlashPerDay += b.FlashOnline
	}
	return b
}

// rates estimates from the configured periods, as if no deadband withheld
// anything; what has no period is taken to come once a second.
func (b *Budget) rates(cfg *config.Config, p *plan) {
	for i := range p.sensors {
		for k := range p.sensors[i].shown {
			every := p.sensors[i].shown[k].every
			if every <= 0 {
				every = time.Second
			}
			b.SamplesPerSecond += 1 / every.Seconds()
		}
	}
	commits := 1 / (cfg.Spool.MaxLoss.Seconds() * 4 / 5)
	perSecond := commits*commitFlash + b.SamplesPerSecond*recordBytes
	b.FlashPerDay = perSecond * (24 * time.Hour).Seconds()
	// On disk a commit takes about a page beyond its payload.
	kept := b.SamplesPerSecond*recordBytes*1.3 + commits*1024
	if kept > 0 {
		seconds := min(float64(cfg.Spool.MaxSize)/kept, century.Seconds())
		b.Autonomy = time.Duration(seconds * float64(time.Second))
	}
}

// Costs is what a configuration can cost, for `telhub check`.
type Costs struct {
	Budget
	Sensors, Channels int
}

// Rest is what Memory holds besides the parts that are told apart.
func (b *Budget) Rest() int {
	return b.Memory - b.Pool.Bytes() - b.Pipeline - 2*b.Pending - b.Sender
}

// Cost computes what a configuration can cost. It opens nothing.
func Cost(cfg *config.Config) (*Costs, error) {
	var reg metrics.Registry
	p, err := build(cfg, Openers{}, &reg)
	if err != nil {
		return nil, err
	}
	return &Costs{Budget: budget(cfg, p), Sensors: len(p.sensors), Channels: len(p.schema.Channels)}, nil
}
