package brief

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]string{
		"0s": "0s", "5s": "5s", "10s": "10s", "1m": "1m", "2m10s": "2m10s", "10m": "10m", "1h": "1h",
		"1h30m": "1h30m", "1h0m5s": "1h0m5s", "20h": "20h", "1.5s": "1.5s", "250ms": "250ms", "-1m": "-1m",
	} {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		got := Duration(d)
		if got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
		if back, err := time.ParseDuration(got); err != nil || back != d {
			t.Errorf("%q reads back as %v, %v", got, back, err)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1 kB", 492_000: "492 kB", 1_200_000: "1.2 MB", 64_000_000: "64 MB", 2_000_000_000: "2.0 GB", 25_000_000_000: "25 GB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}
