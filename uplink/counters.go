package uplink

import "github.com/telhub/telhub/uplink/frame"

// Causes lists the causes of loss in the order of Counters.Lost.
var Causes = [...]frame.Cause{
	frame.RingOverrun, frame.StoreFull, frame.StoreDamaged, frame.StoreOff,
	frame.PowerCut, frame.ServerRewind, frame.Conflict, frame.NotEncoded,
}

// Counters count samples, but for the last four, since the uplink was made.
type Counters struct {
	Received  uint64              // in frames that were submitted
	Delivered [frame.Lanes]uint64 // in frames that Redis accepted
	Redated   uint64              // of Delivered: dated, although no date was known when they were taken
	Spooled   uint64              // in frames that went to the store instead of live
	Lost      [len(Causes)]uint64 // lost, as far as their number is known
	Declared  uint64              // gap records that Redis accepted
	Frames    [frame.Lanes]uint64 // frames that Redis accepted
	Retries   uint64              // batches sent again
	Early     uint64              // frames released before Redis had them durably, for want of memory
}

func (c *Counters) lose(cause frame.Cause, n uint64) {
	for i, x := range Causes {
		if x == cause {
			c.Lost[i] += n
			return
		}
	}
}

// LostTotal sums Lost over all causes.
func (c *Counters) LostTotal() (n uint64) {
	for _, x := range c.Lost {
		n += x
	}
	return n
}

// losses collects samples that were lost before they had a number, until a
// gap record can be made of them. One record is enough however many they are.
type losses struct {
	cause  frame.Cause
	n      int64 // -1 unknown
	t0, t1 int64
	began  int64 // GapInfo.Began, if that is all that is known of the beginning
	open   bool  // nothing is known of it
}

func (l *losses) empty() bool { return l.cause == "" }

// add notes a frame of samples, or what a gap record declares that is lost itself.
func (l *losses) add(f *frame.Frame, cause frame.Cause) {
	n, began, open := int64(f.N), int64(0), false
	if f.Kind == frame.Gap {
		g, err := frame.ParseGapInfo(f.Payload)
		if err != nil {
			g = frame.GapInfo{Cause: cause, N: -1}
		}
		cause, n = g.Cause, g.N
		if !g.T0Known {
			began, open = g.Began, g.Began == 0
		}
	}
	if l.empty() {
		*l = losses{cause: cause, t0: f.T0, t1: f.T1}
	}
	if n < 0 && l.n >= 0 {
		l.cause = cause // the cause is that of what nobody can count
	}
	if l.n += n; n < 0 || l.n < n {
		l.n = -1 // one of the two is unknown
	}
	if l.began == 0 || began != 0 && began < l.began {
		l.began = began // of an earlier boot, so before any t0
	}
	l.t0, l.t1, l.open = min(l.t0, f.T0), max(l.t1, f.T1), l.open || open
}

// unknown notes a loss of which neither number nor beginning is known.
func (l *losses) unknown(now int64, cause frame.Cause) {
	*l = losses{cause: cause, n: -1, t0: now, t1: now, open: true}
}

func (l *losses) info() frame.GapInfo {
	g := frame.GapInfo{Cause: l.cause, N: l.n, T0: l.t0, T1: l.t1, T0Known: !l.open && l.began == 0}
	if !l.open {
		g.Began = l.began
	}
	return g
}

// noteGap counts the loss that a submitted gap frame declares.
func (k *keeper) noteGap(f *frame.Frame) {
	info, err := frame.ParseGapInfo(f.Payload)
	if err != nil || info.N < 0 {
		return
	}
	k.count.Received += uint64(info.N)
	k.count.lose(info.Cause, uint64(info.N))
}
