package pipeline

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// ms is the unit in which tests speak of time since Start.
const ms = int64(time.Millisecond)

// boot is the tests' boottime at their beginning.
const boot = 1000 * ms

// rig is a pipeline with fakes at both ends. Its clock follows the bubble's.
type rig struct {
	*Pipeline
	t     *testing.T
	out   *outlet
	opts  Options
	begun time.Time

	mu     sync.Mutex // guards events
	events []string
}

// newRig prepares a pipeline for channels channels; tests add plans to opts
// and call start.
func newRig(t *testing.T, channels int) *rig {
	r := &rig{t: t, begun: time.Now()}
	r.out = &outlet{now: r.now, samples: 256, age: time.Second}
	schema := &frame.Schema{}
	for i := range channels {
		schema.Channels = append(schema.Channels, frame.Channel{Name: fmt.Sprintf("s/c%d", i), Group: uint16(i)})
	}
	r.opts = Options{
		Schema: schema, Outlet: r.out, Now: r.now, Notify: r.notify,
		Pool: frame.NewPool(frame.PoolSize{Small: 64, SmallBytes: 16 << 10}),
	}
	return r
}

func (r *rig) now() int64 { return boot + int64(time.Since(r.begun)) }

func (r *rig) notify(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, fmt.Sprintf("%d %s%s %d %v", e.Kind, e.Name, prefixed(e.Step), e.N, e.Err))
}

// prefixed is a step after a space, or nothing.
func prefixed(step string) string {
	if step == "" {
		return ""
	}
	return " " + step
}

// build makes the pipeline, with an encoder that the outlet can read back.
func (r *rig) build() *rig {
	r.t.Helper()
	p, err := New(r.opts)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := range p.encoders {
		p.encoders[i] = rawEncoder{}
	}
	r.Pipeline = p
	return r
}

func (r *rig) start() *rig {
	r.t.Helper()
	r.build()
	r.Start()
	return r
}

// stopAll stops the pipeline and checks that nothing is unaccounted for.
func (r *rig) stopAll() {
	r.t.Helper()
	if err := r.Stop(r.t.Context()); err != nil {
		r.t.Errorf("Stop: %v", err)
	}
	r.balance()
}

func (r *rig) balance() {
	r.t.Helper()
	a := r.Accounting()
	framed, lost := r.out.totals()
	if a.Waiting != 0 || a.Framed != framed || a.Lost != lost || a.Acquired+a.Made != framed+lost+a.Withheld {
		r.t.Errorf("accounting %+v, the outlet has %d framed, %d lost", a, framed, lost)
	}
}

// pass lets time pass inside a driver's call.
func pass(d time.Duration) { <-time.After(d) }

// wait lets the bubble's time pass and everybody come to rest.
func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// bus adds a bus of sensors, each with the channels that follow.
func (r *rig) bus(reopen func() error, sensors ...Polled) {
	next := 0
	for _, b := range r.opts.Buses {
		for _, s := range b.Sensors {
			next += len(s.Channels)
		}
	}
	for i := range sensors {
		for range sensors[i].Sensor.Outputs() {
			sensors[i].Channels = append(sensors[i].Channels, next)
			next++
		}
	}
	name := fmt.Sprintf("bus%d", len(r.opts.Buses))
	r.opts.Buses = append(r.opts.Buses, BusPlan{Name: name, Sensors: sensors, Reopen: reopen})
}

func (r *rig) sensor(i int) SensorStats { return r.AppendSensors(nil)[i] }

// device is a fake sensor of one output, scripted by read and init, which may
// let time pass; both may be nil.
type device struct {
	now   func() int64
	read  func(n int, dst *drivers.Reading) (time.Duration, error) // n counts reads from 0
	init  func(n int) error
	reads []int64 // ms since the beginning
	inits []int64
}

func (r *rig) device() *device { return &device{now: r.now} }

func (d *device) polled(name string, every time.Duration) Polled {
	return Polled{Name: name, Use: "fake", Sensor: d, Every: every}
}

func (d *device) Outputs() []drivers.Output { return []drivers.Output{{Name: "x"}} }

func (d *device) Init() error {
	d.inits = append(d.inits, (d.now()-boot)/ms)
	if d.init != nil {
		return d.init(len(d.inits) - 1)
	}
	return nil
}

