package store

import (
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// The store knows the boots that its runs were in, across power cuts and ends in
// order, once each however often a boot was run in, and a bounded number.
func TestTheStoreKnowsItsBoots(t *testing.T) {
	dir := t.TempDir()
	for n := range bootsKept + 3 {
		for range 2 {
			s, _, err := Open(Options{Dir: dir, MaxBytes: minMaxBytes, PendingBytes: 64 << 10, Boot: frame.BootID{byte(n + 1)}, Now: func() int64 { return 1 }})
			if err != nil {
				t.Fatal(err)
			}
			for b := range n + 3 {
				want := b >= 1 && b <= n+1 && b > n+1-bootsKept
				if got := s.Ran(frame.BootID{byte(b)}); got != want {
					t.Errorf("in boot %d: ran in boot %d: %v, want %v", n+1, b, got, want)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
