package store

import (
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// failLate makes the next commit reach the disk and report an error all the
// same: what it wrote cannot be read back.
func failLate(t *testing.T, o *Options) (arm func(*Store)) {
	var s *Store
	o.fault = func() error {
		if s != nil {
			sickReads(t, s.active.file)
			s = nil
		}
		return nil
	}
	return func(at *Store) { s = at }
}

func wantDropped(t *testing.T, s *Store, put []*frame.Frame, from int) {
	t.Helper()
	var after frame.ID
	if from > 0 {
		after = put[from-1].ID
	}
	var got []*frame.Frame
	for {
		f := newFrame()
		ok, err := s.Next(frame.Backfill, after, f)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		got, after = append(got, f), f.ID
	}
	delivered, declared, _ := tally(t, got)
	if delivered+declared != sumN(put[from:]) {
		t.Errorf("%d delivered + %d declared, want %d", delivered, declared, sumN(put[from:]))
	}
	if dropped := s.Stats().Dropped; int64(dropped) != declared {
		t.Errorf("%d samples are counted as given up, %d declared", dropped, declared)
	}
}

// A commit that reports an error may have reached the disk. Its frames are
// committed once more, elsewhere, and count once: stored, given up, declared.
func TestSamplesOfACommitThatFailedLateAreGivenUpOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		reopen bool
		free   int // frames that were released before
	}{{"in the same run", false, 0}, {"partly released", false, 5}, {"in the next run", true, 0}, {"in the next run, partly released", true, 5}} {
		t.Run(c.name, func(t *testing.T) {
			o := testOptions(t.TempDir())
			arm := failLate(t, &o)
			s, _ := mustOpen(t, o)
			l := lanePut{lane: frame.Backfill}
			put := l.fill(t, s, 10, 500, 10)
			arm(s)
			put = append(put, l.fill(t, s, 5, 500, 5)...)
			if n := len(s.segs); n != 2 {
				t.Fatalf("%d segments, want 2: nothing failed", n)
			}
			if c.reopen {
				s, _ = mustOpen(t, withDir(o, copyDir(t, o.Dir)))
			}
			if n, err := s.Samples(); err != nil || int64(n) != sumN(put) {
				t.Errorf("%d samples are stored, %v; want %d", n, err, sumN(put))
			}
			if n := s.Stats().Lanes[frame.Backfill].Frames; n != len(put) {
				t.Errorf("%d frames are stored, want %d", n, len(put))
			}
			if c.free > 0 {
				s.Release(frame.Backfill, put[c.free-1].ID)
			}
			if !s.dropOldest() {
				t.Fatal("nothing was given up")
			}
			wantDropped(t, s, put, c.free)
			s.dropOldest()
			wantDropped(t, s, put, c.free)
		})
	}
}

// The pages of a segment cannot be followed, but its records are there: when it
// is given up it is known how many samples that costs, and from when.
func TestADamagedSegmentThatIsGivenUpIsCounted(t *testing.T) {
	s, _ := mustOpen(t, testOptions(t.TempDir()))
	l := lanePut{lane: frame.Backfill}
	put := l.fill(t, s, 20, 500, 10)
	if err := s.seal(); err != nil {
		t.Fatal(err)
	}
	put = append(put, l.fill(t, s, 5, 500, 5)...)
	g := s.segs[0]
	if err := overwrite(g.path, 0, pageSize); err != nil {
		t.Fatal(err)
	}
	g.suspect = true
	s.Release(frame.Backfill, put[4].ID)
	s.giveUp(func(o *segment) bool { return o == g })
	wantDropped(t, s, put, 5)
}

// The server takes what was in flight when its segment was given up: what is
// declared of the rest has its number and its beginning.
func TestWhatIsGivenUpBehindFramesInFlightIsCounted(t *testing.T) {
	s, _ := mustOpen(t, testOptions(t.TempDir()))
	l := lanePut{lane: frame.Backfill}
	put := l.fill(t, s, 20, 500, 10)
	f := newFrame()
	for after := (frame.ID{}); after != put[7].ID; after = f.ID {
		if ok, err := s.Next(frame.Backfill, after, f); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	s.Release(frame.Backfill, put[2].ID)
	s.dropOldest()
	ok, err := s.Next(frame.Backfill, put[7].ID, f)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	g, err := frame.ParseGapInfo(f.Payload)
	if err != nil || g.N != sumN(put[8:]) || !g.T0Known || g.T0 != put[8].T0 || f.ID != put[19].ID {
		t.Errorf("the gap record says %+v until %v, %v; want %d samples from %d", g, f.ID, err, sumN(put[8:]), put[8].T0)
	}
}
