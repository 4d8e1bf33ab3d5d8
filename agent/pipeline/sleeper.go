package pipeline

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// precision is by how much a timer of Go's can be late: on an idle process it
// rests on epoll_wait, which counts in milliseconds.
const precision = int64(1500 * time.Microsecond)

// sleeper is a timer that its goroutine reuses for ever.
type sleeper struct {
	timer   *time.Timer
	precise bool // the end of a sleep is left to the kernel's high-resolution timers
}

// newSleeper makes a sleeper. A precise one occupies a thread for up to 1.5 ms at
// the end of each sleep, and needs twice the wake-ups; it is 0.1 ms late where
// others are 0.5 ms late on average and 1.1 ms at worst.
func newSleeper(precise bool) sleeper {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return sleeper{t, precise}
}

// until waits for the instant at, of a clock that now reads; not at all if that
// has passed. It reports false when stop was closed instead, and looks at stop
// in any case.
func (s sleeper) until(at int64, now func() int64, stop <-chan struct{}) bool {
	d := at - now()
	if !s.precise {
		return s.sleep(d, stop)
	}
	if !s.sleep(d-precision, stop) {
		return false
	}
	if d <= 0 {
		return true
	}
	runtime.Gosched() // on a board of one core others have not run since the last sleep
	return sleepUntil(at) || s.sleep(at-now(), stop)
}

// sleepUntil blocks its thread until CLOCK_BOOTTIME reads at. It reports false
// where the kernel cannot do that.
func sleepUntil(at int64) bool {
	ts := unix.NsecToTimespec(at)
	for {
		err := unix.ClockNanosleep(unix.CLOCK_BOOTTIME, unix.TIMER_ABSTIME, &ts, nil)
		if err != unix.EINTR { // a signal, such as the runtime's own to preempt
			return err == nil
		}
	}
}

// sleep waits for d nanoseconds, not at all if d is not positive. It reports
// false when stop was closed instead, and looks at stop in any case.
func (s sleeper) sleep(d int64, stop <-chan struct{}) bool {
	if d <= 0 {
		select {
		case <-stop:
			return false
		default:
			return true
		}
	}
	s.timer.Reset(time.Duration(d))
	select {
	case <-stop:
		s.timer.Stop()
		return false
	case <-s.timer.C:
		return true
	}
}
