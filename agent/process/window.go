package process

import (
	"math"
	"time"

	"github.com/telhub/telhub/drivers"
)

// grace is how long after its end a window waits for values on their way.
const grace = int64(500 * time.Millisecond)

// window collects the values of one channel between two multiples of its size
// and keeps what its statistics need. Values that come when their window is
// closed count in none (Engine.Late): a window is never wider than its size,
// and its result is sent once.
type window struct {
	size    int64
	results []result

	n         uint64 // 0: not open
	open      int64  // values before this come too late: the start, or the end of the last one
	mean, m2  float64
	low, high float64
	last      float64 // of the latest stamp
	lastStamp int64
}

type result struct {
	of      Statistic
	channel int
}

func (w *window) end() int64 { return w.open + w.size }

// due is when Advance must look at an open window, which was opened when now
// was the latest known time: after its end, or earlier when that lies further
// away than it can for true stamps.
func (w *window) due(now int64) int64 { return min(w.open, now) + w.size + grace }

// collect counts a value in, after closing the window that it is beyond.
func (e *Engine) collect(dst []drivers.Sample, w *window, v float64, stamp int64) []drivers.Sample {
	if stamp < w.open {
		e.late.Add(1)
		return dst
	}
	if w.n > 0 && stamp >= w.end() {
		dst = e.finish(dst, w, w.end())
	}
	if w.n == 0 {
		w.open = floor(stamp, w.size)
		e.next = min(e.next, w.due(e.now))
	}
	w.add(v, stamp)
	return dst
}

// finish sends the results of an open window, stamped at, and closes it.
func (e *Engine) finish(dst []drivers.Sample, w *window, at int64) []drivers.Sample {
	for _, r := range w.results {
		if v, ok := w.value(r.of); ok {
			dst, _ = e.take(dst, r.channel, v, at)
		}
	}
	w.n, w.open = 0, w.end()
	return dst
}

// add uses Welford's method: Technometrics 4 (1962), p. 419.
func (w *window) add(v float64, stamp int64) {
	w.n++
	if w.n == 1 {
		w.mean, w.m2, w.low, w.high = v, 0, v, v
		w.last, w.lastStamp = v, stamp
		return
	}
	d := v - w.mean
	w.mean += d / float64(w.n)
	w.m2 += d * (v - w.mean)
	w.low, w.high = min(w.low, v), max(w.high, v)
	if stamp >= w.lastStamp {
		w.last, w.lastStamp = v, stamp
	}
}

func (w *window) value(of Statistic) (v float64, ok bool) {
	switch of {
	case Mean:
		return w.mean, true
	case Min:
		return w.low, true
	case Max:
		return w.high, true
	case Count:
		return float64(w.n), true
	case Last:
		return w.last, true
	case StdDev:
		return math.Sqrt(w.m2 / float64(w.n-1)), w.n > 1
	}
	return 0, false
}

// floor rounds down to a multiple of size.
func floor(stamp, size int64) int64 {
	r := stamp % size
	if r < 0 {
		r += size
	}
	return stamp - r
}
