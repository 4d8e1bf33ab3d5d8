package units

import (
	"fmt"
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
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"B", 1}, {"", 1},
}

// Size reads a number of bytes: "256MB" (decimal), "256MiB" (binary),
// "1.5GB", "4096".
func Size(s string) (int64, error) {
	for _, u := range sizeUnits {
		num, found := strings.CutSuffix(s, u.suffix)
		if !found {
			continue
		}
		f, err := parseDecimal(strings.TrimSpace(num))
		if err != nil {
			return 0, fmt.Errorf("size %q is not a number followed by kB, MB, GB, KiB, MiB or GiB", s)
		}
		if f *= u.bytes; f >= math.MaxInt64 {
			return 0, fmt.Errorf("size %q is too large", s)
		}
		return int64(f), nil
	}
	return 0, fmt.Errorf("size %q is not understood", s) // not reached: the last suffix is empty
}

// parseDecimal reads a non-negative decimal number and nothing else: neither
// hexadecimal nor exponents nor NaN, all of which ParseFloat takes.
func parseDecimal(s string) (float64, error) {
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && s[i] != '.' {
			return 0, strconv.ErrSyntax
		}
	}
	return strconv.ParseFloat(s, 64)
}

// Duration reads a span of time as Go writes it ("1m30s", "250ms"), with
// days in front if wanted: "7d", "1d12h".
func Duration(s string) (time.Duration, error) {
	days, rest, found := strings.Cut(s, "d")
	if !found {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, durationError(s)
		}
		return d, nil
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, durationError(s)
	}
	var d time.Duration
	if rest != "" {
		if d, err = time.ParseDuration(rest); err != nil || d < 0 {
			return 0, durationError(s)
		}
	}
	whole := time.Duration(n) * 24 * time.Hour
	if d > math.MaxInt64-whole {
		return 0, fmt.Errorf("duration %q is too long", s)
	}
	return whole + d, nil
}

func durationError(s string) error {
	return fmt.Errorf("duration %q is not a number followed by ms, s, m, h or d", s)
}
