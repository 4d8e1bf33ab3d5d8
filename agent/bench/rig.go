package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

const (
	ringCapacity = 1 << 16
	ahead        = 3 << 14 // samples that sources may be ahead of Redis; less than the ring holds
	poolFrames   = 256
	workers      = 2
	streams      = 2 // sources of the greatest speed
)

// rig is an agent without the parts that the measurement does not need: its
// store, its HTTP server and real sensors. Pipeline, codec, uplink and sink
// are those of the agent.
type rig struct {
	pipeline *pipeline.Pipeline
	uplink   *uplink.Uplink // nil: frames are freed instead
	pool     *frame.Pool
	sink     *counted
}

// plan is what the pipeline reads from.
type plan struct {
	schema  frame.Schema
	buses   []pipeline.BusPlan
	streams []pipeline.StreamPlan
}

// channels gives a sensor's outputs their places in the schema.
func (p *plan) channels(name string, group int, outputs []drivers.Output) (places []int) {
	for _, o := range outputs {
		places = append(places, len(p.schema.Channels))
		p.schema.Channels = append(p.schema.Channels, frame.Channel{
			Name: name + "/" + o.Name, Unit: o.Unit, Resolution: o.Resolution, Group: uint16(group),
		})
	}
	return places
}

// newRig builds a rig that sends compact frames of so many samples to sink;
// without a sink it has no uplink.
func newRig(p *plan, device string, samples int, flush time.Duration, sink uplink.Sink, acked func(int)) (*rig, error) {
	return newRigWith(p, device, samples, flush, sink, acked, func(*pipeline.Options) {})
}

// newRigWith is newRig with a pipeline that is changed first.
func newRigWith(p *plan, device string, samples int, flush time.Duration, sink uplink.Sink, acked func(int), change func(*pipeline.Options)) (*rig, error) {
	r := &rig{pool: frame.NewPool(frame.PoolSize{
		Small: poolFrames, SmallBytes: frame.MaxPayload(&p.schema, samples),
	})}
	var outlet pipeline.Outlet = discard{samples, flush}
	if sink != nil {
		r.sink = &counted{Sink: sink, acked: acked}
		r.uplink = uplink.New(uplink.Options{
			Device: device, Epoch: 1, Encoding: "compact", Flush: flush, Frame: samples, LargeFrame: samples,
			MaxLoss: time.Hour, LargeBytes: 1, Breaker: uplink.BreakerOptions{Failures: 3, Open: time.Second, OpenMax: time.Second},
			Sink: r.sink, Pool: r.pool, Frames: poolFrames,
			Boottime: clock.Boottime, Dates: undated{},
		})
		outlet = r.uplink
	}
	o := pipeline.Options{
		Buses: p.buses, Streams: p.streams, Schema: &p.schema, Pool: r.pool, Outlet: outlet,
		Capacity: ringCapacity, Workers: workers, MaxSamples: samples,
	}
	change(&o)
	var err error
	r.pipeline, err = pipeline.New(o)
	return r, err
}

// run runs the rig until drive returns, then lets what is under way arrive.
func (r *rig) run(drive func() error) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var up sync.WaitGroup
	if r.uplink != nil {
		up.Go(func() { r.uplink.Run(ctx) })
	}
	r.pipeline.Start()
	err := drive()
	stopCtx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if e := r.pipeline.Stop(stopCtx); err == nil {
		err = e
	}
	stop()
	up.Wait()
	if err == nil {
		err = r.complete()
	}
	return err
}

// complete checks the rig's own books: nothing lost, everything accepted.
func (r *rig) complete() error {
	acc := r.pipeline.Accounting()
	if acc.Lost > 0 || acc.Waiting > 0 {
		return fmt.Errorf("of %d samples %d were lost and %d did not leave the pipeline", acc.Acquired, acc.Lost, acc.Waiting)
	}
	if r.uplink == nil {
		return nil
	}
	s := r.uplink.Status()
	if got := s.Counters.Delivered[frame.Live]; got != acc.Acquired {
		return fmt.Errorf("of %d samples Redis accepted %d: %v", acc.Acquired, got, s.LastError)
	}
	return nil
}

// counted is a sink that tells how many samples it brought. The sender's
// goroutine calls it.
type counted struct {
	uplink.Sink
	acked func(samples int) // may be nil
	last  atomic.Int64      // when the last batch was acknowledged, Unix ns
}

// Append implements uplink.Sink.
func (c *counted) Append(ctx context.Context, b *uplink.Batch) error {
	if err := c.Sink.Append(ctx, b); err != nil {
		return err
	}
	n := 0
	for i := range b.Items {
		n += int(b.Items[i].N)
	}
	c.last.Store(time.Now().UnixNano())
	if c.acked != nil {
		c.acked(n)
	}
	return nil
}

// discard is the outlet of an agent without an uplink.
type discard struct {
	samples int
	flush   time.Duration
}

// Shape implements pipeline.Outlet.
func (d discard) Shape() (int, time.Duration) { return d.samples, d.flush }

// Submit implements pipeline.Outlet.
func (discard) Submit(f *frame.Frame) { f.Free() }

// nowhere is the sink of an agent without a server: it accepts everything.
type nowhere struct{}

// Open implements uplink.Sink.
func (nowhere) Open(context.Context, uint64, *[frame.Lanes]uplink.Mark) (uplink.Durability, error) {
	return uplink.Memory, nil
}

// Append implements uplink.Sink.
func (nowhere) Append(context.Context, *uplink.Batch) error { return nil }

// Sync implements uplink.Sink.
func (nowhere) Sync(context.Context, *[frame.Lanes]frame.ID) error { return nil }

// ownCPU is the processor time that this process has used.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// undated is a clock that was never set.
type undated struct{}

func (undated) Dating() frame.Dating                             { return frame.Dating{} }
func (undated) Of(frame.BootID, int64) frame.Dating              { return frame.Dating{} }
func (undated) Bounds(frame.BootID, int64) (after, before int64) { return 0, 0 }
