package store

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// hangingFile puts a pipe that nobody writes to in a file's place: whoever opens
// it hangs, as on a disk that does not answer. free puts the file back and lets
// go who hangs, with what a broken disk gives.
func hangingFile(t *testing.T, path string) (free func()) {
	t.Helper()
	away := filepath.Join(t.TempDir(), "away")
	if err := os.Rename(path, away); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	free = func() {
		once.Do(func() {
			pipe, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer pipe.Close()
			if err := os.Rename(away, path); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(free) // or closing the store would hang, too
	return free
}

// answers calls what the uplink's keeper and the status page call, for a while,
// and fails if that takes long.
func answers(t *testing.T, s *Store) {
	t.Helper()
	l := lanePut{lane: frame.Backfill, last: s.Last(frame.Backfill)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
			f := l.next(s.Epoch(), 10)
			if s.Put(f) == nil {
				l.last = f.ID
			}
			s.Room(f)
			s.Last(frame.Live)
			s.Released(frame.Live)
			s.Release(frame.Alarm, frame.ID{Epoch: 1, Seq: 1})
			s.SetOpened(s.Opened())
			s.Written()
			s.Stats()
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("a caller that must not wait for the disk waits for it")
	}
}

// The first segment of a run takes in the small one that the run before left:
// the disk hangs there.
func TestADiskThatHangsWhileASegmentIsBegunHoldsUpNobodyElse(t *testing.T) {
	o := testOptions(t.TempDir())
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Live}
	put := l.fill(t, s, 5, 500, 5)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ = mustOpen(t, o)
	free := hangingFile(t, s.segs[0].path)
	f := l.next(s.Epoch(), 500)
	if err := s.Put(f); err != nil {
		t.Fatal(err)
	}
	committed := make(chan error)
	go func() { committed <- s.Commit() }()
	answers(t, s)
	free()
	if err := <-committed; err != nil {
		t.Error(err)
	}
	wantFrames(t, readAll(t, s, frame.Live), append(put, f))
}

func TestADiskThatHangsInAReadHoldsUpNobodyElse(t *testing.T) {
	s, _ := mustOpen(t, testOptions(t.TempDir()))
	l := lanePut{lane: frame.Live}
	put := l.fill(t, s, 5, 500, 5)
	if err := s.seal(); err != nil {
		t.Fatal(err)
	}
	g := s.segs[0]
	size := g.size
	g.size = 0 // a pipe has none
	free := hangingFile(t, g.path)
	read := make(chan error)
	go func() {
		_, err := s.Next(frame.Live, frame.ID{}, newFrame())
		read <- err
	}()
	answers(t, s)
	free()
	if err := <-read; err == nil {
		t.Error("a frame came out of a pipe")
	}
	g.size = size
	wantFrames(t, readAll(t, s, frame.Live), put)
}
