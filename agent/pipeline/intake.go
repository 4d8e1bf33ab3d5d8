package pipeline

import (
	"sync/atomic"

	"github.com/telhub/telhub/buffer"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// intake is where all owners of sensors hand in their samples.
type intake struct {
	now     func() int64
	utc     func(utcMilli, stamp int64) // may be nil
	precise bool                        // now is the kernel's: sleeps can be exact
	normal  feed
	high    *feed // of sensors of high priority; nil without any
	latest  *Latest
	account account
	onEvent func(Event)
	closed  atomic.Bool // Stop waits for nobody any more
}

// feed is one ring, drained by the dispatcher, and its back-pressure.
type feed struct {
	in       *intake
	class    frame.Class // of the sensors that use it
	ring     *buffer.Ring[drivers.Sample]
	rush     int // samples in it that end any rest of the dispatcher
	pressure pressure
}

// init prepares what New leaves zero. o is filled.
func (in *intake) init(o *Options) {
	in.now, in.utc, in.onEvent, in.precise = o.Now, o.UTC, o.Notify, o.precise
	in.normal.init(in, frame.Normal, o.Capacity)
	if n := o.highCapacity(); n > 0 {
		in.high = new(feed)
		in.high.init(in, frame.High, n)
	}
	in.latest = o.Latest
	if in.latest == nil {
		in.latest = NewLatest(len(o.Schema.Channels), int64(o.History))
	}
	if o.Processor != nil {
		in.latest.keepRaw()
	}
}

func (f *feed) init(in *intake, class frame.Class, capacity int) {
	f.in, f.class, f.rush = in, class, max(capacity/4, 1)
	f.ring = buffer.New[drivers.Sample](capacity)
	f.pressure.init(capacity)
}

// feed gives the one that a sensor uses.
func (in *intake) feed(high bool) *feed {
	if high {
		return in.high
	}
	return &in.normal
}

// hush takes back a wake-up that nobody has taken.
func (f *feed) hush() {
	select {
	case <-f.ring.Ready():
	default:
	}
}

// push hands in one reading's samples as one batch. Safe for concurrent use.
// What comes from a driver that hung beyond the deadline of Stop is dropped:
// it was never acquired.
func (f *feed) push(batch []drivers.Sample, now int64) {
	in := f.in
	if in.closed.Load() {
		return
	}
	in.account.acquire(len(batch), now)
	f.ring.Push(batch)
	in.latest.update(batch)
	if f.pressure.observe(f.ring.Len(), now) {
		in.notify(Event{Kind: Stretched, Class: f.class, N: uint64(f.pressure.factor.Load())})
	}
}

func (in *intake) notify(e Event) {
	if in.onEvent != nil {
		in.onEvent(e)
	}
}
