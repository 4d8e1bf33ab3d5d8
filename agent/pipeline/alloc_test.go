package pipeline

import (
	"context"
	"fmt"
	"runtime"
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

// chain is a running pipeline with the real clock and encoders, whose only
// sensor is served by the test.
func chain(t testing.TB, q *quad, samples int) (*Pipeline, *poller, *sink) {
	schema := &frame.Schema{}
	for i := range q.outs {
		schema.Channels = append(schema.Channels, frame.Channel{Name: fmt.Sprintf("q/%d", i), Resolution: 0.125})
	}
	out := &sink{submitted: make(chan uint32, 64), samples: samples}
	observer := new(metrics.Registry).Histogram("test_seconds", "Of the test.", metrics.DurationBuckets())
	p, err := New(Options{
		Schema: schema, Outlet: out, Tick: time.Nanosecond, Processing: observer,
		Pool: frame.NewPool(frame.PoolSize{Small: 16, SmallBytes: frame.MaxPayload(schema, samples)}),
	})
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
	s := newPoller(&p.in, &BusPlan{Name: "b", Jitter: observer}, &Polled{
		Name: "q", Sensor: q, Every: time.Second, Channels: []int{0, 1, 2, 3},
		ReadDuration: observer, Lateness: observer,
	}, 0)
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
			p, s, out := chain(t, &quad{fail: fail}, perFrame)
			oneFrame := func() {
				for {
					for p.in.normal.ring.Len() > 4*perFrame { // an overrun's record would allocate
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
		})
	}
}

func TestStreamAllocatesNothing(t *testing.T) {
	p, _, _ := chain(t, &quad{}, 64)
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

// BenchmarkRingToSubmit measures ring, dispatcher, workers and the compact
// encoder at full speed; one operation is one sample.
func BenchmarkRingToSubmit(b *testing.B) {
	for _, samples := range []int{256, 1024} {
		b.Run(fmt.Sprint(samples), func(b *testing.B) {
			p, _, out := chain(b, &quad{}, samples)
			go func() {
				for range out.submitted {
				}
			}()
			b.ReportAllocs()
			const reading = 4
			var batch [reading]drivers.Sample
			for i := 0; i < b.N; i += reading {
				// Half a ring: what a producer outruns is not to be measured.
				for p.in.normal.ring.Len() > p.in.normal.ring.Cap()/2 {
					time.Sleep(10 * time.Microsecond)
				}
				for c := range batch {
					batch[c] = drivers.Sample{
						Stamp: int64(i) * 1e6, Channel: uint16(c), Value: float64(200+(i*(c+1))%64) / 8,
					}
				}
				p.in.normal.push(batch[:], int64(i)*1e6)
			}
			for a := p.Accounting(); a.Waiting >= uint64(samples); a = p.Accounting() {
				time.Sleep(10 * time.Microsecond)
			}
			if lost := p.Stats().RingLost; lost > 0 {
				b.Errorf("%d samples were overwritten", lost)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}

// BenchmarkServe is the cost of one reading of four outputs, from the bus
// owner's decision to the ring.
func BenchmarkServe(b *testing.B) {
	_, s, out := chain(b, &quad{}, 256)
	go func() {
		for range out.submitted {
		}
	}()
	b.ReportAllocs()
	for range b.N {
		s.soon(s.in.now())
		s.serve()
	}
}
