package iio

import "math"

// settle is for how many scans a hole is looked at before it is counted: a
// stamp that was late, because the interrupt was, is followed by one that is
// early by as much.
const settle = 4

// holes counts the scans that are missing between others, by their stamps and
// the period of sampling. It follows a period that is not quite what the
// device says, as the oscillators of such chips are good to some percent. The
// zero value counts nothing.
type holes struct {
	nominal float64 // period in ns; 0: not known
	period  float64 // as it is found to be
	n       float64 // of how many intervals it is the mean, about
	last    int64   // stamp of the last scan; 0: none yet
	excess  float64 // ns by which the scans since the hole are late
	left    int     // how many scans are still looked at
}

func (h *holes) reset(hertz float64) {
	*h = holes{}
	if hertz > 0 {
		h.nominal = 1e9 / hertz
		h.period = h.nominal
	}
}

// next takes a scan's stamp and returns how many are now known to be missing.
func (h *holes) next(stamp int64) (lost uint64) {
	d := float64(stamp - h.last)
	first := h.last == 0
	h.last = stamp
	switch {
	case h.nominal == 0 || first:
	case h.left > 0:
		h.excess += d - h.period
		if h.left--; h.left == 0 {
			return uint64(max(math.Round(h.excess/h.period), 0))
		}
	case d > 1.5*h.period:
		h.excess, h.left = d-h.period, settle
	case math.Abs(d-h.period) < h.period/4:
		h.n = min(h.n+1, 256)
		h.period += (d - h.period) / h.n
		h.period = min(max(h.period, h.nominal*0.75), h.nominal*1.25)
	}
	return 0
}
