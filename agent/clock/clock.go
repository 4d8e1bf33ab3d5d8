package clock

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/uplink/frame"
)

// Boottime returns CLOCK_BOOTTIME in nanoseconds: time since boot, suspends
// included. It never steps and allocates nothing.
func Boottime() int64 {
	var ts unix.Timespec
	// It cannot fail: the clock exists since Linux 2.6.39.
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return ts.Nano()
}

// bootIDPath holds the kernel's random identifier of this boot.
const bootIDPath = "/proc/sys/kernel/random/boot_id"

// ReadBootID returns the kernel's identifier of this boot.
func ReadBootID() (frame.BootID, error) {
	b, err := os.ReadFile(bootIDPath)
	if err != nil {
		return frame.BootID{}, fmt.Errorf("boot id: %w", err)
	}
	return parseBootID(string(b))
}

func parseBootID(text string) (id frame.BootID, err error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), "-", ""))
	if err != nil || len(raw) != len(id) {
		return id, fmt.Errorf("boot id: %q is not a UUID", strings.TrimSpace(text))
	}
	copy(id[:], raw)
	return id, nil
}

// Clock judges the kernel's wall clock.
type Clock struct {
	// NotBefore is the earliest date that can be true: when the program was
	// built. A board without a battery clock starts long before it.
	NotBefore time.Time

	adjtimex func(*unix.Timex) (int, error)
	now      func() time.Time
	boottime func() int64

	mu    sync.Mutex // guards timex
	timex unix.Timex // here because a local one would be allocated at each call
}

// New returns a clock that trusts no date before notBefore.
func New(notBefore time.Time) *Clock {
	return &Clock{NotBefore: notBefore, adjtimex: unix.Adjtimex, now: time.Now, boottime: Boottime}
}

// Status bits and state of adjtimex(2), <linux/timex.h>.
const (
	staUnsync = 0x40
	timeError = 5
)

// Dating returns what is known of wall time now. The kernel's synchronisation
// flag gives NTP; without it a date that is not before NotBefore is Holdover;
// otherwise none is known. It allocates nothing and is safe for concurrent use.
func (c *Clock) Dating() frame.Dating {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	d := frame.Dating{Offset: now.UnixMilli() - c.boottime()/1e6}
	c.timex = unix.Timex{}
	state, err := c.adjtimex(&c.timex)
	switch {
	case now.Before(c.NotBefore):
		return frame.Dating{}
	case err == nil && state != timeError && c.timex.Status&staUnsync == 0:
		d.Quality = frame.NTP
	default:
		d.Quality = frame.Holdover
	}
	return d
}
