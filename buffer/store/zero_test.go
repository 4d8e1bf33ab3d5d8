package store

import (
	"os"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// Small commits find their pages written already, so that the file seldom
// grows; large ones do not pay for zeros.
func TestSmallCommitsSeldomGrowTheFile(t *testing.T) {
	for _, c := range []struct{ size, grown int }{{600, 12}, {20000, 100}} {
		o := testOptions(t.TempDir())
		o.MaxBytes, o.SegmentBytes, o.noSync = 64<<20, 4<<20, true
		s, _ := mustOpen(t, o)
		l := lanePut{lane: frame.Live}
		put := l.fill(t, s, 1, c.size, 1)
		grown, last := 0, int64(0)
		for range 100 {
			put = append(put, l.fill(t, s, 1, c.size, 1)...)
			info, err := os.Stat(s.active.path)
			if err != nil {
				t.Fatal(err)
			}
			if info.Size() != last {
				grown, last = grown+1, info.Size()
			}
		}
		if c.size > zeroCommit && grown < c.grown*9/10 || c.size <= zeroCommit && grown > c.grown {
			t.Errorf("commits of %d: the file grew %d times in 100", c.size, grown)
		}
		wantFrames(t, readAll(t, s, frame.Live), put)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s, r := mustOpen(t, o)
		if wantFrames(t, readAll(t, s, frame.Live), put); len(r.Salvaged) != 0 {
			t.Errorf("salvaged %+v", r.Salvaged)
		}
	}
}
