package pipeline

import (
	"math"

	"github.com/telhub/telhub/drivers"
)

// Processor turns what the drivers measured into what is sent: it changes
// values, withholds some, and makes others. The dispatcher calls it from its
// one goroutine, in the order in which the ring hands samples out: all of a
// sensor in the order in which they were acquired; between sensors of the two
// rings stamps may lie apart. A reading's samples follow each other, but may be
// split over two calls; then samples of the other ring can stand between. No
// value that reaches it is NaN or infinite.
//
// Nothing waits inside a Processor: after each call
//
//	samples given + made = samples returned + withheld
//
// over all calls. What it keeps in windows is withheld, what comes out of them
// is made. It must neither block nor allocate.
type Processor interface {
	// Process appends to dst what becomes of raw, in the order in which it is
	// to be sent, and does not keep raw.
	Process(dst, raw []drivers.Sample) []drivers.Sample
	// Advance appends what falls due by now (ns of CLOCK_BOOTTIME) without a
	// new sample: the end of a window, a heartbeat, an alarm. Everything
	// acquired before now has been given to Process, unless the rings have not
	// been empty for a second.
	Advance(dst []drivers.Sample, now int64) []drivers.Sample
	// Finish appends what is left at the end. It is called last, once, unless
	// Stop had to give samples up.
	Finish(dst []drivers.Sample, now int64) []drivers.Sample

	// Next is when Advance is to be called (ns of CLOCK_BOOTTIME), at most
	// Options.Tick late; math.MaxInt64 means never.
	Next() int64
	// MaxOut is the most samples that Process returns for n raw ones; with 0
	// it is the most of Advance and Finish. Constant.
	MaxOut(n int) int
	// Counts are totals since the start.
	Counts() (made, withheld uint64)
}

// batchSize is how many samples are processed at a time.
const batchSize = 256

// lateAdvance is by how much Advance may be late while the ring never is empty.
const lateAdvance = int64(1e9)

// stage holds samples between the rings and the frame builders. They move
// through it one batch at a time: nothing is drained before all that the last
// batch became stands in builders.
type stage struct {
	processor Processor // nil: samples go out as they came
	account   *account

	scratch  []drivers.Sample // what raw is drained into
	raw      []drivers.Sample // drained, not processed yet
	buf      []drivers.Sample // what out is made in
	out      []drivers.Sample // processed, in no builder yet
	floor    int64            // boottime ns: what is in out waits since then, however old its stamps are
	dueSince int64            // boottime ns since which Advance is known to be due, or never
	finished bool
}

func newStage(p Processor, a *account) stage {
	s := stage{processor: p, account: a, scratch: make([]drivers.Sample, batchSize), dueSince: never}
	if p != nil {
		s.buf = make([]drivers.Sample, 0, maxOut(p))
	}
	return s
}

func maxOut(p Processor) int { return max(p.MaxOut(batchSize), p.MaxOut(0)) }

// process turns raw into out.
func (d *dispatcher) process() {
	raw := d.raw
	d.raw = nil
	if d.processor == nil {
		d.out, d.floor = raw, math.MinInt64
		return
	}
	d.flow.check(raw)
	d.floor = raw[0].Stamp
	d.take(d.processor.Process(d.buf[:0], raw), d.in.now())
}

// due reports whether Advance is due.
func (s *stage) due(now int64) bool { return s.processor.Next() <= now }

// late reports whether Advance has been due for too long. Next may say any
// instant that has passed, so the time counts from when that was seen.
func (s *stage) late(now int64) bool {
	switch {
	case !s.due(now):
		s.dueSince = never
	case s.dueSince == never:
		s.dueSince = now
	}
	return now-s.dueSince >= lateAdvance
}

// empty reports whether all that was drained stands in builders.
func (s *stage) empty() bool { return len(s.raw)+len(s.out) == 0 }

// advance asks for what has fallen due by now and reports whether there is any.
func (s *stage) advance(now int64) bool {
	s.floor, s.dueSince = now, never
	s.take(s.processor.Advance(s.buf[:0], now), now)
	return len(s.out) > 0
}

// finish asks for what is left, once, and reports whether there is any.
func (s *stage) finish(now int64) bool {
	if s.processor == nil || s.finished {
		return false
	}
	s.finished, s.floor = true, now
	s.take(s.processor.Finish(s.buf[:0], now), now)
	return len(s.out) > 0
}

// take makes what the Processor returned the stage's output.
func (s *stage) take(out []drivers.Sample, now int64) {
	s.buf, s.out = out[:0], out
	made, withheld := s.processor.Counts()
	s.account.process(made, withheld, now)
}
