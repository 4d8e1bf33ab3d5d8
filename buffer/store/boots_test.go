package store

import (
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// The store knows the runs before this one, by boot and epoch, across power
// cuts, ends in order and renaming, and a bounded number of them.
func TestTheStoreKnowsItsRuns(t *testing.T) {
	dir := t.TempDir()
	var epochs []uint64
	for n := range runsKept + 3 {
		s, r, err := Open(Options{Dir: dir, MaxBytes: minMaxBytes, PendingBytes: 64 << 10, Boot: frame.BootID{byte(n / 2)}, Now: func() int64 { return 1 }})
		if err != nil {
			t.Fatal(err)
		}
		for i, epoch := range epochs {
			if got, want := s.Ran(frame.BootID{byte(i / 2)}, epoch), i > n-runsKept; got != want {
				t.Errorf("run %d: ran in boot %d as %d: %v, want %v", n, i/2, epoch, got, want)
			}
			if s.Ran(frame.BootID{77}, epoch) {
				t.Errorf("run %d: another boot's run %d is taken for one of this store", n, epoch)
			}
		}
		epoch := r.Epoch
		if n%3 == 0 {
			if err := s.Reassign(epoch + 2); err != nil {
				t.Fatal(err)
			}
			epoch += 2
		}
		if s.Ran(frame.BootID{byte(n / 2)}, epoch) {
			t.Errorf("run %d counts as one before itself", n)
		}
		epochs = append(epochs, epoch)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
