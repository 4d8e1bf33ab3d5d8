package config

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// sizeUnits maps what may follow a number of bytes. Decimal and binary
// prefixes are what they say: 1MB = 1,000,000, 1MiB = 1,048,576.
var sizeUnits = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9},
	{"B", 1}, {"", 1},
}

// parseSize reads a number of bytes: "256kB" (decimal), "1MiB" (binary),
// "1.5MB", "4096".
func parseSize(s string) (int64, bool) {
	for _, u := range sizeUnits {
		num, found := strings.CutSuffix(s, u.suffix)
		if !found {
			continue
		}
		num = strings.TrimSpace(num)
		if strings.Trim(num, "0123456789.") != "" { // neither exponents nor NaN
			return 0, false
		}
		f, err := strconv.ParseFloat(num, 64)
		f *= u.bytes
		return int64(f), err == nil && f < math.MaxInt64
	}
	return 0, false // not reached: the last suffix is empty
}

// ParseDuration reads a span of time as Go writes it ("1m30s", "250ms"), with
// days in front if wanted: "7d", "1d12h".
func ParseDuration(s string) (time.Duration, bool) {
	days, rest, found := strings.Cut(s, "d")
	if !found {
		d, err := time.ParseDuration(s)
		return d, err == nil
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, false
	}
	d := time.Duration(0)
	if rest != "" {
		if d, err = time.ParseDuration(rest); err != nil || d < 0 {
			return 0, false
		}
	}
	whole := time.Duration(n) * 24 * time.Hour
	return whole + d, d <= math.MaxInt64-whole
}
