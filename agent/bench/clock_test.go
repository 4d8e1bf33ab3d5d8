package bench

import (
	"time"

	"github.com/telhub/telhub/agent/clock"
)

// wallOffset is Unix time less CLOCK_BOOTTIME, in milliseconds.
func wallOffset() int64 { return time.Now().UnixMilli() - clock.Boottime()/1e6 }
