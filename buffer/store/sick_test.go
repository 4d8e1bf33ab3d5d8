package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// writers returns the descriptors of the files that this process may write in
// a directory.
func writers(t *testing.T, dir string) (fds map[int]string) {
	t.Helper()
	fds = map[int]string{}
	entries, err := os.ReadDir("/proc/self/fdinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || !strings.HasPrefix(name, dir+"/") || strings.HasSuffix(name, lockName) {
			continue
		}
		fd := 0
		for _, c := range e.Name() {
			fd = fd*10 + int(c-'0')
		}
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0)
		if errno == 0 && flags&syscall.O_ACCMODE == syscall.O_RDWR {
			fds[fd] = name
		}
	}
	return fds
}

// sickFile puts /dev/full in the place of the file that bbolt writes to: writes
// fail with ENOSPC, syncs with EINVAL, while its mapping stays.
func sickFile(t *testing.T, s *Store, device string, mode int) {
	t.Helper()
	fd, err := syscall.Open(device, mode|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	n := 0
	for to, name := range writers(t, s.o.Dir) {
		if strings.HasSuffix(name, segSuffix) {
			if err := syscall.Dup3(fd, to, syscall.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	if n != 1 {
		t.Fatalf("%d files are open for writing, want the active segment", n)
	}
}

// A commit fails while the file cannot be read either: it is cut short, so
// that its mapping faults, or holds something else. bbolt answers a failed
// commit by scanning the file in a goroutine of its own, and the fault there
// ended the process.
func TestFailedCommitOnASickDisk(t *testing.T) {
	if !inChild(t) {
		return
	}
	for _, write := range []struct {
		name string
		harm func(t *testing.T, s *Store)
	}{
		{"sound", func(*testing.T, *Store) {}},
		{"full", func(t *testing.T, s *Store) { sickFile(t, s, "/dev/full", syscall.O_RDWR) }},
		{"not writable", func(t *testing.T, s *Store) { sickFile(t, s, "/dev/null", syscall.O_RDONLY) }},
		{"cannot be synced", func(t *testing.T, s *Store) { sickFile(t, s, "/dev/null", syscall.O_RDWR) }},
	} {
		for name, harm := range readHarms() {
			t.Run(write.name+", "+name, func(t *testing.T) {
				s, _ := mustOpen(t, testOptions(t.TempDir()))
				l := lanePut{lane: frame.Live}
				put := l.fill(t, s, 30, 1500, 5)
				if _, err := s.Next(frame.Live, put[3].ID, newFrame()); err != nil {
					t.Fatal(err)
				}
				path := s.active.path
				write.harm(t, s)
				if err := harm(path); err != nil {
					t.Fatal(err)
				}
				goesOn(t, s)
				for _, f := range readAll(t, s, frame.Live) {
					if f.Kind == frame.Data && f.T0 != lateT0 && !sameFrame(f, put[f.ID.Seq-1]) {
						t.Errorf("%v is invented", f.ID)
					}
				}
				goesOn(t, s)
			})
		}
	}
}

// readHarms lists what can become of a file of some twenty pages that is open.
func readHarms() map[string]func(path string) error {
	harms := map[string]func(path string) error{
		"whole":   func(string) error { return nil },
		"deleted": os.Remove,
	}
	for page := range int64(24) {
		harms[fmt.Sprint("cut at page ", page)] = func(path string) error {
			info, err := os.Stat(path)
			return errors.Join(err, os.Truncate(path, min(info.Size(), page*pageSize)))
		}
		harms[fmt.Sprint("page overwritten: ", page)] = func(path string) error { return overwrite(path, page*pageSize, pageSize) }
		harms[fmt.Sprint("overwritten from page ", page)] = func(path string) error { return overwrite(path, page*pageSize, 1<<30) }
	}
	return harms
}

// overwrite fills a part of a file, as far as it reaches.
func overwrite(path string, from, n int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() <= from {
		return err
	}
	junk := make([]byte, min(n, info.Size()-from))
	fillBytes(junk, 0xA5)
	_, err = f.WriteAt(junk, from)
	return err
}

// What is whole is kept: after a failed write all that was committed is read.
func TestFailedCommitLosesNothing(t *testing.T) {
	if !inChild(t) {
		return
	}
	for _, device := range []string{"/dev/full", "/dev/null"} {
		s, _ := mustOpen(t, testOptions(t.TempDir()))
		l := lanePut{lane: frame.Live}
		put := l.fill(t, s, 30, 1500, 5)
		sickFile(t, s, device, syscall.O_RDWR)
		put = append(put, l.fill(t, s, 10, 1500, 2)...)
		wantFrames(t, readAll(t, s, frame.Live), put)
		if err := s.Close(); err != nil {
			t.Errorf("%s: close: %v", device, err)
		}
		s, r := mustOpen(t, s.o)
		if wantFrames(t, readAll(t, s, frame.Live), put); len(r.Salvaged) != 0 {
			t.Errorf("%s: salvaged %+v", device, r.Salvaged)
		}
	}
}

// The whole directory goes away, or becomes a file, while the store works: its
// methods give errors and the process lives.
func TestDirectoryGoesAway(t *testing.T) {
	if !inChild(t) {
		return
	}
	for name, away := range map[string]func(dir string) error{
		"removed": os.RemoveAll,
		"renamed": func(dir string) error { return os.Rename(dir, dir+".old") },
		"a file":  func(dir string) error { return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)) },
		"emptied": func(dir string) error {
			files, err := filepath.Glob(dir + "/*")
			for _, f := range files {
				err = errors.Join(err, os.Remove(f))
			}
			return err
		},
	} {
		for _, reading := range []bool{false, true} {
			dir := filepath.Join(t.TempDir(), "spool")
			s, _ := mustOpen(t, testOptions(dir))
			l := lanePut{lane: frame.Live}
			put := l.fill(t, s, 200, 1500, 10)
			if reading {
				if _, err := s.Next(frame.Live, frame.ID{}, newFrame()); err != nil {
					t.Fatal(err)
				}
			}
			if err := away(dir); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := s.Put(l.next(s.Epoch(), 500)); err != nil && !errors.Is(err, ErrPendingFull) {
					t.Errorf("%s: put: %v", name, err)
				}
				l.last.Seq++
				err := s.Commit()
				t.Logf("%s: commit: %v", name, err)
				if err == nil && name != "emptied" && name != "renamed" {
					t.Errorf("%s: commit into a directory that is not there", name)
				}
			}
			f := newFrame()
			for range 2 * len(put) {
				ok, err := s.Next(frame.Live, f.ID, f)
				if err != nil || !ok {
					break
				}
			}
			s.Sweep()
			s.Stats()
			s.Release(frame.Live, put[len(put)/2].ID)
			s.Sweep()
			s.Close()
			if _, err := Verify(dir); err == nil && name == "removed" {
				t.Errorf("%s: verify says nothing", name)
			}
		}
	}
}
