package pipeline

import (
	"sync/atomic"
	"time"
)

const (
	maxStretch   = 8           // periods grow at most eightfold
	stretchEvery = time.Second // and change at most this often
)

// pressure stretches the periods of the polled sensors that use a ring while
// it is nearly full: doubled above 80 % use, halved back below 50 %. Sensors of
// high priority have a ring of their own and keep their periods while the
// others' fills.
type pressure struct {
	high, low int // samples in the ring

	factor  atomic.Int64 // 1, 2, 4 or 8
	changed atomic.Int64 // boottime ns of the last change
	events  atomic.Uint64
}

func (p *pressure) init(capacity int) {
	p.high, p.low = capacity*4/5, capacity/2
	p.factor.Store(1)
}

// observe takes in the ring's use after a push and reports whether the factor
// changed. Safe for concurrent use.
func (p *pressure) observe(level int, now int64) (changed bool) {
	f := p.factor.Load()
	next := f
	switch {
	case level >= p.high && f < maxStretch:
		next = f * 2
	case level < p.low && f > 1:
		next = f / 2
	default:
		return false
	}
	last := p.changed.Load()
	if now-last < int64(stretchEvery) && last != 0 || !p.changed.CompareAndSwap(last, now) {
		return false
	}
	p.factor.Store(next)
	if next > f {
		p.events.Add(1)
	}
	return true
}
