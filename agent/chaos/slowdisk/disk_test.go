//go:build chaos

package slowdisk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func mount(t *testing.T) (d *Disk, dir, behind string) {
	t.Helper()
	behind, dir = t.TempDir(), t.TempDir()
	d, err := Mount(behind, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, dir, behind
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is written through the disk is what stands behind it, and what it says
// of files is what is true of them.
func TestSoundDisk(t *testing.T) {
	d, dir, behind := mount(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 40<<10)
	must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	name := filepath.Join(dir, "sub", "a")
	must(t, os.WriteFile(name+".new", data, 0o600))
	must(t, os.Rename(name+".new", name))
	got, err := os.ReadFile(filepath.Join(behind, "sub", "a"))
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("behind the disk stand %d bytes, %v; want %d", len(got), err, len(data))
	}

	f, err := os.OpenFile(name, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	mapped, err := syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ, syscall.MAP_SHARED)
	must(t, err)
	defer syscall.Munmap(mapped)
	_, err = f.WriteAt([]byte("changed"), 16)
	must(t, err)
	if string(mapped[16:23]) != "changed" {
		t.Errorf("the mapping has %q, want what was written", mapped[16:23])
	}
	must(t, f.Truncate(100))
	must(t, f.Sync())
	_, err = f.WriteAt([]byte("not synced"), 100)
	must(t, err)
	if n := d.Synced("sub/a"); n != 100 {
		t.Errorf("%d bytes are synced, want 100", n)
	}
	must(t, f.Truncate(100))
	must(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	must(t, os.Remove(name))
	if info, err := f.Stat(); err != nil || info.Size() != 100 {
		t.Errorf("an open file without a name: %v, %v; want 100 bytes", info, err)
	}
	if list, err := os.ReadDir(filepath.Join(dir, "sub")); err != nil || len(list) != 0 {
		t.Errorf("the directory lists %v, %v; want nothing", list, err)
	}
}

func TestFaults(t *testing.T) {
	d, dir, _ := mount(t)
	f, err := os.Create(filepath.Join(dir, "a"))
	must(t, err)
	defer f.Close()

	d.SlowSync(300 * time.Millisecond)
	begin := time.Now()
	must(t, f.Sync())
	if took := time.Since(begin); took < 300*time.Millisecond {
		t.Errorf("a sync took %v, want 300ms", took)
	}
	d.Heal()

	d.Fail(syscall.EIO)
	if _, err := f.Write([]byte("x")); !errors.Is(err, syscall.EIO) {
		t.Errorf("write: %v, want EIO", err)
	}
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("sync: %v, want EIO", err)
	}
	if _, err := os.Create(filepath.Join(dir, "b")); !errors.Is(err, syscall.EIO) {
		t.Errorf("create: %v, want EIO", err)
	}
	d.Heal()

	d.Leave(5)
	if n, err := f.Write([]byte("0123456789")); n != 5 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write on a full disk: %d, %v; want 5 bytes and ENOSPC", n, err)
	}
	d.Heal()

	d.Hang()
	done := make(chan error)
	go func() {
		_, err := f.Write([]byte("late"))
		done <- err
	}()
	for d.Counts().Held == 0 {
		<-time.After(time.Millisecond)
	}
	select {
	case err := <-done:
		t.Errorf("a write on a disk that hangs ended with %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	d.Heal()
	must(t, <-done)
	if got := d.Counts(); got.Failed != 3 || got.Refused == 0 || got.Held == 0 || got.Syncs == 0 {
		t.Errorf("counts %+v", got)
	}
}
