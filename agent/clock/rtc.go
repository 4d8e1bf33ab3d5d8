package clock

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// rtcPattern finds the clock chips; since_epoch is what one says, in whole
// seconds since 1970 (Documentation/ABI/testing/sysfs-class-rtc).
const rtcPattern = "sys/class/rtc/rtc*/since_epoch"

// readRTC returns the time of the first clock chip whose date is not before
// notBefore, in ns since 1970. A chip whose battery ran out starts before it.
// The chip leaves out fractions, so half a second is added. It may wait for the
// chip's bus.
func readRTC(root string, notBefore int64) (wall int64, ok bool) {
	names, _ := filepath.Glob(filepath.Join(root, rtcPattern))
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		sec, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || sec >= maxWall {
			continue
		}
		if wall := sec*1e9 + int64(time.Second/2); wall >= notBefore {
			return wall, true
		}
	}
	return 0, false
}

// maxWall is the last second that fits nanoseconds in 64 bits, in 2262.
const maxWall = int64(1<<63-1) / 1e9
