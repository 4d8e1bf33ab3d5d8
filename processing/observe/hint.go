package observe

import (
	"math"
	"sync/atomic"
	"time"
)

// load is the share of the time that workers should be busy: beyond it the
// wait grows faster than the arrivals (M/M/c).
const load = 0.7

// WorkersWanted is how many workers keep up with arrivals (tasks a second) and
// work a backlog off within drain, if one task takes service:
// ⌈(λ + backlog/drain)·S/0.7⌉, at least 1.
func WorkersWanted(arrivals, backlog float64, drain, service time.Duration) int {
	rate := max(arrivals, 0) + max(backlog, 0)/max(drain, time.Second).Seconds()
	return int(min(max(math.Ceil(rate*service.Seconds()/load-1e-9), 1), math.MaxInt32))
}

// serviceTime is the mean run time of late: an exponential mean over tasks, so
// that it follows a handler that grows slow.
type serviceTime struct{ bits atomic.Uint64 }

// serviceWeight is what one more task counts: about the last 200 matter.
const serviceWeight = 0.01

// add takes one run. Of two at the same time one may be missed, which a mean
// can bear.
func (s *serviceTime) add(d time.Duration) {
	old := s.bits.Load()
	mean := math.Float64frombits(old)
	if old == 0 {
		mean = d.Seconds()
	}
	s.bits.CompareAndSwap(old, math.Float64bits(max(mean+(d.Seconds()-mean)*serviceWeight, 1e-9)))
}

// mean is 0 until the first task.
func (s *serviceTime) mean() time.Duration {
	return time.Duration(math.Float64frombits(s.bits.Load()) * float64(time.Second))
}
