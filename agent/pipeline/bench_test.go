package pipeline

import (
	"fmt"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// BenchmarkRingToSubmit measures ring, dispatcher, workers and the compact
// encoder at full speed; one operation is one sample.
func BenchmarkRingToSubmit(b *testing.B) {
	for _, samples := range []int{256, 1024} {
		b.Run(fmt.Sprint(samples), func(b *testing.B) {
			p, _, out := served(b, &quad{}, samples)
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
	_, s, out := served(b, &quad{}, 256)
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

// BenchmarkDispatch is the dispatcher's part alone, in one goroutine: from ring
// to sealed frame; one operation is one sample.
func BenchmarkDispatch(b *testing.B) {
	for name, adapt := range map[string]func(*Options, *Polled){
		"direct": func(*Options, *Polled) {}, "processed": leanly,
	} {
		b.Run(name, func(b *testing.B) { dispatch(b, adapt) })
	}
}

func dispatch(b *testing.B, adapt func(*Options, *Polled)) {
	const samples = 1024
	schema := &frame.Schema{Channels: make([]frame.Channel, 4)}
	for i := range schema.Channels {
		schema.Channels[i].Name = fmt.Sprintf("q/%d", i)
	}
	o := Options{
		Schema: schema, Outlet: &sink{samples: samples},
		Pool: frame.NewPool(frame.PoolSize{Small: 16, SmallBytes: frame.MaxPayload(schema, samples)}),
	}
	adapt(&o, nil)
	p, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	batch := make([]drivers.Sample, samples)
	for i := range batch {
		batch[i] = drivers.Sample{Stamp: p.in.now(), Channel: uint16(i % 4), Value: float64(i)}
	}
	b.ReportAllocs()
	for i := 0; i < b.N; i += samples {
		p.in.normal.push(batch, 1)
		p.dispatcher.pump(false)
		for len(p.flow.work) > 0 { // no worker runs
			j := <-p.flow.work
			<-p.flow.order
			j.frame.Free()
			j.samples = j.samples[:0]
			p.flow.free <- j
		}
	}
}
