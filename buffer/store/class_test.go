package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// fillMixed puts and commits n frames, of which each every-th is of class High.
func (l *lanePut) fillMixed(t testing.TB, s *Store, n, size, batch, every int) (put []*frame.Frame) {
	t.Helper()
	for i := range n {
		f := l.next(s.Epoch(), size)
		if i%every == every-1 {
			f.Class = frame.High
		}
		if err := s.Put(f); err != nil {
			t.Fatalf("put %v: %v", f.ID, err)
		}
		l.last = f.ID
		put = append(put, f)
		if i%batch == batch-1 || i == n-1 {
			if err := s.Commit(); err != nil {
				t.Fatalf("commit: %v", err)
			}
		}
	}
	return put
}

func smallStore(dir string) Options {
	o := testOptions(dir)
	o.MaxBytes, o.PendingBytes, o.noSync = 2<<20, 128<<10, true
	return o
}

func precious(frames []*frame.Frame) (ids []frame.ID) {
	for _, f := range frames {
		if f.Kind == frame.Data && f.Class != frame.Normal {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// wantBalance fails unless all that was put is delivered or declared, exactly,
// and reports how many precious frames came through.
func wantBalance(t *testing.T, s *Store, lane frame.Lane, put []*frame.Frame) (kept int) {
	t.Helper()
	got := readAll(t, s, lane)
	delivered, declared, _ := tally(t, got)
	if st := s.Stats(); st.Dropped != 0 && int64(st.Dropped) != declared {
		t.Errorf("%v: Dropped says %d, declared are %d", lane, st.Dropped, declared)
	}
	if want := sumN(put); delivered+declared != want || declared == 0 {
		t.Errorf("%v: %d delivered + %d declared, want %d", lane, delivered, declared, want)
	}
	if len(got) > 0 && got[len(got)-1].ID != put[len(put)-1].ID {
		t.Errorf("%v ends at %v, want %v", lane, got[len(got)-1].ID, put[len(put)-1].ID)
	}
	return len(precious(got))
}

func TestPreciousFramesOutliveNormalOnes(t *testing.T) {
	for _, every := range []int{2, 10, 97} {
		o := smallStore(t.TempDir())
		s, _ := mustOpen(t, o)
		l, alarms := lanePut{lane: frame.Backfill}, lanePut{lane: frame.Alarm}
		var put, raised []*frame.Frame
		rounds := 100
		if every == 2 {
			rounds = 26 // as many as leave room for all of the better half
		}
		for i := range rounds {
			put = append(put, l.fillMixed(t, s, 20, 3000, 20, every)...)
			if i%3 == 0 {
				f := alarms.next(1, 60)
				f.Class, alarms.last = frame.Urgent, f.ID
				if err := errors.Join(s.Put(f), s.Commit()); err != nil {
					t.Fatal(err)
				}
				raised = append(raised, f)
			}
			if got := dirBytes(t, o.Dir); got > o.MaxBytes {
				t.Fatalf("directory takes %d bytes, limit %d", got, o.MaxBytes)
			}
		}
		check := func(s *Store) {
			t.Helper()
			if kept := wantBalance(t, s, frame.Backfill, put); kept != len(precious(put)) {
				t.Errorf("every %d: %d of %d precious frames are left", every, kept, len(precious(put)))
			}
			wantFrames(t, readAll(t, s, frame.Alarm), raised)
		}
		check(s)
		st := s.Stats()
		if st.Dropped == 0 || st.Notes > 1 || st.Segments > 40 || st.DiskBytes < o.MaxBytes/2 {
			t.Errorf("every %d: %+v", every, st)
		}
		again, r := mustOpen(t, withDir(o, copyDir(t, o.Dir)))
		if len(r.Salvaged) != 0 || r.Segments != st.Segments {
			t.Errorf("every %d: reopened: %+v", every, r)
		}
		check(again)
		if in, err := Verify(o.Dir); err != nil || !in.Sound() || len(in.Segments) != st.Segments {
			t.Errorf("every %d: verify: %+v, %v", every, in, err)
		}
		exported := 0
		for _, err := range Frames(o.Dir) {
			if exported++; err != nil {
				t.Fatal(err)
			}
		}
		if want := st.Lanes[frame.Backfill].Frames + st.Lanes[frame.Alarm].Frames; exported != want {
			t.Errorf("every %d: %d frames to export, want %d", every, exported, want)
		}
	}
}

func TestPreciousFramesGoWhenNothingElseIsLeft(t *testing.T) {
	o := smallStore(t.TempDir())
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	put := l.fillMixed(t, s, 200, 3000, 20, 10)
	put = append(put, l.fillMixed(t, s, 1000, 3000, 20, 1)...)
	wantBalance(t, s, frame.Backfill, put)
	got := readAll(t, s, frame.Backfill)
	if got[0].Kind != frame.Gap || len(precious(got)) < 200 {
		t.Errorf("%d frames are left:%s", len(got), idsOf(got))
	}
	for _, f := range got[1:] {
		if f.Kind == frame.Gap || f.Class == frame.Normal {
			t.Fatalf("%v of class %d, kind %d outlived precious frames", f.ID, f.Class, f.Kind)
		}
	}
}

// cutWhileThinning fills a store until a segment has been thinned, and returns
// the directory as a power cut before the removal of the segments leaves it.
func cutWhileThinning(t *testing.T) (o Options, dir, thin string, put []*frame.Frame) {
	t.Helper()
	o = smallStore(t.TempDir())
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	put = l.fillMixed(t, s, 300, 3000, 20, 10)
	before := copyDir(t, o.Dir)
	s.dropOldest()
	dir = copyDir(t, o.Dir)
	made, err := filepath.Glob(filepath.Join(dir, "*-*"+segSuffix))
	if err != nil || len(made) != 1 {
		t.Fatalf("thinned segments: %v, %v", made, err)
	}
	for no := range uint64(2) {
		name := segFile{first: no, no: no}.name()
		b, err := os.ReadFile(filepath.Join(before, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, segFile{first: 1, no: 1, thin: true}.name()+tmpSuffix), []byte("begun"), 0o600); err != nil {
		t.Fatal(err)
	}
	return o, dir, made[0], put
}

func TestPowerCutBeforeTheOldSegmentsAreRemoved(t *testing.T) {
	o, dir, _, put := cutWhileThinning(t)
	in, err := Verify(dir)
	if err != nil || !in.Sound() {
		t.Errorf("verify: %+v, %v", in, err)
	}
	s, r := mustOpen(t, withDir(o, dir))
	if len(r.Salvaged) != 0 || len(in.Segments) != r.Segments {
		t.Errorf("open: %+v, verify saw %d segments", r, len(in.Segments))
	}
	if kept := wantBalance(t, s, frame.Backfill, put); kept != len(precious(put)) {
		t.Errorf("%d precious frames, want %d", kept, len(precious(put)))
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*"+tmpSuffix)); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
	if n, err := s.Samples(); err != nil || n != uint64(sumN(put)) {
		t.Errorf("%d samples there or to be declared, %v; want %d", n, err, sumN(put))
	}
}

// A thinned segment that is damaged while what it replaces is still there.
func TestDamagedThinnedSegmentGivesWay(t *testing.T) {
	o, dir, thin, put := cutWhileThinning(t)
	if err := os.Truncate(thin, 9000); err != nil {
		t.Fatal(err)
	}
	s, r := mustOpen(t, withDir(o, dir))
	if len(r.Salvaged) != 1 || r.Salvaged[0].Bad == "" {
		t.Errorf("open: %+v", r)
	}
	wantFrames(t, readAll(t, s, frame.Backfill), put)
}

// A server that is found in the middle of a run that was given up: its rest is
// declared, of unknown number, and what follows is read.
func TestMarkInsideAThinnedRun(t *testing.T) {
	o := smallStore(t.TempDir())
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	put := l.fillMixed(t, s, 900, 3000, 20, 10)
	s.Release(frame.Backfill, put[3].ID)
	f := newFrame()
	for _, after := range []frame.ID{put[3].ID, put[13].ID} {
		ok, err := s.Next(frame.Backfill, after, f)
		if !ok || err != nil || f.Kind != frame.Gap || f.Prev != after || f.ID.Seq%10 != 9 {
			t.Fatalf("after %v: %v, %v, kind %d (%v..%v]", after, ok, err, f.Kind, f.Prev, f.ID)
		}
		g, err := frame.ParseGapInfo(f.Payload)
		if err != nil || g.N != -1 || g.T0Known || g.Cause != frame.StoreFull {
			t.Errorf("after %v: %+v, %v", after, g, err)
		}
		ok, err = s.Next(frame.Backfill, f.ID, f)
		if want := put[f.ID.Seq-1]; !ok || err != nil || !sameFrame(f, want) {
			t.Errorf("behind: %v, %v, %v", f.ID, ok, err)
		}
	}
}

func TestThinningKeepsFramesInFlight(t *testing.T) {
	o := smallStore(t.TempDir())
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	put := l.fillMixed(t, s, 100, 3000, 20, 10)
	f := newFrame()
	for after := (frame.ID{}); after.Seq < 15; after = f.ID {
		if _, err := s.Next(frame.Backfill, after, f); err != nil {
			t.Fatal(err)
		}
	}
	s.Release(frame.Backfill, put[4].ID) // 6..15 are in flight
	g := s.segs[0]
	if err := s.thin(g); err != nil {
		t.Fatal(err)
	}
	var got []*frame.Frame
	for after := put[4].ID; ; after = got[len(got)-1].ID {
		f := newFrame()
		if ok, err := s.Next(frame.Backfill, after, f); !ok || err != nil {
			break
		}
		got = append(got, f)
	}
	wantFrames(t, got[:10], put[5:15])
	if got[10].Kind != frame.Gap || got[10].Prev != put[14].ID {
		t.Errorf("behind them stands%s", idsOf(got[10:]))
	}
	if delivered, declared, _ := tally(t, got); delivered+declared != sumN(put[5:]) {
		t.Errorf("%d delivered + %d declared, want %d", delivered, declared, sumN(put[5:]))
	}
}

// On a full disk no copy can be made: segments without precious frames go
// first, whole, and what goes is still declared exactly.
func TestThinningOnAFullDisk(t *testing.T) {
	full := 0
	o := failing(t, &full, syscall.ENOSPC)
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	put := l.fillMixed(t, s, 60, 3000, 20, 10)
	put = append(put, l.fillMixed(t, s, 100, 3000, 20, 1000)...)
	full = 3 // the commit, the copy, the commit
	put = append(put, l.fillMixed(t, s, 20, 3000, 20, 10)...)
	if kept := wantBalance(t, s, frame.Backfill, put); kept != len(precious(put)) {
		t.Errorf("%d precious frames, want %d", kept, len(precious(put)))
	}
	if left, _ := filepath.Glob(filepath.Join(o.Dir, "*"+tmpSuffix)); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
}
