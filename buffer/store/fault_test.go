package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// failing returns options whose next *n writes fail with err.
func failing(t *testing.T, n *int, err error) Options {
	o := testOptions(t.TempDir())
	o.fault = func() error {
		if *n == 0 {
			return nil
		}
		*n--
		return &os.PathError{Op: "write", Path: "segment", Err: err}
	}
	return o
}

func TestDiskFullDropsOldestOnce(t *testing.T) {
	var faults int
	s, _ := mustOpen(t, failing(t, &faults, syscall.ENOSPC))
	l := lanePut{lane: frame.Backfill}
	put := l.fill(t, s, 200, 3000, 20)
	faults = 1
	put = append(put, l.fill(t, s, 5, 3000, 5)...)
	delivered, declared, gaps := tally(t, readAll(t, s, frame.Backfill))
	if delivered+declared != sumN(put) || gaps != 1 {
		t.Errorf("%d delivered + %d declared in %d gaps, want %d in 1", delivered, declared, gaps, sumN(put))
	}
}

func TestDiskFullKeepsWhatIsPending(t *testing.T) {
	for _, drop := range []Policy{DropOldest, DropNewest} {
		var faults int
		o := failing(t, &faults, syscall.ENOSPC)
		o.Drop = drop
		s, _ := mustOpen(t, o)
		l := lanePut{lane: frame.Live}
		f := l.next(1, 500)
		if err := s.Put(f); err != nil {
			t.Fatal(err)
		}
		faults = 5
		if err := s.Commit(); !errors.Is(err, ErrFull) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("policy %d: got %v, want ErrFull and ENOSPC", drop, err)
		}
		if st := s.Stats(); st.PendingFrames != 1 {
			t.Errorf("policy %d: %d frames pending, want 1", drop, st.PendingFrames)
		}
		faults = 0
		l.last = f.ID
		put := append([]*frame.Frame{f}, l.fill(t, s, 3, 500, 3)...)
		wantFrames(t, readAll(t, s, frame.Live), put)
		if left, _ := filepath.Glob(filepath.Join(o.Dir, "*"+tmpSuffix)); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestFailedWriteGoesToAFreshSegment(t *testing.T) {
	var faults int
	s, _ := mustOpen(t, failing(t, &faults, syscall.EIO))
	l := lanePut{lane: frame.Live}
	put := l.fill(t, s, 5, 500, 1)
	faults = 1
	put = append(put, l.fill(t, s, 5, 500, 1)...)
	if got := s.Stats().Segments; got != 2 {
		t.Errorf("%d segments, want 2", got)
	}
	wantFrames(t, readAll(t, s, frame.Live), put)
	faults = 2
	if err := s.Put(l.next(1, 10)); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want EIO", err)
	}
	if err := s.Commit(); err != nil {
		t.Errorf("second try: %v", err)
	}
	wantFrames(t, readAll(t, s, frame.Live)[:10], put)
}

// A commit can reach the disk and still report an error; its frames then stand
// in two segments, and must be read once.
func TestFramesInTwoSegmentsAreReadOnce(t *testing.T) {
	o := testOptions(t.TempDir())
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Live}
	put := l.fill(t, s, 6, 500, 3)
	first := filepath.Join(o.Dir, segFile{}.name())
	b, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	dir := copyDir(t, o.Dir)
	if err := os.WriteFile(filepath.Join(dir, segFile{first: 1, no: 1}.name()), b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ = mustOpen(t, withDir(o, dir))
	wantFrames(t, readAll(t, s, frame.Live), put)
}
