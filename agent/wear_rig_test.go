package agent

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/agent/flash"
	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// weather is a sensor of values that wander as those of a room do: a slow
// change, and noise of a step or two.
type weather struct {
	rng  *rand.Rand
	outs []drivers.Output
	at   float64
}

func (w *weather) Outputs() []drivers.Output { return w.outs }
func (w *weather) Init() error               { return nil }
func (w *weather) Read(dst *drivers.Reading) (time.Duration, error) {
	w.at++
	for i := range w.outs {
		v := 20 + 5*math.Sin(w.at/3600+float64(i)) + 0.01*w.rng.NormFloat64()
		dst.Set(i, math.Round(v*100)/100)
	}
	return 0, nil
}

// nobody is a server that is away.
type nobody struct{}

var errAway = errors.New("connection refused")

func (nobody) Open(context.Context, uint64, *[frame.Lanes]uplink.Mark) (uplink.Durability, error) {
	return 0, errAway
}
func (nobody) Append(context.Context, *uplink.Batch) error        { return errAway }
func (nobody) Sync(context.Context, *[frame.Lanes]frame.ID) error { return errAway }
func (nobody) Dating() frame.Dating                               { return frame.Dating{} }
func (nobody) Of(frame.BootID, int64) frame.Dating                { return frame.Dating{} }
func (nobody) Bounds(frame.BootID, int64) (after, before int64)   { return 0, 0 }

// outage is an agent's way from sensors to flash while Redis is away, in
// simulated time: the pipeline, uplink, store and books are the agent's, the
// writes are real.
type outage struct {
	sensors, outputs int
	every            time.Duration
	maxLoss          time.Duration
	budget           int64
	segment          int64
}

// spent is what an outage has come to.
type spent struct {
	samples, frames, payload uint64
	commits, segments        int64
	own, device              int64 // bytes: given to write calls; to the device, if it has one of its own
	metered                  int64 // by the agent's books
	hours                    []int64
	window                   time.Duration // in the end
	widest                   time.Duration
}

// flashDir is where the writes go. TELHUB_FLASH_DIR names a file system that
// nobody else writes to: then device counts are exact.
func flashDir(t *testing.T) (dir string, own bool) {
	t.Helper()
	base := os.Getenv("TELHUB_FLASH_DIR")
	if base == "" {
		return t.TempDir(), false
	}
	dir, err := os.MkdirTemp(base, "spool")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir, true
}

// run lets an outage last.
func (o outage) run(t *testing.T, d time.Duration) (x spent) {
	t.Helper()
	dir, _ := flashDir(t)
	device, err := flash.Find("/", dir)
	if err != nil {
		t.Logf("device bytes are not known: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		now := func() int64 { return int64(time.Since(begin)) + int64(time.Hour) }
		p := o.plan()
		large := frame.MaxPayload(&p.schema, largeFrame)
		pool := frame.NewPool(frame.PoolSize{Small: smallFrames, SmallBytes: frame.MaxPayload(&p.schema, 256), Large: 8, LargeBytes: large})
		s, report, err := store.Open(store.Options{
			Dir: dir, MaxBytes: 512 << 20, PendingBytes: max(pendingBytes, store.RecordBytes(large)), SegmentBytes: o.segment,
			Boot: thisBoot, Now: func() int64 { return now() / 1e6 },
		})
		if err != nil {
			t.Fatal(err)
		}
		syscall.Sync()
		if device, err = flash.Find("/", dir); err != nil {
			device = nil
		}
		before := s.Stats().WrittenBytes
		g := flash.New(flash.Options{Budget: o.budget, MaxLoss: o.maxLoss}, nil, now())
		w := &wear{governor: g, device: device, store: s, now: now, longer: make(chan struct{}, 1)}
		w.note(false)
		up := uplink.New(uplink.Options{
			Device: "pi-01", Boot: thisBoot, Epoch: report.Epoch, Encoding: "compact",
			Flush: time.Second, Frame: 256, LargeFrame: largeFrame, MaxLoss: o.maxLoss, Window: w.window, LargeBytes: large,
			Breaker: uplink.BreakerOptions{Failures: 5, Open: 5 * time.Second, OpenMax: time.Minute},
			Store:   spool{Store: s, wear: w}, Sink: nobody{}, Pool: pool, Frames: smallFrames + 8, Boottime: now, Dates: nobody{}, Seed: 1,
		})
		pipe, err := pipeline.New(pipeline.Options{
			Buses: p.buses, Schema: &p.schema, Pool: pool, Outlet: up, MaxSamples: largeFrame, Now: now,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan bool)
		go func() { done <- up.Run(ctx) }()
		pipe.Start()
		o.watch(t, d, w, s, &x)
		st := s.Stats()
		for _, l := range st.Lanes {
			x.frames += uint64(l.Frames)
			x.payload += uint64(l.Payload)
		}
		x.samples, _ = s.Samples()
		x.commits, x.segments, x.own, x.metered = st.Commits, int64(st.Segments), st.WrittenBytes-before, g.Total()
		x.window = w.window()
		if device != nil {
			syscall.Sync()
			x.device = device.Written()
		}
		if err := pipe.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		cancel()
		if !<-done {
			t.Error("the run ended with losses that nothing declares")
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// watch lets time pass and does what the checkpoint's goroutine does.
func (o outage) watch(t *testing.T, d time.Duration, w *wear, s *store.Store, x *spent) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		hour := min(time.Hour, time.Until(end))
		was, timer := w.governor.Total(), time.After(hour)
		for again := true; again; {
			select {
			case <-w.longer:
				state := w.governor.State(w.now(), false)
				w.saved()
				w.governor.Saved(state)
			case <-time.After(time.Minute):
				w.note(false)
				x.widest = max(x.widest, w.window())
			case <-timer:
				again = false
			}
		}
		w.saved() // the checkpoint's, each hour
		x.hours = append(x.hours, w.governor.Total()-was)
	}
}

// plan makes the buses of an outage.
func (o outage) plan() (p plan) {
	bus := pipeline.BusPlan{Name: "sim"}
	for i := range o.sensors {
		w := &weather{rng: rand.New(rand.NewPCG(uint64(i), 1))}
		var places []int
		name := "s" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		for k := range o.outputs {
			out := drivers.Output{Name: "v" + string(rune('a'+k)), Unit: "Cel", Resolution: 0.01}
			w.outs = append(w.outs, out)
			places = append(places, len(p.schema.Channels))
			p.schema.Channels = append(p.schema.Channels, frame.Channel{Name: name + "/" + out.Name, Unit: out.Unit, Resolution: out.Resolution, Group: uint16(i)})
		}
		bus.Sensors = append(bus.Sensors, pipeline.Polled{Name: name, Use: "sim", Sensor: w, Every: o.every, Channels: places})
	}
	p.buses = []pipeline.BusPlan{bus}
	return p
}

func (o outage) rate() float64 { return float64(o.sensors*o.outputs) / o.every.Seconds() }
