package alarm

import (
	"math"

	"github.com/telhub/telhub/drivers"
)

// Never is the Due of an alarm that waits for no instant.
const Never = math.MaxInt64

// Alarm is the state of one channel's alarm. One goroutine uses it; no method
// allocates. Stamps are nanoseconds of CLOCK_BOOTTIME.
type Alarm struct {
	high, low           float64 // +Inf, -Inf: no such limit
	clearHigh, clearLow float64 // the values that are within again: at most, at least
	hold                int64   // ns that a limit must be exceeded
	watch               bool    // silence raises
	silence             int64   // ns of it that do; 0: the status says so

	level   drivers.Alarm // of the level machine
	pending drivers.Alarm // what it becomes when hold has passed; AlarmClear: nothing
	since   int64         // first stamp of pending

	stale bool
	began bool  // heard is known
	heard int64 // latest stamp of a valid value, or the begin of watching
	now   int64 // latest instant that Advance was told

	shown drivers.Alarm
}

// New returns an alarm that is clear. The options must have passed Check; New
// keeps nothing of them.
func New(o Options) *Alarm {
	a := &Alarm{
		high: math.Inf(1), low: math.Inf(-1), clearHigh: math.Inf(1), clearLow: math.Inf(-1),
		hold: int64(o.For), watch: o.Stale, silence: int64(o.StaleAfter),
	}
	if o.High != nil {
		a.high = *o.High
		a.clearHigh = math.Nextafter(a.high, math.Inf(-1)) // v < high
		if o.ClearHigh != nil {
			a.clearHigh = *o.ClearHigh
		}
	}
	if o.Low != nil {
		a.low = *o.Low
		a.clearLow = math.Nextafter(a.low, math.Inf(1))
		if o.ClearLow != nil {
			a.clearLow = *o.ClearLow
		}
	}
	return a
}

// State returns what is shown.
func (a *Alarm) State() drivers.Alarm { return a.shown }

// Restore sets what was shown when the agent ended. It is no event: the next
// one is what changes from there. The level behind a restored AlarmStale is
// taken to be clear.
func (a *Alarm) Restore(state drivers.Alarm) {
	a.level, a.pending, a.stale = drivers.AlarmClear, drivers.AlarmClear, false
	switch state {
	case drivers.AlarmHigh, drivers.AlarmLow:
		a.level = state
	case drivers.AlarmStale:
		a.stale = true
	}
	a.shown = a.target()
}

// Value takes in a valid value and returns what is shown now, and whether that
// is a change. A value that is no number counts as status bad.
//
// Values count in the order in which they come. A stamp that lies before the
// begin of a pending alarm moves that begin, so that stamps that run backwards
// never hold an alarm up.
func (a *Alarm) Value(v float64, stamp int64) (drivers.Alarm, bool) {
	if v-v != 0 { // NaN or ±Inf
		return a.Status(drivers.Bad, stamp)
	}
	a.within(v)
	a.beyond(v, stamp)
	a.hear(stamp)
	return a.show()
}

// within clears the level once v is inside its limits again.
func (a *Alarm) within(v float64) {
	if a.level == drivers.AlarmHigh && v <= a.clearHigh || a.level == drivers.AlarmLow && v >= a.clearLow {
		a.level = drivers.AlarmClear
	}
}

// beyond raises the level once v has been outside for long enough.
func (a *Alarm) beyond(v float64, stamp int64) {
	if a.level != drivers.AlarmClear {
		return
	}
	side := drivers.AlarmClear
	switch {
	case v >= a.high:
		side = drivers.AlarmHigh
	case v <= a.low:
		side = drivers.AlarmLow
	}
	if side != a.pending || stamp < a.since {
		a.pending, a.since = side, stamp
	}
	if side != drivers.AlarmClear && stamp-a.since >= a.hold {
		a.level, a.pending = side, drivers.AlarmClear
	}
}

// hear ends silence, unless the value was too old already when it came: else
// a device that delivers late would raise and clear with each value.
func (a *Alarm) hear(stamp int64) {
	if stamp > a.heard || !a.began {
		a.heard, a.began = stamp, true
	}
	if a.silence == 0 || stamp > a.now-a.silence {
		a.stale = false
	}
}

// Status takes in a change of the channel's status. Any but OK is a gap: what
// is pending starts anew, what is raised stays. OK alone says nothing yet: a
// value does.
func (a *Alarm) Status(q drivers.Quality, stamp int64) (drivers.Alarm, bool) {
	if q == drivers.OK {
		return a.shown, false
	}
	a.pending = drivers.AlarmClear
	if a.watch && a.silence == 0 {
		a.stale = true
	}
	return a.show()
}

// Advance takes in the time. It raises an alarm whose channel has been silent
// for too long. The first call is the begin of watching for a channel without
// a value.
func (a *Alarm) Advance(now int64) (drivers.Alarm, bool) {
	if a.silence == 0 || !a.watch {
		return a.shown, false
	}
	a.now = max(a.now, now)
	if !a.began || a.heard > now {
		// A stamp that lies ahead of time must not hold the alarm up.
		a.heard, a.began = now, true
	}
	if now-a.heard >= a.silence {
		a.stale = true
		a.pending = drivers.AlarmClear // silence is a gap
	}
	return a.show()
}

// Due says when Advance must be called: Never while nothing is awaited, 0 for
// at once. It is at most one silence after the last call, so that a stamp
// ahead of time is noticed.
func (a *Alarm) Due() int64 {
	switch {
	case !a.watch || a.silence == 0 || a.stale:
		return Never
	case !a.began:
		return 0
	}
	return min(a.heard, a.now) + a.silence
}

// SilentAt is the instant at which a silent channel's alarm is raised, and
// with which the event is stamped.
func (a *Alarm) SilentAt() int64 { return a.heard + a.silence }

func (a *Alarm) target() drivers.Alarm {
	if a.stale {
		return drivers.AlarmStale
	}
	return a.level
}

func (a *Alarm) show() (drivers.Alarm, bool) {
	was := a.shown
	a.shown = a.target()
	return a.shown, a.shown != was
}
