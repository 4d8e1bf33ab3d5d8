package pipeline

import "sync/atomic"

// account follows every sample from its owner to the outlet.
type account struct {
	acquired  atomic.Uint64
	made      atomic.Uint64 // by the Processor; stored by the dispatcher
	withheld  atomic.Uint64 // by the Processor; stored by the dispatcher, after made
	framed    atomic.Uint64
	lost      atomic.Uint64
	lastMove  atomic.Int64 // boottime ns when samples last left, or began to wait
	frames    atomic.Uint64
	gaps      atomic.Uint64
	abandoned atomic.Uint64 // of lost: those that Stop had to give up
}

func (a *account) acquire(n int, now int64) {
	if a.waiting() == 0 {
		a.lastMove.Store(now) // nothing was waiting: the wait begins now
	}
	a.acquired.Add(uint64(n))
}

// process takes over the Processor's totals. Samples withheld have left.
func (a *account) process(made, withheld uint64, now int64) {
	a.made.Store(made)
	if a.withheld.Swap(withheld) != withheld {
		a.lastMove.Store(now)
	}
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

// Accounting says where all samples went:
// Acquired + Made = Framed + Lost + Withheld + Waiting.
type Accounting struct {
	Acquired  uint64 // pushed into a ring
	Made      uint64 // by the Processor: derived values, aggregates, alarms
	Withheld  uint64 // by the Processor: what a deadband or a window kept back
	Framed    uint64 // submitted in frames
	Lost      uint64 // submitted in gap records
	Waiting   uint64 // in a ring, being processed, in a frame being built or with the workers
	Abandoned uint64 // of Lost: given up by Stop for want of time
	Frames    uint64 // frames of samples submitted
	Gaps      uint64 // gap records submitted
}

func (a *account) read() Accounting {
	// What left is read before what came, so that the difference is never
	// negative.
	x := Accounting{
		Framed: a.framed.Load(), Lost: a.lost.Load(), Abandoned: a.abandoned.Load(),
		Frames: a.frames.Load(), Gaps: a.gaps.Load(), Withheld: a.withheld.Load(),
	}
	x.Made = a.made.Load()
	x.Acquired = a.acquired.Load()
	if in, out := x.Acquired+x.Made, x.Framed+x.Lost+x.Withheld; in > out {
		x.Waiting = in - out
	}
	return x
}

// waiting is read().Waiting.
func (a *account) waiting() uint64 {
	out := a.framed.Load() + a.lost.Load() + a.withheld.Load()
	if in := a.made.Load() + a.acquired.Load(); in > out {
		return in - out
	}
	return 0
}
