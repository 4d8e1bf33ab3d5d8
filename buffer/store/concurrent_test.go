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

// The same while the store is full and thins: every frame is read or declared.
func TestThinningBesideAReader(t *testing.T) {
	const frames = 4000
	o := testOptions(t.TempDir())
	o.noSync, o.MaxBytes, o.SegmentBytes, o.PendingBytes = true, 1<<20, 64<<10, 32<<10
	s, _ := mustOpen(t, o)
	put, done := make(chan int64, 1), make(chan struct{})
	go func() {
		l, total := lanePut{lane: frame.Backfill}, int64(0)
		defer func() { close(done); put <- total }()
		for i := range frames {
			f := l.next(1, i%2500)
			f.Class = frame.Class(min(i%9, 1) ^ 1)
			for {
				err := s.Put(f)
				if err == nil {
					break
				}
				if err != ErrPendingFull {
					t.Error(err)
					return
				}
				if err := s.Commit(); err != nil {
					t.Error(err)
					return
				}
			}
			total, l.last = total+int64(f.N), f.ID
		}
		if err := s.Commit(); err != nil {
			t.Error(err)
		}
	}()
	f, total, gaps := newFrame(), int64(0), 0
	for after := (frame.ID{}); after.Seq < frames && !t.Failed(); {
		ok, err := s.Next(frame.Backfill, after, f)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			runtime.Gosched()
			continue
		}
		n := int64(f.N)
		if f.Kind == frame.Gap {
			gaps++
			g, err := frame.ParseGapInfo(f.Payload)
			if err != nil || g.N < 0 {
				t.Fatalf("gap (%v..%v]: %+v, %v", f.Prev, f.ID, g, err)
			}
			n = g.N
		}
		if f.Prev != after {
			t.Fatalf("after %v: %v names %v", after, f.ID, f.Prev)
		}
		total, after = total+n, f.ID
		for after.Seq%100 == 0 && s.Last(frame.Backfill).Seq < after.Seq+900 { // behind what the store holds
			select {
			case <-done:
			default:
				runtime.Gosched()
				continue
			}
			break
		}
		if after.Seq%200 < 3 { // released in steps, so that frames are in flight
			s.Release(frame.Backfill, after)
		}
	}
	if want := <-put; total != want {
		t.Errorf("%d delivered and declared, want %d", total, want)
	}
	if gaps < 10 {
		t.Errorf("%d gaps: the store was never full", gaps)
	}
}
