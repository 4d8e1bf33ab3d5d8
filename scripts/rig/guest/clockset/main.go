//go:build linux

// Command clockset plays the time daemon of the emulated board: without an
// argument it reads the kernel's clocks, with one it steps the wall clock to
// CLOCK_BOOTTIME plus so many nanoseconds and declares it synchronised, in one
// adjtimex(2) as systemd-timesyncd does when it first hears from its server.
//
// It prints CLOCK_BOOTTIME, what the wall clock is ahead of it, how far that
// may be off (all ns), and the state that adjtimex returned.
package main

import (
	"fmt"
	"math"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "clockset:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		offset, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil {
			return fmt.Errorf("offset %q: %w", args[0], err)
		}
		if err := set(offset); err != nil {
			return err
		}
	}
	boot, offset, slack := measure()
	state, err := unix.Adjtimex(&unix.Timex{})
	if err != nil {
		return fmt.Errorf("adjtimex: %w", err)
	}
	_, err = fmt.Println(boot, offset, slack, state)
	return err
}

// set steps the wall clock.
func set(offset int64) error {
	_, now, _ := measure()
	step := offset - now
	sec, nsec := step/1e9, step%1e9
	if nsec < 0 {
		sec, nsec = sec-1, nsec+1e9
	}
	tx := unix.Timex{Modes: unix.ADJ_SETOFFSET | unix.ADJ_NANO | unix.ADJ_STATUS | unix.ADJ_MAXERROR | unix.ADJ_ESTERROR}
	tx.Time.Sec, tx.Time.Usec = sec, nsec
	if _, err := unix.Adjtimex(&tx); err != nil {
		return fmt.Errorf("adjtimex: step by %d ns: %w", step, err)
	}
	return nil
}

// measure reads the wall clock between two readings of CLOCK_BOOTTIME; of many
// brackets the narrowest counts.
func measure() (boot, offset, slack int64) {
	slack = math.MaxInt64
	for range 100 {
		a := now(unix.CLOCK_BOOTTIME)
		wall := now(unix.CLOCK_REALTIME)
		b := now(unix.CLOCK_BOOTTIME)
		if (b-a)/2 < slack {
			boot, slack = a+(b-a)/2, (b-a)/2
			offset = wall - boot
		}
	}
	return boot, offset, slack
}

func now(id int32) int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(id, &ts) // both clocks exist
	return ts.Nano()
}
