package notify

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// WatchdogTimeout reads how long systemd waits between two signs of life,
// $WATCHDOG_USEC, if the sign is expected from this process, $WATCHDOG_PID
// (sd_watchdog_enabled(3)). 0 means that no watchdog is set.
func WatchdogTimeout(getenv func(string) string, pid int) (time.Duration, error) {
	if p := getenv("WATCHDOG_PID"); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil || n <= 0 {
			return 0, fmt.Errorf("WATCHDOG_PID=%q: want a process id", p)
		}
		if n != pid {
			return 0, nil // meant for another process
		}
	}
	u := getenv("WATCHDOG_USEC")
	if u == "" {
		return 0, nil
	}
	usec, err := strconv.ParseInt(u, 10, 64)
	if err != nil || usec <= 0 || usec > int64(time.Duration(1<<63-1)/time.Microsecond) {
		return 0, fmt.Errorf("WATCHDOG_USEC=%q: want microseconds greater than 0", u)
	}
	return time.Duration(usec) * time.Microsecond, nil
}

// Watchdog tells systemd that the service lives, as long as it really does.
type Watchdog struct {
	// Timeout is what WatchdogTimeout returned. 0 = no watchdog.
	Timeout time.Duration

	// Alive is asked before each sign of life, from Run's goroutine. False
	// withholds the sign; when that lasts longer than Timeout, systemd
	// restarts the service.
	Alive func() bool

	// Ping sends the sign, (*Systemd).Alive.
	Ping func() error

	// Problem, if not nil, hears from Run's goroutine when signs begin to be
	// withheld (with ErrNotAlive), when one cannot be sent (with the error),
	// and when all is well again (with nil). It is called on changes only.
	Problem func(error)
}

// ErrNotAlive is what Problem hears when Alive turns false.
var ErrNotAlive = fmt.Errorf("nothing moves: the watchdog gets no sign of life")

// Run sends signs at half of Timeout, as sd_watchdog_enabled(3) recommends,
// the first at once, until ctx ends. The agent starts it on a goroutine of its
// own; it owns nothing else.
func (w *Watchdog) Run(ctx context.Context) {
	if w.Timeout <= 0 {
		return
	}
	tick := time.NewTicker(max(w.Timeout/2, time.Millisecond))
	defer tick.Stop()
	var last error
	for {
		err := w.sign()
		if changed := (err == nil) != (last == nil); changed && w.Problem != nil {
			w.Problem(err)
		}
		last = err
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (w *Watchdog) sign() error {
	if !w.Alive() {
		return ErrNotAlive
	}
	return w.Ping()
}

// Progress turns a count that grows with every sample into an Alive function:
// true while the count grew since the last call, and for grace after it last
// did, because a slow sensor may rest longer than the watchdog's interval.
// now is the time, time.Now outside tests. The function is for one goroutine.
func Progress(count func() uint64, grace time.Duration, now func() time.Time) func() bool {
	seen, at := count(), now()
	return func() bool {
		t := now()
		if n := count(); n != seen {
			seen, at = n, t
		}
		return t.Sub(at) <= grace
	}
}
