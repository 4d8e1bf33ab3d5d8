package pipeline

import (
	"sync/atomic"

	"github.com/telhub/telhub/buffer"
	"github.com/telhub/telhub/drivers"
)

// intake is where all owners of sensors hand in their samples.
type intake struct {
	now      func() int64
	ring     *buffer.Ring[drivers.Sample]
	latest   *Latest
	pressure pressure
	account  account
	onEvent  func(Event)
	closed   atomic.Bool // Stop waits for nobody any more
}

// push hands in one reading's samples as one batch. Safe for concurrent use.
// What comes from a driver that hung beyond the deadline of Stop is dropped:
// it was never acquired.
func (in *intake) push(batch []drivers.Sample, now int64) {
	if in.closed.Load() {
		return
	}
	in.account.acquire(len(batch), now)
	in.ring.Push(batch)
	in.latest.update(batch)
	if in.pressure.observe(in.ring.Len(), now) {
		in.notify(Event{Kind: Stretched, N: uint64(in.pressure.factor.Load())})
	}
}

func (in *intake) notify(e Event) {
	if in.onEvent != nil {
		in.onEvent(e)
	}
}

// account follows every sample from its owner to the outlet.
type account struct {
	acquired  atomic.Uint64
	framed    atomic.Uint64
	lost      atomic.Uint64
	lastMove  atomic.Int64 // boottime ns when samples last left, or began to wait
	frames    atomic.Uint64
	gaps      atomic.Uint64
	abandoned atomic.Uint64 // of lost: those that Stop had to give up
}

func (a *account) acquire(n int, now int64) {
	if a.acquired.Load() == a.framed.Load()+a.lost.Load() {
		a.lastMove.Store(now) // nothing was waiting: the wait begins now
	}
	a.acquired.Add(uint64(n))
}

// leave records that a frame with n samples, or a gap record for n, left.
func (a *account) leave(n uint64, gap bool, now int64) {
	if gap {
		a.lost.Add(n)
		a.gaps.Add(1)
	} else {
		a.framed.Add(n)
		a.frames.Add(1)
	}
	a.lastMove.Store(now)
}

// Accounting says where all samples went: Acquired = Framed + Lost + Waiting.
type Accounting struct {
	Acquired  uint64 // pushed into the ring
	Framed    uint64 // submitted in frames
	Lost      uint64 // submitted in gap records
	Waiting   uint64 // in the ring, in the frame being built or with the workers
	Abandoned uint64 // of Lost: given up by Stop for want of time
	Frames    uint64 // frames of samples submitted
	Gaps      uint64 // gap records submitted
}

func (a *account) read() Accounting {
	// What left is read before what came, so that the difference is never
	// negative.
	x := Accounting{
		Framed: a.framed.Load(), Lost: a.lost.Load(), Abandoned: a.abandoned.Load(),
		Frames: a.frames.Load(), Gaps: a.gaps.Load(),
	}
	x.Acquired = a.acquired.Load()
	x.Waiting = x.Acquired - x.Framed - x.Lost
	return x
}
