package store

import (
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// An export beside a running agent, whose commits overwrite pages, leaves
// nothing out that was committed when it began.
func TestExportBesideCommitsIsWhole(t *testing.T) {
	o := testOptions(t.TempDir())
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	want := l.fill(t, s, 25, 300, 1)
	got := 0
	for f, err := range Frames(o.Dir) {
		if err != nil {
			t.Fatal(err)
		}
		if got < len(want) && f.ID != want[got].ID {
			t.Fatalf("frame %d is %v, want %v", got, f.ID, want[got].ID)
		}
		got++
		if got < 10 {
			l.fill(t, s, 3, 300, 1)
		}
	}
	if got < len(want) {
		t.Errorf("%d frames, want %d at least", got, len(want))
	}
}
