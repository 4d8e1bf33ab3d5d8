package uplink_test

import (
	"context"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// void takes all frames and says so.
type void struct{ taken chan frame.Lane }

func (v *void) Open(context.Context, uint64, *[frame.Lanes]uplink.Mark) (uplink.Durability, error) {
	return uplink.Memory, nil
}

func (v *void) Append(_ context.Context, b *uplink.Batch) error {
	v.taken <- b.Lane
	return nil
}

func (v *void) Sync(context.Context, *[frame.Lanes]frame.ID) error { return nil }

// shelf is a store that keeps nothing.
type shelf struct{ last [frame.Lanes]frame.ID }

func (s *shelf) Put(f *frame.Frame) error {
	s.last[f.Lane] = f.ID
	return nil
}

func (*shelf) Room(*frame.Frame) bool                                       { return true }
func (s *shelf) Commit() error                                              { return nil }
func (s *shelf) Next(frame.Lane, frame.ID, *frame.Frame) (ok bool, _ error) { return false, nil }
func (s *shelf) Last(lane frame.Lane) frame.ID                              { return frame.ID{} }
func (s *shelf) Release(frame.Lane, frame.ID)                               {}
func (s *shelf) Released(frame.Lane) frame.ID                               { return frame.ID{} }
func (s *shelf) Reassign(uint64) error                                      { return nil }
func (*shelf) Ran(frame.BootID, uint64) bool                                { return false }
func (*shelf) Sent(frame.Lane, frame.ID)                                    {}
func (*shelf) SetOpened(uint64)                                             {}
func (*shelf) Opened() uint64                                               { return 0 }

func TestSteadyStateAllocatesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		class frame.Class
		store uplink.Store
	}{
		"live":                 {frame.Normal, nil},
		"high":                 {frame.High, &shelf{}},
		"alarm":                {frame.Urgent, nil},
		"alarm, written ahead": {frame.Urgent, &shelf{}},
	} {
		t.Run(name, func(t *testing.T) {
			pool, sink := frame.NewPool(frame.PoolSize{Small: 64, SmallBytes: 512}), &void{make(chan frame.Lane)}
			var delivered int
			up := uplink.New(uplink.Options{
				Device: "pi-01", Boot: boot, Epoch: 1, Encoding: "compact",
				Flush: time.Second, Frame: 1, LargeFrame: 1, LargeBytes: 512, MaxLoss: time.Minute,
				Breaker: uplink.BreakerOptions{Failures: 2, Open: time.Second, OpenMax: time.Second},
				Sink:    sink, Store: c.store, Pool: pool, Frames: 64, Boottime: boottime, Dates: dated(1e12), Seed: 1,
				Delivered:  func(float64) { delivered++ },
				AlarmsKept: func() frame.ID { return frame.ID{Epoch: 1, Seq: 1 << 40} },
			})
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan bool)
			go func() { done <- up.Run(ctx) }()
			begun := time.Now()
			var payload [8]byte
			one := func() {
				f := pool.Get(8)
				if f == nil {
					t.Fatal("no frame is free")
				}
				f.Payload = append(f.Payload, payload[:]...)
				f.Class, f.N, f.T0, f.T1 = c.class, 1, boottime()/1e6, boottime()/1e6
				up.Submit(f)
				<-sink.taken
			}
			one()
			runs := 500
			if c.store != nil && c.class == frame.Urgent {
				runs = 8 // a commit for alarms each quarter of a second
			}
			if n := testing.AllocsPerRun(runs, one); n != 0 {
				t.Errorf("%v allocations a frame", n)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("%d frames took %v", runs, took)
			}
			stop()
			<-done
		})
	}
}
