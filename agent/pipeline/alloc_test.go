package pipeline

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/metrics"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// sink frees what it gets and reports each frame.
type sink struct {
	submitted chan uint32
	samples   int
}

func (s *sink) Shape() (int, time.Duration) { return s.samples, time.Hour }

func (s *sink) Submit(f *frame.Frame) {
	n := f.N
	f.Free()
	select {
	case s.submitted <- n:
	default: // nobody counts any more
	}
}

// quad is a sensor of four outputs that fails as told.
type quad struct {
	n    int
	fail func(n int) error
	outs [4]drivers.Output
}

func (q *quad) Outputs() []drivers.Output { return q.outs[:] }
func (q *quad) Init() error               { return nil }

func (q *quad) Read(dst *drivers.Reading) (time.Duration, error) {
	q.n++
	if q.fail != nil {
		if err := q.fail(q.n); err != nil {
			return 0, err
		}
	}
	for i := range q.outs {
		dst.Set(i, float64(q.n*i)/8)
	}
	return 0, nil
}

// served is a running pipeline with the real clock and encoders, whose only
// sensor is served by the test.
func served(t testing.TB, q *quad, samples int, adapt ...func(*Options, *Polled)) (*Pipeline, *poller, *sink) {
	schema := &frame.Schema{}
	for i := range q.outs {
		schema.Channels = append(schema.Channels, frame.Channel{Name: fmt.Sprintf("q/%d", i), Resolution: 0.125})
	}
	out := &sink{submitted: make(chan uint32, 64), samples: samples}
	observer := new(metrics.Registry).Histogram("test_seconds", "Of the test.", metrics.DurationBuckets())
	o := Options{
		Schema: schema, Outlet: out, Tick: time.Nanosecond, Processing: observer,
		Pool: frame.NewPool(frame.PoolSize{Small: 16, SmallBytes: frame.MaxPayload(schema, samples)}),
	}
	plan := &Polled{
		Name: "q", Sensor: q, Every: time.Second, Channels: []int{0, 1, 2, 3},
		ReadDuration: observer, Lateness: observer,
	}
	for _, f := range adapt {
		f(&o, plan)
	}
	if plan.High { // its ring exists if a plan says so
		o.Streams = []StreamPlan{{Name: "high", Port: mute{}, Stream: &letters{}, Channels: []int{-1, -1}, High: true}}
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	s := newPoller(&p.in, &BusPlan{Name: "b", Jitter: observer}, plan, 0)
	s.start(p.in.now())
	return p, s, out
}

func TestReadToSubmitAllocatesNothing(t *testing.T) {
	const perFrame = 64
	for name, fail := range map[string]func(n int) error{
		"success": nil,
		"transient": func(n int) error {
			if n%3 == 0 {
				return drivers.ErrNACK
			}
			return nil
		},
		"changing errors": func(n int) error {
			return [...]error{drivers.ErrTimeout, nil, drivers.ErrInvalid, nil, drivers.ErrUnplugged, nil,
				drivers.ErrNotReady, nil, drivers.ErrCRC, nil}[n%10]
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, s, out := served(t, &quad{fail: fail}, perFrame)
			checkFrames(t, p, s, out, perFrame)
		})
	}
}

// checkFrames checks that frame after frame is made without allocating.
func checkFrames(t *testing.T, p *Pipeline, s *poller, out *sink, perFrame int) {
	t.Helper()
	oneFrame := func() {
		for {
			for s.feed.ring.Len() > s.feed.ring.Cap()/4 { // an overrun's record would allocate
				runtime.Gosched()
			}
			s.soon(s.in.now())
			s.serve()
			select {
			case <-out.submitted:
				return
			default:
			}
		}
	}
	for range 20 {
		oneFrame()
	}
	if got := testing.AllocsPerRun(200, oneFrame); got != 0 {
		t.Errorf("%v allocations a frame", got)
	}
	if a := p.Accounting(); a.Lost > 0 {
		t.Errorf("accounting %+v: an overrun was measured", a)
	}
}

// mute is a port from which nothing comes.
type mute struct{}

func (mute) Read([]byte) (int, error) {
	<-time.After(50 * time.Millisecond)
	return 0, drivers.ErrTimeout
}
func (mute) Reopen() error { return nil }

