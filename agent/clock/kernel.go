package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// Boottime returns CLOCK_BOOTTIME in nanoseconds: time since boot, suspends
// included. It never steps and allocates nothing.
func Boottime() int64 {
	var ts unix.Timespec
	// It cannot fail: the clock exists since Linux 2.6.39. 32 bits of seconds
	// on 32-bit ARM are 68 years of uptime.
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return ts.Nano()
}

// States and the status bit of adjtimex(2), <linux/timex.h>.
const (
	timeOK    = 0 // synchronised, no leap second
	timeIns   = 1 // a leap second will be inserted at midnight
	timeDel   = 2 // the last second of the day will be left out
	timeOop   = 3 // the inserted second is running
	timeWait  = 4 // a leap second has occurred
	timeError = 5 // not synchronised

	staUnsync = 0x40
)

// reading is what the kernel says of its wall clock at one instant.
type reading struct {
	boot   int64 // ns of CLOCK_BOOTTIME
	offset int64 // ns from CLOCK_BOOTTIME to the wall clock
	slack  int64 // ns by which offset may be off
	synced bool
	leap   bool  // the kernel announces a leap second or has just had one
	err    error // of adjtimex: whether it is synchronised cannot be known
}

// kernel reads the kernel's clocks. Its functions are the real ones but in tests.
type kernel struct {
	boottime func() int64
	realtime func() int64
	adjtimex func(*unix.Timex) (int, error)

	timex unix.Timex // here because a local one would be allocated at each call
}

const (
	narrow  = int64(100 * time.Microsecond) // an offset is taken when its bracket is no wider
	tries   = 5                             // for a narrow one; then the narrowest
	settled = 3                             // tries for a reading without a step in it
)

// read takes a reading. The offset is measured before and after the question
// whether the clock is synchronised, because an answer that belongs to the
// other side of a step would be a lie. A clock that is set at each try counts
// as not synchronised.
func (k *kernel) read() (r reading) {
	for range settled {
		before := k.measure()
		k.timex = unix.Timex{}
		state, err := k.adjtimex(&k.timex)
		r = k.measure()
		r.err = err
		if err == nil {
			r.synced = state != timeError && k.timex.Status&staUnsync == 0
			r.leap = state >= timeIns && state <= timeWait
		}
		if d := r.offset - before.offset; abs(d) <= noise+r.slack+before.slack {
			return r
		}
	}
	r.synced, r.leap = false, false
	return r
}

// measure reads the wall clock between two readings of CLOCK_BOOTTIME and
// takes it for the middle of them.
func (k *kernel) measure() (r reading) {
	for i := range tries {
		a := k.boottime()
		wall := k.realtime()
		b := k.boottime()
		if i == 0 || (b-a)/2 < r.slack {
			mid := a + (b-a)/2
			r = reading{boot: mid, offset: wall - mid, slack: (b - a) / 2}
		}
		if b-a <= narrow {
			break
		}
	}
	return r
}

func abs(d int64) int64 { return max(d, -d) }
