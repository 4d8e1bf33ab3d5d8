package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

func TestFramesSurviveReopen(t *testing.T) {
	dir := t.TempDir()
	s, r := mustOpen(t, testOptions(dir))
	if r.Epoch != 1 || !r.Fresh || r.Unclean != nil {
		t.Errorf("new store reports %+v", r)
	}
	var put [frame.Lanes][]*frame.Frame
	lanes := [frame.Lanes]lanePut{{lane: 0}, {lane: 1}, {lane: 2}}
	for i, size := range []int{0, 1, chunkLen - headerLen, chunkLen - headerLen + 1, 5000, 40000} {
		for lane := range lanes {
			put[lane] = append(put[lane], lanes[lane].fill(t, s, 1+i, size, 2)...)
		}
	}
	for lane := range lanes {
		wantFrames(t, readAll(t, s, frame.Lane(lane)), put[lane])
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, r = mustOpen(t, testOptions(dir))
	if r.Epoch != 2 || r.Fresh || r.Unclean != nil || len(r.Salvaged) != 0 {
		t.Errorf("clean store reports %+v", r)
	}
	for lane := range lanes {
		wantFrames(t, readAll(t, s, frame.Lane(lane)), put[lane])
		if got := s.Last(frame.Lane(lane)); got != lanes[lane].last {
			t.Errorf("Last %v, want %v", got, lanes[lane].last)
		}
	}
	put[1] = append(put[1], lanes[1].fill(t, s, 3, 100, 1)...)
	wantFrames(t, readAll(t, s, frame.Live), put[1])
	if got := put[1][len(put[1])-1].ID; got != (frame.ID{Epoch: 2, Seq: 3}) {
		t.Errorf("last frame %v, want 2/3", got)
	}
}

func TestUncommittedIsNotRead(t *testing.T) {
	s, _ := mustOpen(t, testOptions(t.TempDir()))
	l := lanePut{lane: frame.Live}
	if err := s.Put(l.next(1, 10)); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, s, frame.Live); len(got) != 0 {
		t.Errorf("read %d frames before the commit", len(got))
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, s, frame.Live); len(got) != 1 {
		t.Errorf("read %d frames after the commit, want 1", len(got))
	}
}

func TestPutRefuses(t *testing.T) {
	s, _ := mustOpen(t, testOptions(t.TempDir()))
	put := func(f *frame.Frame) error { return s.Put(f) }
	id := func(e, n uint64) frame.ID { return frame.ID{Epoch: e, Seq: n} }
	for _, c := range []struct {
		name string
		f    *frame.Frame
		want error
	}{
		{"lane", makeFrame(frame.Lanes, id(1, 1), id(0, 0), 1), ErrOrder},
		{"zero id", makeFrame(frame.Live, id(1, 0), id(0, 0), 1), ErrOrder},
		{"own predecessor", makeFrame(frame.Live, id(1, 1), id(1, 1), 1), ErrOrder},
		{"fine", makeFrame(frame.Live, id(1, 5), id(1, 4), 1), nil},
		{"same again", makeFrame(frame.Live, id(1, 5), id(1, 4), 1), ErrOrder},
		{"earlier", makeFrame(frame.Live, id(1, 4), id(1, 3), 1), ErrOrder},
		{"too large", makeFrame(frame.Live, id(1, 6), id(1, 5), 128<<10), ErrTooLarge},
		{"large", makeFrame(frame.Live, id(1, 6), id(1, 5), 100<<10), nil},
		{"second large", makeFrame(frame.Live, id(1, 7), id(1, 6), 100<<10), ErrPendingFull},
	} {
		if got := put(c.f); !errors.Is(got, c.want) || c.want == nil && got != nil {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := put(makeFrame(frame.Live, id(1, 8), id(1, 7), 1)); err != ErrOff {
		t.Errorf("after Close: got %v, want ErrOff", err)
	}
	if err := s.Commit(); err != ErrOff {
		t.Errorf("Commit after Close: got %v, want ErrOff", err)
	}
	if _, err := s.Next(frame.Live, frame.ID{}, newFrame()); err != ErrOff {
		t.Errorf("Next after Close: got %v, want ErrOff", err)
	}
}

func TestNextWithoutRoom(t *testing.T) {
	s, _ := mustOpen(t, testOptions(t.TempDir()))
	(&lanePut{lane: frame.Live}).fill(t, s, 1, 3000, 1)
	f := &frame.Frame{Payload: make([]byte, 0, s.Stats().MaxPayload-1)}
	if _, err := s.Next(frame.Live, frame.ID{}, f); err != ErrShort {
		t.Errorf("got %v, want ErrShort", err)
	}
	f.Payload = make([]byte, 0, s.Stats().MaxPayload)
	if ok, err := s.Next(frame.Live, frame.ID{}, f); !ok || err != nil {
		t.Errorf("with MaxPayload: %v, %v", ok, err)
	}
}

func TestSecondProcessIsTold(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, testOptions(dir))
	_, _, err := Open(testOptions(dir))
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v, want ErrLocked naming %s", err, dir)
	}
}

func TestForeignFilesStay(t *testing.T) {
	o := testOptions(t.TempDir())
	for name, ours := range map[string]bool{"letter.tmp": false, "meta.db.tmp": true, "0000002a.seg.tmp": true, "1.seg.tmp": false} {
		path := filepath.Join(o.Dir, name)
		if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
		s, _ := mustOpen(t, o)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); (err != nil) != ours {
			t.Errorf("%s after Open: %v", name, err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	_, _, err := Open(Options{MaxBytes: 5, SegmentBytes: -1, PendingBytes: 3, Drop: 7})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"Dir", "MaxBytes is 5", "SegmentBytes is -1", "PendingBytes is 3", "Drop is 7", "Now"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not mention %q: %v", want, err)
		}
	}
}

