package units

import (
	"testing"
	"time"
)

func TestSize(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "4096": 4096, "1B": 1, "64kB": 64_000, "64KB": 64_000, "64KiB": 65_536, "256MB": 256_000_000, "256MiB": 268_435_456,
		"1.5GB": 1_500_000_000, "2 GiB": 2 << 30, "1TB": 1_000_000_000_000, "1TiB": 1 << 40,
	} {
		if got, err := Size(s); got != want || err != nil {
			t.Errorf("%s: got %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "MB", "-1MB", "1e3MB", "0x10", "1mb", "1 000", "NaN", "inf", "99999999TB", "1..5MB", "1_000"} {
		if got, err := Size(s); err == nil {
			t.Errorf("%q: accepted as %d", s, got)
		}
	}
}

func TestDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"0": 0, "250ms": 250 * time.Millisecond, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "0.5s": time.Second / 2,
		"62.5ms": 62500 * time.Microsecond, "65535d": 65535 * 24 * time.Hour, "-5s": -5 * time.Second,
	} {
		if got, err := Duration(s); got != want || err != nil {
			t.Errorf("%s: got %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "10", "10 s", "d", "1.5d", "-1d", "1d-1h", "1d12", "12h1d", "65536d", "1w", "106751d24h"} {
		if got, err := Duration(s); err == nil {
			t.Errorf("%q: accepted as %v", s, got)
		}
	}
}
