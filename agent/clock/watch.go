package clock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/uplink/frame"
)

const (
	// lookEvery is how often Run reads the kernel: the synchronisation flag
	// has no event.
	lookEvery = time.Second
	// chipEvery is how many looks apart a clock chip is asked while no date is
	// known: its driver may load late.
	chipEvery = 60
	// never is when the timer would expire if it were not for steps: the year
	// 2200.
	never = int64(7_258_118_400)
)

// steps gives news of steps of the wall clock: Read returns ECANCELED, or
// bytes, after one. Close ends a Read.
type steps io.ReadCloser

// Run keeps the date current until ctx ends: it looks each second, and at once
// when the wall clock is set or a receiver is heard, and calls Changed. The
// owner starts it in a goroutine of its own; a second one, for the timer, ends
// with it. Where there is no timer, steps are seen within a second.
func (c *Clock) Run(ctx context.Context) {
	var watcher sync.WaitGroup
	if s, err := c.openSteps(); err == nil {
		stop := context.AfterFunc(ctx, func() { _ = s.Close() })
		defer stop()
		watcher.Go(func() { c.watch(s) })
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for looks := 1; ; looks++ {
		c.look(looks%chipEvery == 0)
		select {
		case <-ctx.Done():
			watcher.Wait()
			return
		case <-tick.C:
		case <-c.wake:
		}
	}
}

// watch turns steps into wake-ups of Run until s is closed. It is started by
// Run and owns nothing.
func (c *Clock) watch(s steps) {
	var expirations [8]byte
	for {
		if _, err := s.Read(expirations[:]); err != nil && !errors.Is(err, unix.ECANCELED) {
			return
		}
		c.nudge()
	}
}

// look takes a reading and tells what has changed.
func (c *Clock) look(askChip bool) {
	c.mu.Lock()
	c.lookLocked()
	unset := !c.judge.known()
	c.mu.Unlock()
	if unset && askChip {
		c.askChip()
	}
	c.tell()
}

// askChip reads the clock chip, without the lock, for that may take a while.
func (c *Clock) askChip() {
	wall, ok := readRTC(c.root, c.notBefore)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before, now := c.viewLocked(), c.kernel.boottime()
	c.judge.fallback(now, wall-now)
	c.noteLocked(before)
}

// tell calls Changed, without the lock.
func (c *Clock) tell() {
	c.mu.Lock()
	ch, untold := c.pending, c.untold
	c.pending, c.untold = Change{From: c.judge.dating()}, false
	c.mu.Unlock()
	if !untold || c.changed == nil || ch.From == ch.To && !ch.Redated {
		return
	}
	if ch.From.Quality != frame.Unset {
		ch.Step = time.Duration(ch.To.Offset-ch.From.Offset) * time.Millisecond
	}
	c.changed(ch)
}

// openTimer opens a timer that is cancelled when the wall clock is set.
func openTimer() (steps, error) { return newTimer(never) }

// newTimer opens a timer on the wall clock that expires at sec, Unix seconds.
// The descriptor does not block, so the runtime's poller waits for it and Close
// wakes its reader.
func newTimer(sec int64) (steps, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	if err := setTimer(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, sec); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	return os.NewFile(uintptr(fd), "timerfd"), nil
}
