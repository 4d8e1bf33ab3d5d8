package store

import (
	"runtime"
	"sync"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// A reader that opened its transaction while a commit was under way must see
// what that commit brought, without waiting for another.
func TestReadDuringACommitSeesItAfterwards(t *testing.T) {
	var s *Store
	var during func()
	o := testOptions(t.TempDir())
	o.noSync = true
	o.fault = func() error {
		if during != nil {
			during()
		}
		return nil
	}
	s, _ = mustOpen(t, o)
	l := lanePut{lane: frame.Live}
	put := l.fill(t, s, 3, 100, 1)
	calls := 0
	during = func() {
		calls++
		f := newFrame()
		if ok, err := s.Next(frame.Live, put[0].ID, f); !ok || err != nil || f.ID != put[1].ID {
			t.Errorf("during the commit: %v %v %v", f.ID, ok, err)
		}
		if ok, _ := s.Next(frame.Live, put[2].ID, f); ok {
			t.Errorf("during the commit: read %v, which is not committed", f.ID)
		}
	}
	put = append(put, l.fill(t, s, 1, 100, 1)...)
	if during = nil; calls != 1 {
		t.Fatalf("%d commits watched, want 1", calls)
	}
	f := newFrame()
	if ok, err := s.Next(frame.Live, put[2].ID, f); !ok || err != nil || f.ID != put[3].ID {
		t.Errorf("after the commit: %v %v %v", f.ID, ok, err)
	}
}

// Put, Commit, Next with Release, and Stats side by side: every frame is read
// once, in order, unchanged.
func TestSideBySide(t *testing.T) {
	const frames = 3000
	o := testOptions(t.TempDir())
	o.noSync, o.MaxBytes = true, 64<<20
	s, _ := mustOpen(t, o)
	wake, done := make(chan struct{}, 1), make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(done)
	wg.Go(func() { // commits whatever there is, until the reader has everything
		for {
			if err := s.Commit(); err != nil {
				t.Errorf("commit: %v", err)
			}
			s.Stats()
			select {
			case wake <- struct{}{}:
			default:
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	wg.Go(func() {
		l := lanePut{lane: frame.Backfill}
		for i := range frames {
			f := l.next(1, i%2500)
			for s.Put(f) == ErrPendingFull {
				select {
				case <-done:
					return
				default:
					runtime.Gosched()
				}
			}
			l.last = f.ID
		}
	})
	f := newFrame()
	for after := (frame.ID{}); after.Seq < frames; {
		ok, err := s.Next(frame.Backfill, after, f)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			<-wake
			continue
		}
		seq := after.Seq + 1
		if want := makeFrame(frame.Backfill, frame.ID{Epoch: 1, Seq: seq}, after, int(seq-1)%2500); !sameFrame(f, want) {
			t.Fatalf("after %v: got %v from %v", after, f.ID, f.Prev)
		}
		after = f.ID
		s.Release(frame.Backfill, after)
	}
}
