package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// A server that knows this device from before has marks of epochs that this
// store never had, between the number its run began with and the one it took.
func TestReassignedFramesFollowAMarkOfAnotherStore(t *testing.T) {
	as := aliases{}.reassign(1, 10).reassign(11, 20)
	for _, c := range []struct{ after, want frame.ID }{
		{frame.ID{}, frame.ID{}},
		{frame.ID{Epoch: 9, Seq: 3}, frame.ID{Epoch: 1}},
		{frame.ID{Epoch: 10, Seq: 3}, frame.ID{Epoch: 1, Seq: 3}},
		{frame.ID{Epoch: 15, Seq: 3}, frame.ID{Epoch: 11}},
		{frame.ID{Epoch: 20, Seq: 3}, frame.ID{Epoch: 11, Seq: 3}},
		{frame.ID{Epoch: 21, Seq: 3}, frame.ID{Epoch: 21, Seq: 3}},
	} {
		if got := as.stored(c.after); got != c.want {
			t.Errorf("after %v: %v, want %v", c.after, got, c.want)
		}
	}
	s, _ := mustOpen(t, testOptions(t.TempDir()))
	l := lanePut{lane: frame.Backfill}
	l.fill(t, s, 5, 100, 5)
	if err := s.Reassign(10); err != nil {
		t.Fatal(err)
	}
	dst := newFrame()
	ok, err := s.Next(frame.Backfill, frame.ID{Epoch: 9, Seq: 3}, dst)
	if err != nil || !ok || dst.ID != (frame.ID{Epoch: 10, Seq: 1}) {
		t.Errorf("after 9/3 comes %v, %v, %v; want 10/1", dst.ID, ok, err)
	}
}

// What Redis had of another store stays that when this store's run is renamed
// once more, although an earlier run of it was known by the same number.
func TestAMarkOfAnotherStoreIsNotRenamed(t *testing.T) {
	o := testOptions(t.TempDir())
	theirs := frame.ID{Epoch: 1, Seq: 7}
	s, _ := mustOpen(t, o) // epoch 1, which another store has, too
	if err := s.Reassign(2); err != nil {
		t.Fatal(err)
	}
	s.Release(frame.Backfill, theirs)
	f := makeFrame(frame.Backfill, frame.ID{Epoch: 2, Seq: 1}, theirs, 100)
	if err := s.Put(f); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, sum := range []bool{true, false} { // read from the sum, and from the file
		if !sum {
			if err := os.Remove(filepath.Join(o.Dir, sumsName)); err != nil {
				t.Fatal(err)
			}
		}
		s, r := mustOpen(t, o)
		if err := s.Reassign(r.Epoch + 2); err != nil {
			t.Fatal(err)
		}
		if got := s.Released(frame.Backfill); got != theirs {
			t.Errorf("released up to %v, want %v", got, theirs)
		}
		dst := newFrame()
		ok, err := s.Next(frame.Backfill, theirs, dst)
		if err != nil || !ok || dst.Kind != frame.Data || dst.ID != f.ID || dst.Prev != theirs {
			t.Errorf("after %v comes %v of kind %v behind %v (%v, %v), want %v", theirs, dst.ID, dst.Kind, dst.Prev, ok, err, f.ID)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
