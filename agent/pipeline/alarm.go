package pipeline

import "time"

// alarm is a timer that its goroutine reuses for ever.
type alarm struct{ timer *time.Timer }

func newAlarm() alarm {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return alarm{t}
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
