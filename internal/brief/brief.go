// Package brief writes durations for people. It imports nothing of ours.
package brief

import (
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
