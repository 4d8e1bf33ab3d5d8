package pipeline

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// slowOutlet frees its frames in bursts and late, so that the pool runs dry
// again and again, and changes its mind about their size.
type slowOutlet struct {
	frames chan *frame.Frame
	lost   uint64
	framed uint64
	shapes int
	mu     sync.Mutex // guards shapes
}

func (o *slowOutlet) Shape() (int, time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shapes++
	return []int{16, 256, 31}[o.shapes/64%3], time.Millisecond
}

func (o *slowOutlet) Submit(f *frame.Frame) { o.frames <- f }

func (o *slowOutlet) run(t *testing.T) {
	var held []*frame.Frame
	for f := range o.frames {
		if f.Kind == frame.Gap {
			g, err := frame.ParseGapInfo(f.Payload)
			if err != nil {
				t.Error(err)
			}
			o.lost += uint64(g.N)
		} else {
			o.framed += uint64(f.N)
		}
		if held = append(held, f); len(held) == 6 {
			for _, f := range held {
				f.Free()
			}
			held = held[:0]
		}
	}
}

// Producers on all cores outrun a small ring, a small pool and an outlet that
// dawdles: whatever happens, what was acquired is framed or declared.
func TestNothingVanishesUnderStress(t *testing.T) {
	t.Run("direct", func(t *testing.T) { stress(t, func(*Options) {}) })
	t.Run("processed", func(t *testing.T) {
		stress(t, func(o *Options) {
			o.Latest = NewLatest(len(o.Schema.Channels), int64(time.Second))
			o.Processor, o.Alarms = &lean{latest: o.Latest}, true
		})
	})
	t.Run("two rings", func(t *testing.T) {
		stress(t, func(o *Options) {
			o.Streams = []StreamPlan{{Name: "high", Port: mute{}, Stream: &letters{}, Channels: []int{11, -1}, High: true}}
			o.Latest = NewLatest(len(o.Schema.Channels), int64(time.Second))
			o.Processor, o.Alarms = &lean{latest: o.Latest}, true
		})
	})
}

func stress(t *testing.T, adapt func(*Options)) {
	const producers, each, channels = 4, 20_000, 12
	schema := &frame.Schema{}
	for i := range channels {
		schema.Channels = append(schema.Channels, frame.Channel{Name: fmt.Sprintf("s/%d", i), Group: uint16(i / 3)})
	}
	out := &slowOutlet{frames: make(chan *frame.Frame, 64)}
	o := Options{
		Schema: schema, Outlet: out, Capacity: 512, Workers: 3, Tick: time.Millisecond,
		Pool: frame.NewPool(frame.PoolSize{Small: 8, SmallBytes: frame.MaxPayload(schema, 256)}),
	}
	adapt(&o)
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	var consumer, pushers sync.WaitGroup
	consumer.Go(func() { out.run(t) })
	p.Start()
	pushers.Go(func() { checkBalance(t, p, producers*each*3) })
	for k := range producers {
		f := &p.in.normal
		if k == producers-1 && p.in.high != nil {
			f = p.in.high
		}
		pushers.Go(func() {
			batch := make([]drivers.Sample, 3)
			for i := range each {
				now := p.in.now()
				for c := range batch {
					batch[c] = drivers.Sample{Stamp: now, Channel: uint16(3*k + c), Value: float64(i)}
				}
				f.push(batch, now)
			}
		})
	}
	pushers.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
	close(out.frames)
	consumer.Wait()
	a := p.Accounting()
	if a.Acquired != producers*each*3 || a.Waiting != 0 || a.Acquired+a.Made != a.Framed+a.Lost+a.Withheld || a.Framed != out.framed || a.Lost != out.lost {
		t.Errorf("accounting %+v, the outlet has %d framed, %d lost", a, out.framed, out.lost)
	}
	if a.Lost == 0 || a.Framed == 0 || o.Processor != nil && (a.Made == 0 || a.Withheld == 0) {
		t.Errorf("accounting %+v: the test shows nothing", a)
	}
}

// checkBalance reads the accounting until all is acquired: at any time it
// balances and no more waits than can.
func checkBalance(t *testing.T, p *Pipeline, all uint64) {
	for {
		a := p.Accounting()
		if a.Acquired+a.Made != a.Framed+a.Lost+a.Withheld+a.Waiting {
			t.Errorf("accounting %+v", a)
			return
		}
		if a.Acquired == all {
			return
		}
		<-time.After(100 * time.Microsecond)
	}
}
