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

// clocks are the names of current_timestamp_clock. The coarse ones stand for
// their fine ones, from which they differ by a tick. It is never changed.
var clocks = map[string]int32{
	"realtime": unix.CLOCK_REALTIME, "realtime_coarse": unix.CLOCK_REALTIME,
	"monotonic": unix.CLOCK_MONOTONIC, "monotonic_coarse": unix.CLOCK_MONOTONIC,
	"monotonic_raw": unix.CLOCK_MONOTONIC_RAW, "boottime": unix.CLOCK_BOOTTIME, "tai": unix.CLOCK_TAI,
}

// newSource takes a clock's name. Kernels before 4.5 have none: they stamp
// with the wall clock.
func newSource(name string) (s source, ok bool) {
	if name == "" {
		name = "realtime"
	}
	s.id, ok = clocks[name]
	s.same = s.id == unix.CLOCK_BOOTTIME
	s.look()
	return s, ok
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
