package agent

import (
	"fmt"
	"slices"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/flash"
	"github.com/telhub/telhub/agent/metrics"
	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/internal/brief"
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
	recordBytes  = 3         // a sample in a compact frame, with its part of the record, where frames are small, measured
)

// What flash is written, in bytes on the device, measured on ext4 (docs/flash.md).
const (
	commitFlash  = 18_500 // for a commit however small
	growFlash    = 22_400 // for a commit by which files grow: the file system's journal …
	growPayload  = 1_600  // … which each does that brings so much; of smaller ones some do
	payloadFlash = 1.25   // for a byte of payload

	frameBytes   = 24   // of a frame, whatever is in it …
	channelBytes = 3    // … for each channel that is in it …
	sampleBytes  = 0.75 // … for each sample of a channel of known resolution …
	floatBytes   = 6    // … and of any other
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
	PayloadPerSecond float64       // bytes of samples in large frames
	FlashUnlimited   float64       // bytes a day, while the uplink is down and every commit comes by max_loss
	FlashPerDay      float64       // … and as flash_budget has it
	FlashOnline      float64       // bytes a day, while it is up: the checkpoint
	Window           time.Duration // what a power cut may cost late in a long outage; max_loss, or more by flash_budget
	Commits          time.Duration // how far apart commits then are
	Autonomy         time.Duration

	channels int
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
	b.FlashOnline = saveFlash * 24 * 60 / saveBoots
	if len(p.counters()) > 0 {
		b.FlashOnline = saveFlash * 24 * 60
	}
	b.rates(cfg, p)
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
			each := float64(floatBytes)
			if p.sensors[i].shown[k].Resolution > 0 {
				each = sampleBytes
			}
			b.SamplesPerSecond += 1 / every.Seconds()
			b.PayloadPerSecond += each / every.Seconds()
		}
	}
	b.channels = len(p.schema.Channels)
	b.Window = cfg.Spool.MaxLoss
	b.FlashUnlimited = b.flash(b.Window)
	if limit := cfg.Spool.FlashBudget; limit > 0 && b.FlashUnlimited > float64(limit) {
		b.Window = b.stretched(limit, cfg.Spool.MaxLoss)
	}
	b.FlashPerDay, b.Commits = b.flash(b.Window), b.apart(b.Window)
	// On disk a commit takes about a page beyond its payload.
	kept := b.SamplesPerSecond*recordBytes*1.3 + 1024/b.Commits.Seconds()
	if kept > 0 {
		seconds := min(float64(cfg.Spool.MaxSize)/kept, century.Seconds())
		b.Autonomy = time.Duration(seconds * float64(time.Second))
	}
}

// apart is how far apart commits are: as the window asks, or as the store's
// memory does.
func (b *Budget) apart(window time.Duration) time.Duration {
	seconds := window.Seconds() * flash.CommitsApart
	if b.PayloadPerSecond > 0 {
		seconds = min(seconds, float64(b.Pending)/b.PayloadPerSecond)
	}
	return time.Duration(seconds * float64(time.Second))
}

// flash is what a day without an uplink costs with a loss window.
func (b *Budget) flash(window time.Duration) float64 {
	apart := b.apart(window).Seconds()
	payload := 2*float64(frameBytes+channelBytes*b.channels) + b.PayloadPerSecond*apart
	commit := commitFlash + growFlash*min(payload/growPayload, 1) + payloadFlash*payload
	return commit/apart*day.Seconds() + b.FlashOnline
}

// stretched is the loss window that flash.Governor comes to in a long outage:
// the shortest that what flows in pays for.
func (b *Budget) stretched(limit int64, least time.Duration) time.Duration {
	income := flash.Refill(limit) * day.Seconds()
	for window := least; window < flash.Longest; window += max(time.Second, (window / 64).Round(time.Second)) {
		if b.flash(window) <= income {
			return window
		}
	}
	return max(flash.Longest, least)
}

const day = 24 * time.Hour

// Costs is what a configuration can cost, for `telhub check`.
type Costs struct {
	Budget
	Sensors, Channels int
}

// Rest is what Memory holds besides the parts that are told apart.
func (b *Budget) Rest() int {
	return b.Memory - b.Pool.Bytes() - b.Pipeline - 2*b.Pending - b.Sender
}

// Unknown says of which sensors the file does not tell how fast they are, and
// what is taken instead. Others that speak by themselves are taken to
// send once in every.
func (c *Costs) Unknown(cfg *config.Config) (list []string) {
	for i := range cfg.Sensors {
		if s := &cfg.Sensors[i]; s.Speaks && s.Engine.Kind == catalog.Local && s.Period == 0 {
			list = append(list, fmt.Sprintf("sensor[%s]: nothing says how many scans a second come, so that one is counted in what follows; set sampling_frequency", s.Name))
		}
	}
	return list
}

// Contradictions says where max_loss and flash_budget do not go together, and
// what then happens.
func (c *Costs) Contradictions(cfg *config.Config) []string {
	limit := float64(cfg.Spool.FlashBudget)
	if limit == 0 || c.FlashUnlimited <= limit {
		return nil
	}
	list := []string{fmt.Sprintf("spool.max_loss = %s costs about %s a day at %.3g samples/s, spool.flash_budget allows %s: "+
		"in outages of more than some minutes commits come every %s, so a power cut may cost %s; raise spool.flash_budget or spool.max_loss",
		seconds(cfg.Spool.MaxLoss), brief.Bytes(c.FlashUnlimited), c.SamplesPerSecond, brief.Bytes(limit), seconds(c.Commits), seconds(c.Window))}
	if c.FlashPerDay > limit {
		list = append(list, fmt.Sprintf("spool.flash_budget = %s cannot be kept: even so an outage costs about %s a day, %s of it the samples themselves; "+
			"raise it, send less (a deadband, a longer every), or accept that it is exceeded: samples are never given up for it",
			brief.Bytes(limit), brief.Bytes(c.FlashPerDay), brief.Bytes(payloadFlash*c.PayloadPerSecond*day.Seconds())))
	}
	return list
}

// seconds prints a duration to the second.
func seconds(d time.Duration) string {
	if d >= time.Second {
		d = d.Round(time.Second)
	}
	return brief.Duration(d)
}

// Cost computes what a configuration can cost. It opens nothing.
func Cost(cfg *config.Config) (*Costs, error) {
	var reg metrics.Registry
	p, err := build(cfg, Openers{dry: true}, &reg)
	if err != nil {
		return nil, err
	}
	return &Costs{Budget: budget(cfg, p), Sensors: len(p.sensors), Channels: len(p.schema.Channels)}, nil
}
