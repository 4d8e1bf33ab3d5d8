//go:build arm || 386

package clock

import (
	"math"
	"unsafe"

	"golang.org/x/sys/unix"
)

// timespec64 is the kernel's __kernel_timespec, which has 64 bits on every
// architecture; unix.Timespec ends in January 2038 here.
type timespec64 struct{ sec, nsec int64 }

// realtime returns CLOCK_REALTIME in nanoseconds since 1970.
func realtime() int64 {
	var ts timespec64
	_, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME64, unix.CLOCK_REALTIME, uintptr(unsafe.Pointer(&ts)), 0)
	if errno == 0 {
		return ts.sec*1e9 + ts.nsec
	}
	// Before Linux 5.1, or in a sandbox that knows the old call only.
	var old unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_REALTIME, &old)
	return seconds(old.Sec)*1e9 + int64(old.Nsec)
}

// seconds undoes what the old calls do to a time past 2038: they cut it off at
// 32 bits. The kernel's clock is never before 1970, so the number is one
// without a sign, and right until 2106. Go's own time.Now does the same.
func seconds(sec int32) int64 { return int64(uint32(sec)) }

// setTimer arms a timerfd for an instant, Unix seconds.
func setTimer(fd int, flags int, sec int64) error {
	spec := struct{ interval, value timespec64 }{value: timespec64{sec: sec}}
	_, _, errno := unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME64, uintptr(fd), uintptr(flags), uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	if errno != unix.ENOSYS {
		return errnoErr(errno)
	}
	old := unix.ItimerSpec{Value: unix.Timespec{Sec: int32(min(sec, math.MaxInt32))}}
	return unix.TimerfdSettime(fd, flags, &old, nil)
}

func errnoErr(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}
