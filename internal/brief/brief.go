// Package brief writes durations and sizes for people. It imports nothing of ours.
package brief

import (
	"fmt"
	"strings"
	"time"
)

// Duration writes d as time.ParseDuration reads it, without the zeros that
// time.Duration.String puts behind it: 5s, 2m10s, 1h.
func Duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Bytes writes a size in the unit that leaves two digits or three.
func Bytes[N int | int64 | float64](n N) string {
	b := float64(n) // an int of 32 bits cannot hold what is compared with
	switch {
	case b >= 10e9:
		return fmt.Sprintf("%.0f GB", b/1e9)
	case b >= 1e9:
		return fmt.Sprintf("%.1f GB", b/1e9)
	case b >= 10e6:
		return fmt.Sprintf("%.0f MB", b/1e6)
	case b >= 1e6:
		return fmt.Sprintf("%.1f MB", b/1e6)
	case b >= 1e3:
		return fmt.Sprintf("%.0f kB", b/1e3)
	}
	return fmt.Sprintf("%.0f B", b)
}
