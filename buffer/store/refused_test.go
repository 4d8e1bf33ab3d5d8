package store

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// sickMemory is a file whose reads fail with EIO: nothing is mapped where a file
// begins.
const sickMemory = "/proc/self/mem"

// sickReads makes what is read through an open file fail with EIO.
func sickReads(t *testing.T, f *os.File) {
	t.Helper()
	fd, err := syscall.Open(sickMemory, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Dup3(fd, int(f.Fd()), syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
}

// quiet fails the test if the store tells of damage.
func quiet(t *testing.T, o Options) Options {
	o.OnDamage = func(s Salvage) { t.Errorf("damage: %+v", s) }
	return o
}

func TestAReadErrorThatPassesCostsNoFrame(t *testing.T) {
	s, _ := mustOpen(t, quiet(t, testOptions(t.TempDir())))
	l := lanePut{lane: frame.Backfill}
	put := l.fill(t, s, 60, 3000, 20)
	var got []*frame.Frame
	after, faults := frame.ID{}, 0
	for {
		if r := &s.readers[frame.Backfill]; len(got)%7 == 3 && faults < len(got)/7+1 && r.seg != nil {
			faults++
			sickReads(t, r.cur.f)
			for i := range r.cur.levels { // nothing is remembered
				r.cur.levels[i].id = 0
			}
			if _, err := s.Next(frame.Backfill, after, newFrame()); !errors.Is(err, syscall.EIO) {
				t.Fatalf("from a sick disk: %v, want EIO", err)
			}
			if err := s.Stats().ReadErr; !errors.Is(err, syscall.EIO) {
				t.Errorf("the statistics say %v, want EIO", err)
			}
			if n := s.Stats().Lanes[frame.Backfill].Frames; n != len(put) {
				t.Errorf("%d frames are stored, want %d", n, len(put))
			}
		}
		f := newFrame()
		ok, err := s.Next(frame.Backfill, after, f)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		got, after = append(got, f), f.ID
	}
	wantFrames(t, got, put)
	if err := s.Stats().ReadErr; err != nil || faults < 3 {
		t.Errorf("after %d faults the statistics say %v, want nothing", faults, err)
	}
}

// A process that has no descriptor left cannot open a segment.
func TestNoDescriptorLeftCostsNoFrame(t *testing.T) {
	if !inChild(t) {
		return
	}
	s, _ := mustOpen(t, quiet(t, testOptions(t.TempDir())))
	l := lanePut{lane: frame.Backfill}
	put := l.fill(t, s, 60, 3000, 20)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 3
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	_, err := s.Next(frame.Backfill, frame.ID{}, newFrame())
	if back := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); back != nil {
		t.Fatal(back)
	}
	if !errors.Is(err, syscall.EMFILE) {
		t.Errorf("got %v, want EMFILE", err)
	}
	wantFrames(t, readAll(t, s, frame.Backfill), put)
}

// A segment that the disk refuses at the start is read when it gives it, however
// long that takes; what comes behind it waits.
func TestASegmentThatCannotBeReadAtTheStartIsReadLater(t *testing.T) {
	o := quiet(t, testOptions(t.TempDir()))
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	put := l.fill(t, s, 120, 3000, 20)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path, away := s.segs[1].path, t.TempDir()+"/away"
	if err := errors.Join(os.Rename(path, away), os.Symlink(sickMemory, path)); err != nil {
		t.Fatal(err)
	}
	var now int64
	o.Now = func() int64 { return now }
	s, r := mustOpen(t, o)
	if len(r.Salvaged) != 0 {
		t.Errorf("salvaged %+v", r.Salvaged)
	}
	var after frame.ID
	f := newFrame()
	for {
		ok, err := s.Next(frame.Backfill, after, f)
		if errors.Is(err, syscall.EIO) {
			break
		}
		if !ok || err != nil || f.Kind != frame.Data {
			t.Fatalf("after %v: %v %v %v", after, ok, err, f.Kind)
		}
		after = f.ID
	}
	for range 20 {
		now += badSector / 4
		if ok, err := s.Next(frame.Backfill, after, f); ok || !errors.Is(err, syscall.EIO) {
			t.Fatalf("after %d ms: %v %v, want EIO", now, ok, err)
		}
	}
	if err := errors.Join(os.Remove(path), os.Rename(away, path)); err != nil {
		t.Fatal(err)
	}
	wantFrames(t, readAll(t, s, frame.Backfill), put)
	if n := s.Stats().Lanes[frame.Backfill].Frames; n != len(put) {
		t.Errorf("%d frames are stored, want %d", n, len(put))
	}
}
