package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

func TestDropNewestKeepsATenthForPreciousFrames(t *testing.T) {
	o := testOptions(t.TempDir())
	o.Drop, o.noSync = DropNewest, true
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	l.fillMixed(t, s, 1, 3000, 1, 1)
	put := func(class frame.Class) error {
		for range 10000 {
			f := l.next(1, 3000)
			f.Class = class
			err := s.Put(f)
			if errors.Is(err, ErrPendingFull) {
				if err := s.Commit(); err != nil {
					return err
				}
				continue
			}
			if err != nil {
				return err
			}
			l.last = f.ID
		}
		return nil
	}
	for i, class := range []frame.Class{frame.Normal, frame.High} {
		if err := put(class); err != ErrFull {
			t.Fatalf("class %d: %v, want ErrFull", class, err)
		}
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
		used := float64(s.Stats().DiskBytes) / float64(o.MaxBytes)
		if low, high := 0.65+0.1*float64(i), 0.9+0.1*float64(i); used < low || used > high {
			t.Errorf("class %d is refused at %.3f of the limit, want %.2f to %.2f", class, used, low, high)
		}
		t.Logf("class %d is refused at %.3f of the limit", class, used)
	}
}

func TestNormalFramesAloneKeepPlainSegments(t *testing.T) {
	o := smallStore(t.TempDir())
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	put := l.fill(t, s, 900, 3000, 20)
	wantBalance(t, s, frame.Backfill, put)
	if thin, _ := filepath.Glob(filepath.Join(o.Dir, "*-*")); len(thin) != 0 {
		t.Errorf("%v: thinned, although nothing precious is there", thin)
	}
	if st := s.Stats(); st.Notes != 1 {
		t.Errorf("%d notes, want 1", st.Notes)
	}
}

// Frames of two classes are sealed by themselves: the end of the class that
// got less far is where something can be missing.
func TestUncleanReachesAsFarAsEveryClass(t *testing.T) {
	begun := smallStore("").Now()
	for _, c := range []struct {
		normal, high, alarm int64
		want                int64
	}{{9000, 8000, 2000, 8000}, {8000, 9000, 9500, 8000}, {0, 9000, 9500, 9000}, {0, 0, 500, begun}, {7000, 0, 500, 7000}} {
		o := smallStore(t.TempDir())
		s, _ := mustOpen(t, o)
		lanes := [frame.Lanes]lanePut{}
		put := func(lane frame.Lane, class frame.Class, t1 int64) {
			if t1 == 0 {
				return
			}
			l := &lanes[lane]
			l.lane = lane
			f := l.next(1, 100)
			f.Class, f.T0, f.T1, l.last = class, t1-10, t1, f.ID
			if err := s.Put(f); err != nil {
				t.Fatal(err)
			}
		}
		put(frame.Alarm, frame.Urgent, c.alarm)
		put(frame.Backfill, frame.High, c.high)
		put(frame.Backfill, frame.Normal, c.normal)
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
		if _, r := mustOpen(t, withDir(o, copyDir(t, o.Dir))); r.Unclean == nil || r.Unclean.LastT1 != c.want || r.Unclean.Boot != testBoot {
			t.Errorf("%+v: %+v, want %d", c, r.Unclean, c.want)
		}
	}
}

func TestLockIsNoLink(t *testing.T) {
	dir, target := t.TempDir(), filepath.Join(t.TempDir(), "target")
	if err := os.Symlink(target, filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	_, _, err := Open(testOptions(dir))
	if err == nil || !strings.Contains(err.Error(), "symbolic link: remove it") {
		t.Errorf("error %v, want it to name the link", err)
	}
	if _, err := os.Lstat(target); err == nil {
		t.Error("a file was made behind the link")
	}
}

// A segment between two others is given up while the first is in flight; the
// two must not become one, whose range would cover the note.
func TestThinningJoinsOnlyNeighbours(t *testing.T) {
	o := smallStore(t.TempDir())
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	put := l.fillMixed(t, s, 160, 3000, 20, 10)
	a, b, c := s.segs[0], s.segs[1], s.segs[2]
	if err := s.thin(a); err != nil {
		t.Fatal(err)
	}
	s.giveUp(func(g *segment) bool { return g == b })
	if err := s.thin(c); err != nil {
		t.Fatal(err)
	}
	wantBalance(t, s, frame.Backfill, put)
	for range 2 { // both thinned ones
		first := s.segs[0]
		s.giveUp(func(g *segment) bool { return g == first })
	}
	wantBalance(t, s, frame.Backfill, put)
}
