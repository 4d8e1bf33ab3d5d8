package iio

import (
	"golang.org/x/sys/unix"
)

// source is the clock that the device's stamps are of, and how far
// CLOCK_BOOTTIME is ahead of it.
type source struct {
	id    int32
	same  bool // it is CLOCK_BOOTTIME
	shift int64
}

// newSource takes a name of current_timestamp_clock. Kernels before 4.5 have no
// such file: they stamp with the wall clock. The coarse clocks stand for their
// fine ones, from which they differ by a tick.
func newSource(name string) (s source, ok bool) {
	switch name {
	case "", "realtime", "realtime_coarse":
		s.id = unix.CLOCK_REALTIME
	case "monotonic", "monotonic_coarse":
		s.id = unix.CLOCK_MONOTONIC
	case "monotonic_raw":
		s.id = unix.CLOCK_MONOTONIC_RAW
	case "tai":
		s.id = unix.CLOCK_TAI
	case "boottime":
		return source{id: unix.CLOCK_BOOTTIME, same: true}, true
	default:
		return s, false
	}
	s.look()
	return s, true
}

// look measures shift anew: the wall clock can be set at any time.
func (s *source) look() {
	if s.same {
		return
	}
	before := now(unix.CLOCK_BOOTTIME)
	there := now(s.id)
	after := now(unix.CLOCK_BOOTTIME)
	s.shift = before + (after-before)/2 - there
}

func now(clock int32) int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(clock, &ts) // the clocks are there since Linux 3.10
	return ts.Nano()
}