func TestReleasedSegmentsAreUnlinked(t *testing.T) {
	dir := t.TempDir()
	s, _ := mustOpen(t, testOptions(dir))
	l := lanePut{lane: frame.Backfill}
	put := l.fill(t, s, 400, 2000, 20)
	before := s.Stats()
	if before.Segments < 6 || before.Lanes[frame.Backfill].Frames != 400 || before.Lanes[frame.Backfill].Payload != 800000 {
		t.Fatalf("before: %+v", before)
	}
	s.Release(frame.Backfill, put[199].ID)
	s.Sweep()
	half := s.Stats()
	if half.Lanes[frame.Backfill].Frames != 200 || half.DiskBytes > before.DiskBytes*2/3 {
		t.Errorf("half released: %+v", half)
	}
	if got := half.Lanes[frame.Backfill].OldestT0; got != put[200].T0 {
		t.Errorf("oldest stamp %d, want %d", got, put[200].T0)
	}
	s.Release(frame.Backfill, l.last)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if segs, _ := filepath.Glob(filepath.Join(dir, "*.seg")); len(segs) != 0 {
		t.Errorf("all released, but %v is left", segs)
	}
	s, _ = mustOpen(t, testOptions(dir))
	if got := s.Last(frame.Backfill); got != l.last {
		t.Errorf("Last %v after the segments are gone, want %v", got, l.last)
	}
}

func TestReassign(t *testing.T) {
	dir := t.TempDir()
	s, _ := mustOpen(t, testOptions(dir))
	l := lanePut{lane: frame.Live}
	put := l.fill(t, s, 100, 3000, 10)
	f := l.next(1, 50) // pending when the epoch changes
	if err := s.Put(f); err != nil {
		t.Fatal(err)
	}
	put, l.last = append(put, f), f.ID
	if err := s.Reassign(1); err == nil {
		t.Error("Reassign to the same epoch did not fail")
	}
	for _, to := range []uint64{7, 9} {
		if err := s.Reassign(to); err != nil {
			t.Fatal(err)
		}
		l.last.Epoch = to
		for _, f := range put {
			f.ID.Epoch, f.Prev.Epoch = to, min(f.Prev.Epoch, 1)*to
		}
		put = append(put, l.fill(t, s, 30, 3000, 7)...)
		wantFrames(t, sameContent(readAll(t, s, frame.Live), put), put)
	}
	for _, f := range put { // from any place
		got := newFrame()
		if ok, err := s.Next(frame.Live, f.Prev, got); err != nil || !ok || got.ID != f.ID {
			t.Fatalf("after %v: got %v, %v, %v", f.Prev, got.ID, ok, err)
		}
	}
	crashed := copyDir(t, dir)
	s2, r := mustOpen(t, testOptions(crashed))
	if r.Epoch != 10 || r.Unclean == nil || r.Unclean.Epoch != 9 {
		t.Errorf("after a crash: %+v", r)
	}
	wantFrames(t, sameContent(readAll(t, s2, frame.Live), put), put)
}

// sameContent gives got the dating of want, which follows from the epoch under
// which a frame was made.
func sameContent(got, want []*frame.Frame) []*frame.Frame {
	for i := range got {
		if i < len(want) {
			want[i].Dating = got[i].Dating
		}
	}
	return got
}

func TestUncleanIsReported(t *testing.T) {
	dir := t.TempDir()
	s, _ := mustOpen(t, testOptions(dir))
	_, r := mustOpen(t, testOptions(copyDir(t, dir)))
	if want := (Unclean{Epoch: 1, LastT1: 1000, Boot: testBoot}); r.Unclean == nil || *r.Unclean != want {
		t.Errorf("without frames: %+v, want %+v", r.Unclean, want)
	}
	l := lanePut{lane: frame.Backfill}
	put := l.fill(t, s, 5, 100, 1)
	_, r = mustOpen(t, testOptions(copyDir(t, dir)))
	want := Unclean{Epoch: 1, LastT1: put[4].T1, Boot: testBoot, Dating: put[4].Dating}
	if r.Unclean == nil || *r.Unclean != want {
		t.Errorf("with frames: %+v, want %+v", r.Unclean, want)
	}
}

func TestUnwritableDirectory(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := testOptions(filepath.Join(file, "spool"))
	if _, _, err := Open(o); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want an error naming %s", err, file)
	}
}

// Until a run has stored its gap record, the loss that it would declare begins
// where the run before ended.
func TestUncleanSurvivesARunThatStoresNothing(t *testing.T) {
	o := testOptions(t.TempDir())
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Live}
	put := l.fill(t, s, 5, 100, 1)
	for cut := 1; cut <= 3; cut++ {
		o = withDir(o, copyDir(t, o.Dir))
		o.Boot, o.Now = frame.BootID{byte(cut)}, func() int64 { return int64(cut) * 1e6 }
		_, r := mustOpen(t, o)
		if u := r.Unclean; u == nil || u.LastT1 != put[4].T1 || u.Boot != testBoot || u.Dating != put[4].Dating {
			t.Errorf("after cut %d: %+v, want the end of the last frame, %d", cut, u, put[4].T1)
		}
	}
}
