package store

import (
	"os"
	"path/filepath"
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

// A segment that Redis has entirely is unlinked by the running agent, perhaps
// after the export has read the directory.
func TestExportBesideAReleaseGoesOn(t *testing.T) {
	o := testOptions(t.TempDir())
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	l.fill(t, s, 600, 300, 1)
	segments, err := filepath.Glob(filepath.Join(o.Dir, "*.seg"))
	if err != nil || len(segments) < 2 {
		t.Fatalf("%d segments, want some: %v", len(segments), err)
	}
	first := true
	for _, err := range Frames(o.Dir) {
		if err != nil {
			t.Fatal(err)
		}
		if first {
			first = false
			if err := os.Remove(segments[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
}
