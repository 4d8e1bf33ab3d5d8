package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

func dirBytes(t testing.TB, dir string) (total int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		n, err := diskSize(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return total
}

// tally reads a lane and sums up samples delivered and declared.
func tally(t *testing.T, frames []*frame.Frame) (delivered, declared int64, gaps int) {
	t.Helper()
	for _, f := range frames {
		if f.Kind == frame.Data {
			delivered += int64(f.N)
			continue
		}
		gaps++
		g, err := frame.ParseGapInfo(f.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if g.N < 0 {
			t.Errorf("gap (%v..%v] by %s is not counted", f.Prev, f.ID, g.Cause)
			continue
		}
		if g.Cause != frame.StoreFull || !g.T0Known {
			t.Errorf("gap says %+v, want cause store_full and a known start", g)
		}
		declared += g.N
	}
	return delivered, declared, gaps
}

func sumN(frames []*frame.Frame) (n int64) {
	for _, f := range frames {
		n += int64(f.N)
	}
	return n
}

func TestDropOldestKeepsTheLimitAndDeclares(t *testing.T) {
	dir := t.TempDir()
	o := testOptions(dir)
	o.MaxBytes = 1 << 20
	s, _ := mustOpen(t, o)
	l, alarms := lanePut{lane: frame.Backfill}, lanePut{lane: frame.Alarm}
	var put, putAlarms []*frame.Frame
	for range 40 {
		put = append(put, l.fill(t, s, 20, 3000, 20)...)
		putAlarms = append(putAlarms, alarms.fill(t, s, 1, 80, 1)...)
		if got := dirBytes(t, dir); got > o.MaxBytes {
			t.Fatalf("directory takes %d bytes, limit %d", got, o.MaxBytes)
		}
	}
	if st := s.Stats(); st.DiskBytes < o.MaxBytes/2 || st.Notes == 0 {
		t.Errorf("limit %d used badly: %+v", o.MaxBytes, st)
	}
	check := func(s *Store) {
		for _, c := range []struct {
			lane frame.Lane
			put  []*frame.Frame
		}{{frame.Backfill, put}, {frame.Alarm, putAlarms}} {
			got := readAll(t, s, c.lane)
			delivered, declared, gaps := tally(t, got)
			if delivered+declared != sumN(c.put) || gaps != 1 || declared == 0 {
				t.Errorf("%v: %d delivered + %d declared in %d gaps, want %d in 1", c.lane, delivered, declared, gaps, sumN(c.put))
			}
			if g, last := got[0], c.put[len(c.put)-1]; g.Kind != frame.Gap || g.T0 != c.put[0].T0 || got[len(got)-1].ID != last.ID {
				t.Errorf("%v: begins with %+v", c.lane, g)
			}
		}
	}
	check(s)
	s2, _ := mustOpen(t, withDir(o, copyDir(t, dir)))
	check(s2)

	first := readAll(t, s, frame.Backfill)[0].ID
	s.Release(frame.Backfill, first)
	s.Release(frame.Alarm, alarms.last)
	if got := s.Stats().Notes; got != 0 {
		t.Errorf("%d notes after their release", got)
	}
}

func withDir(o Options, dir string) Options { o.Dir = dir; return o }

func TestDropSparesFramesInFlight(t *testing.T) {
	o := testOptions(t.TempDir())
	o.MaxBytes = 1 << 20
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	put := l.fill(t, s, 100, 3000, 20)
	f := newFrame()
	for after := (frame.ID{}); after.Seq < 15; after = f.ID {
		if _, err := s.Next(frame.Backfill, after, f); err != nil {
			t.Fatal(err)
		}
	}
	s.Release(frame.Backfill, put[4].ID) // 6..15 are in flight
	put = append(put, l.fill(t, s, 500, 3000, 20)...)
	s.Release(frame.Backfill, put[14].ID)
	ok, err := s.Next(frame.Backfill, put[14].ID, f)
	if !ok || err != nil || !sameFrame(f, put[15]) {
		t.Fatalf("behind what was in flight: %v %v, %v", f.ID, ok, err)
	}
	got := readAll(t, s, frame.Backfill)
	delivered, declared, gaps := tally(t, got)
	if delivered+declared != sumN(put) || gaps != 1 {
		t.Errorf("%d delivered + %d declared in %d gaps, want %d in 1", delivered, declared, gaps, sumN(put))
	}
}

func TestDropOfAPartlyReleasedSegmentCountsTheRest(t *testing.T) {
	o := testOptions(t.TempDir())
	o.MaxBytes = 1 << 20
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	put := l.fill(t, s, 100, 3000, 20)
	s.Release(frame.Backfill, put[10].ID)
	put = append(put, l.fill(t, s, 500, 3000, 20)...)
	f := newFrame()
	if ok, err := s.Next(frame.Backfill, put[10].ID, f); !ok || err != nil || f.Kind != frame.Gap {
		t.Fatalf("no gap: %v %v", ok, err)
	}
	g, _ := frame.ParseGapInfo(f.Payload)
	if want := sumN(put[11:f.ID.Seq]); g.N != want {
		t.Errorf("declared %d, want %d", g.N, want)
	}
}

func TestDropNewestRefuses(t *testing.T) {
	dir := t.TempDir()
	o := testOptions(dir)
	o.MaxBytes, o.Drop = 1<<20, DropNewest
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	var put []*frame.Frame
	for i := 0; ; i++ {
		f := l.next(1, 3000)
		err := s.Put(f)
		if errors.Is(err, ErrFull) {
			break
		}
		if errors.Is(err, ErrPendingFull) {
			if err := s.Commit(); err != nil {
				t.Fatalf("what Put took must commit: %v", err)
			}
			continue
		}
		if err != nil || i > 1000 {
			t.Fatalf("put %d: %v", i, err)
		}
		put, l.last = append(put, f), f.ID
	}
	if err := s.Commit(); err != nil {
		t.Fatalf("what Put took must commit: %v", err)
	}
	if got := dirBytes(t, dir); got > o.MaxBytes || got < o.MaxBytes/2 {
		t.Errorf("full at %d bytes of %d", got, o.MaxBytes)
	}
	wantFrames(t, readAll(t, s, frame.Backfill), put)
	s.Release(frame.Backfill, put[len(put)/2].ID)
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(l.next(1, 3000)); err != nil {
		t.Errorf("put after a release: %v", err)
	}
}

// A crash between the note of a drop and the unlink must not count twice.
func TestCrashBetweenNoteAndUnlink(t *testing.T) {
	o := testOptions(t.TempDir())
	o.MaxBytes = 1 << 20
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	put := l.fill(t, s, 180, 3000, 20)
	g := s.segs[0]
	kept, err := os.ReadFile(g.path)
	if err != nil {
		t.Fatal(err)
	}
	s.dropOldest()
	dir := copyDir(t, o.Dir)
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(g.path)), kept, 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ = mustOpen(t, withDir(o, dir))
	delivered, declared, _ := tally(t, readAll(t, s, frame.Backfill))
	if delivered+declared != sumN(put) || declared == 0 {
		t.Errorf("%d delivered + %d declared, want %d", delivered, declared, sumN(put))
	}
}

// All frames dropped and none after them: the loss is still declared.
func TestNotesAtTheEndAreDeclared(t *testing.T) {
	s, _ := mustOpen(t, testOptions(t.TempDir()))
	l := lanePut{lane: frame.Live}
	put := l.fill(t, s, 10, 300, 5)
	for s.dropOldest() {
	}
	_, declared, _ := tally(t, readAll(t, s, frame.Live))
	if declared != sumN(put) {
		t.Errorf("declared %d, want %d", declared, sumN(put))
	}
	l.fill(t, s, 1, 10, 1)
	if got := readAll(t, s, frame.Live); len(got) != 2 || got[1].ID != l.last {
		t.Errorf("got%s", idsOf(got))
	}
}

func TestDatesOfALossOverTwoBoots(t *testing.T) {
	ntp := func(offset int64) frame.Dating { return frame.Dating{Offset: offset, Quality: frame.NTP} }
	a := Extent{Frames: 1, N: 2, T0: 100, T1: 200, T0Known: true, Boot: frame.BootID{1}, Dating: ntp(1000)}
	b := Extent{Frames: 1, N: 3, T0: 10, T1: 20, T0Known: true, Boot: frame.BootID{2}, Dating: ntp(5000)}
	want := Extent{Frames: 2, N: 5, T0: 100 + 1000 - 5000, T1: 20, T0Known: true, Boot: b.Boot, Dating: b.Dating}
	if got := a.join(b); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	a.Dating.Quality = frame.Unset
	want.T0, want.T0Known = 0, false
	if got := a.join(b); got != want {
		t.Errorf("undated: got %+v, want %+v", got, want)
	}
	a.Dating = ntp(5000) // says that the earlier boot came after the later one: b's date is wrong, or a's
	if got := a.join(b); got != want {
		t.Errorf("clocks that contradict the order: got %+v, want %+v", got, want)
	}
}

func TestNotesStayBounded(t *testing.T) {
	var ns notes
	for i := range uint64(1000) {
		ns = ns.add(Note{Lane: frame.Lane(i % 3), From: frame.ID{Epoch: 1, Seq: 10 * i}, To: frame.ID{Epoch: 1, Seq: 10*i + 5},
			Cause: frame.StoreFull, Extent: Extent{Frames: 5, N: 50}})
	}
	if len(ns) != maxNotes {
		t.Errorf("%d notes, want %d", len(ns), maxNotes)
	}
	frames := 0
	for i, n := range ns {
		frames += n.Frames
		if i > 0 && (ns[i-1].Lane > n.Lane || ns[i-1].Lane == n.Lane && n.From.Less(ns[i-1].To)) {
			t.Errorf("note %d is out of order", i)
		}
	}
	if frames != 5000 {
		t.Errorf("%d frames noted, want 5000", frames)
	}
	if len(ns.release(0, frame.ID{Epoch: 2}).release(1, frame.ID{Epoch: 2}).release(2, frame.ID{Epoch: 2})) != 0 {
		t.Error("notes remain after all is released")
	}
}

func TestANoteIsNotCountedTwice(t *testing.T) {
	n := Note{Lane: frame.Live, From: frame.ID{Epoch: 1, Seq: 3}, To: frame.ID{Epoch: 1, Seq: 9},
		Cause: frame.StoreFull, Extent: Extent{Frames: 6, N: 60}}
	ns := notes(nil).add(n).add(n)
	if sum, covered := ns.within(frame.Live, n.From, n.To); len(ns) != 1 || sum.N != 60 || !covered {
		t.Errorf("got %+v, %v", sum, covered)
	}
}
