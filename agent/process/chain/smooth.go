package chain

import (
	"math"
	"unsafe"
)

// ewma is the exponentially weighted mean of values at irregular distances: a
// value that follows after dt weighs 1 - exp(-dt/tau). The first one counts
// whole. A value whose stamp is not newer weighs nothing, unless it is older by
// more than tau: then the mean begins anew.
type ewma struct {
	tau float64 // ns

	begun bool
	now   int64 // newest stamp
	value float64
}

func (e *ewma) apply(v float64, stamp int64) (float64, Verdict) {
	switch {
	case !e.begun || stamp < e.now && float64(distance(stamp, e.now)) > e.tau:
		e.value, e.now, e.begun = v, stamp, true
	case stamp > e.now:
		weight := -math.Expm1(-float64(distance(e.now, stamp)) / e.tau)
		e.now = stamp
		e.value += float64(weight * (v - e.value))
		if e.value-e.value != 0 { // the difference overflowed
			e.value = v
		}
	}
	return e.value, Pass
}

func (e *ewma) reset()     { e.begun = false }
func (e *ewma) bytes() int { return int(unsafe.Sizeof(*e)) }

// throttle passes one value per period, in the long run never more. A value may
// come early by slack, which the next one has to make good, so that jitter does
// not halve the rate of values that come once a period.
type throttle struct {
	period, slack int64 // ns

	begun bool
	due   int64 // stamp from which the next one passes
}

func (t *throttle) apply(v float64, stamp int64) (float64, Verdict) {
	early := int64(0)
	if t.begun && stamp < t.due {
		early = int64(min(distance(stamp, t.due), math.MaxInt64))
	}
	// The last one passed a period before it was due again. A stamp from
	// before that by more than a period is of another clock.
	if early > t.slack && early/2 <= t.period {
		return 0, Hold
	}
	if early > t.slack {
		early = 0
	}
	t.begun, t.due = true, stamp+early+t.period
	return v, Pass
}

// reset keeps the distance.
func (t *throttle) reset()     {}
func (t *throttle) bytes() int { return int(unsafe.Sizeof(*t)) }