// lean is a Processor that withholds, makes and raises by the count of what it
// has seen.
type lean struct {
	latest         *Latest
	n              int
	due            int64
	made, withheld atomic.Uint64
}

func (l *lean) Process(dst, raw []drivers.Sample) []drivers.Sample {
	for i := range raw {
		s := raw[i]
		s.Value = s.Value*2 + 1
		l.latest.Observe(&s)
		switch l.n++; {
		case l.n%4 == 0:
			l.withheld.Add(1)
			continue
		case l.n%5 == 0:
			l.made.Add(1)
			dst = append(dst, s)
		case l.n%512 == 1:
			l.made.Add(1)
			dst = append(dst, drivers.Sample{Stamp: s.Stamp, Channel: s.Channel, Kind: drivers.KindAlarm, Alarm: drivers.AlarmLow})
		}
		dst = append(dst, s)
	}
	return dst
}

func (l *lean) Advance(dst []drivers.Sample, now int64) []drivers.Sample {
	l.due = now + int64(time.Millisecond)
	l.made.Add(1)
	return append(dst, drivers.Sample{Stamp: now})
}

func (l *lean) Finish(dst []drivers.Sample, now int64) []drivers.Sample { return l.Advance(dst, now) }
func (l *lean) Next() int64                                             { return l.due }
func (l *lean) MaxOut(n int) int                                        { return 2*n + 1 }
func (l *lean) Counts() (uint64, uint64)                                { return l.made.Load(), l.withheld.Load() }

// leanly gives a served pipeline a Processor.
func leanly(o *Options, _ *Polled) {
	o.Latest = NewLatest(len(o.Schema.Channels), int64(time.Second))
	o.Processor, o.Alarms = &lean{latest: o.Latest}, true
}

func TestProcessingAllocatesNothing(t *testing.T) {
	p, s, out := served(t, &quad{}, 64, leanly)
	checkFrames(t, p, s, out, 64)
	if a := p.Accounting(); a.Made == 0 || a.Withheld == 0 {
		t.Errorf("accounting %+v shows nothing", a)
	}
}

func TestHighPriorityAllocatesNothing(t *testing.T) {
	p, s, out := served(t, &quad{}, 64, leanly, func(o *Options, plan *Polled) {
		plan.High = true
		o.Classes = []frame.Class{frame.High, frame.Normal, frame.High, frame.Normal}
	})
	checkFrames(t, p, s, out, 64)
}

func TestOversamplingAllocatesNothing(t *testing.T) {
	p, s, out := served(t, &quad{fail: func(n int) error {
		if n%50 == 0 {
			return drivers.ErrTimeout
		}
		return nil
	}}, 64, func(_ *Options, plan *Polled) {
		plan.Every, plan.Oversample = 64*time.Millisecond, 64
	})
	now := s.in.now()
	s.in = &intake{now: func() int64 { now += int64(time.Millisecond); return now }, latest: p.in.latest}
	before := s.count.readings.Load()
	if got := testing.AllocsPerRun(5000, func() {
		for s.feed.ring.Len() > s.feed.ring.Cap()/4 {
			runtime.Gosched()
		}
		s.serve()
		select {
		case <-out.submitted:
		default:
		}
	}); got != 0 {
		t.Errorf("%v allocations a reading", got)
	}
	if n := s.count.readings.Load() - before; n < 40 {
		t.Errorf("%d means published", n)
	}
}

func TestStreamAllocatesNothing(t *testing.T) {
	p, _, _ := served(t, &quad{}, 64)
	s := newStream(&p.in, &StreamPlan{Name: "s", Stream: &letters{}, Channels: []int{0, 1}})
	s.start(p.in.now())
	chunk := []byte("1x2?_")
	if got := testing.AllocsPerRun(1000, func() {
		s.decode(chunk, p.in.now())
		s.idle(p.in.now())
		s.checkStale(p.in.now())
		s.failed(drivers.ErrUnplugged, p.in.now())
		s.all(drivers.Lost, p.in.now())
		select {
		case <-p.dispatcher.outlet.(*sink).submitted:
		default:
		}
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