func (d *device) Read(dst *drivers.Reading) (time.Duration, error) {
	n := len(d.reads)
	d.reads = append(d.reads, (d.now()-boot)/ms)
	if d.read != nil {
		return d.read(n, dst)
	}
	dst.Set(0, float64(n))
	return 0, nil
}

// rawEncoder writes samples as they are, so that tests see them all.
type rawEncoder struct{}

func (rawEncoder) Encode(f *frame.Frame, samples []drivers.Sample) error {
	for _, s := range samples {
		f.Payload = binary.LittleEndian.AppendUint64(f.Payload, uint64(s.Stamp))
		f.Payload = binary.LittleEndian.AppendUint64(f.Payload, math.Float64bits(s.Value))
		f.Payload = binary.LittleEndian.AppendUint16(f.Payload, s.Channel)
		f.Payload = append(f.Payload, byte(s.Quality), byte(s.Kind), byte(s.Alarm))
	}
	f.Kind, f.N = frame.Data, uint32(len(samples))
	return nil
}

func rawDecode(p []byte) (samples []drivers.Sample) {
	for ; len(p) > 0; p = p[21:] {
		samples = append(samples, drivers.Sample{
			Stamp:   int64(binary.LittleEndian.Uint64(p)),
			Value:   math.Float64frombits(binary.LittleEndian.Uint64(p[8:])),
			Channel: binary.LittleEndian.Uint16(p[16:]),
			Quality: drivers.Quality(p[18]), Kind: drivers.Kind(p[19]), Alarm: drivers.Alarm(p[20]),
		})
	}
	return samples
}

// record is what the outlet saw of one frame.
type record struct {
	at      int64 // ms since the beginning
	class   frame.Class
	gap     *frame.GapInfo
	samples []drivers.Sample
}

// outlet records frames; it keeps them from their pool while holding.
type outlet struct {
	now func() int64

	mu      sync.Mutex // guards the rest
	samples int
	age     time.Duration
	frames  []record
	holding bool
	held    []*frame.Frame
}

func (o *outlet) Shape() (int, time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.samples, o.age
}

func (o *outlet) reshape(samples int, age time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.samples, o.age = samples, age
}

func (o *outlet) Submit(f *frame.Frame) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rec := record{at: (o.now() - boot) / ms, class: f.Class}
	if f.Kind == frame.Gap {
		g, err := frame.ParseGapInfo(f.Payload)
		if err != nil {
			panic(err)
		}
		rec.gap = &g
	} else {
		rec.samples = rawDecode(f.Payload)
	}
	o.frames = append(o.frames, rec)
	if o.holding {
		o.held = append(o.held, f)
		return
	}
	f.Free()
}

func (o *outlet) hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.holding = true
}

// release frees what was held.
func (o *outlet) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.holding = false
	for _, f := range o.held {
		f.Free()
	}
	o.held = nil
}

func (o *outlet) records() []record {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.frames)
}

func (o *outlet) totals() (framed, lost uint64) {
	for _, r := range o.records() {
		framed += uint64(len(r.samples))
		if r.gap != nil {
			lost += uint64(r.gap.N)
		}
	}
	return framed, lost
}

// statuses lists a channel's status samples as "ms word".
func (o *outlet) statuses(channel uint16) (words []string) {
	for _, r := range o.records() {
		for _, s := range r.samples {
			if s.Channel == channel && s.Kind == drivers.KindStatus {
				words = append(words, fmt.Sprintf("%d %v", (s.Stamp-boot)/ms, s.Quality))
			}
		}
	}
	return words
}

// values lists a channel's values.
func (o *outlet) values(channel uint16) (values []float64) {
	for _, r := range o.records() {
		for _, s := range r.samples {
			if s.Channel == channel && s.Kind == drivers.KindValue {
				values = append(values, s.Value)
			}
		}
	}
	return values
}

// stamps lists when a channel's values were taken.
func (o *outlet) stamps(channel uint16) (stamps []int64) {
	for _, r := range o.records() {
		for _, s := range r.samples {
			if s.Channel == channel && s.Kind == drivers.KindValue {
				stamps = append(stamps, s.Stamp)
			}
		}
	}
	return stamps
}

func equal[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
