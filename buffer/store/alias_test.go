package store

import (
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
