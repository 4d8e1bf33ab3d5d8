package pipeline

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// precision is by how much a timer of Go's can be late: on an idle process it
// rests on epoll_wait, which counts in milliseconds.
const precision = int64(1500 * time.Microsecond)

// alarm is a timer that its goroutine reuses for ever.
type alarm struct {
	timer   *time.Timer
	precise bool // the end of a sleep is left to the kernel's high-resolution timers
}

// newAlarm makes an alarm. A precise one occupies a thread for up to 1.5 ms at
// the end of each sleep, and needs twice the wake-ups; it is 0.1 ms late where
// others are 0.5 ms late on average and 1.1 ms at worst.
func newAlarm(precise bool) alarm {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return alarm{t, precise}
}

// until waits for the instant at, of a clock that now reads; not at all if that
// has passed. It reports false when stop was closed instead, and looks at stop
// in any case.
func (a alarm) until(at int64, now func() int64, stop <-chan struct{}) bool {
	d := at - now()
	if !a.precise {
		return a.sleep(d, stop)
	}
	if !a.sleep(d-precision, stop) {
		return false
	}
	if d <= 0 {
		return true
	}
	runtime.Gosched() // on a board of one core others have not run since the last sleep
	return sleepUntil(at) || a.sleep(at-now(), stop)
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
func (a alarm) sleep(d int64, stop <-chan struct{}) bool {
	if d <= 0 {
		select {
		case <-stop:
			return false
		default:
			return true
		}
	}
	a.timer.Reset(time.Duration(d))
	select {
	case <-stop:
		a.timer.Stop()
		return false
	case <-a.timer.C:
		return true
	}
}
