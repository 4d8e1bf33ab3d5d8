//go:build chaos

package chaos

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// TestDiskFull fills the spool's file system from outside in an outage, keeps it
// full for a while, and gives the room back.
func TestDiskFull(t *testing.T) {
	for _, drop := range []string{"oldest", "newest"} {
		t.Run(drop, func(t *testing.T) {
			b := newBench(t, fmt.Sprintf("disk full in an outage, drop = %s", drop))
			dir := newPartition(t, 40<<20)
			b.node.spool = filepath.Join(dir, "spool")
			srv := redistest.Start(t, "--appendonly", "yes")
			b.feed(2, 250)
			b.agent(srv.URL(), fmt.Sprintf("spool.drop = %q", drop), `spool.max_size = "16MB"`, "uplink.frame = 64")
			b.node.start()
			b.talk()
			b.node.forwards(2000)

			srv.Stop()
			b.fault("server stopped", 1)
			b.spools()
			for range pick(2, 4) {
				ballast := fill(t, dir)
				b.fault("disk filled by others", 1)
				wait(t, pick(8*time.Second, 45*time.Second))
				if err := os.Remove(ballast); err != nil {
					t.Fatal(err)
				}
				b.spools() // again
			}

			ballast := fill(t, dir)
			srv.Start()
			b.fault("disk filled by others", 1)
			b.node.connected()
			b.node.forwards(4000) // live, although nothing can be stored
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			b.finish()
		})
	}
}

// spools waits until the store takes frames, and says so.
func (b *bench) spools() {
	b.t.Helper()
	s := b.node.status().Spool
	from := s.Frames
	defer func() { b.t.Logf("the spool held %d frames, now %+v", from, s) }()
	eventually(b.t, "frames to be stored", func() bool {
		s = b.node.status().Spool
		from = min(from, s.Frames)
		return s.Frames > from+5 && s.State != "failed"
	})
}

// newPartition mounts a small ext4 of its own until the test's end.
func newPartition(t *testing.T, size int64) (dir string) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "disk.img")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, size)); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, line := range [][]string{{"mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s (run as root)", line, err, out)
		}
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// fill takes all room of a file system and returns the file that has it.
func fill(t *testing.T, dir string) (ballast string) {
	t.Helper()
	ballast = filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, block := range []int{1 << 20, 4 << 10, 1} {
		for err == nil {
			_, err = f.Write(make([]byte, block))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("fill the disk: %v", err)
		}
		err = nil
	}
	// What was promised to others by delayed allocation counts, too.
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	return ballast
}

// TestDiskFullWithinCommits lets the room end in the middle of commits, at
// places that chance chooses, while frames are spooled and drained.
func TestDiskFullWithinCommits(t *testing.T) {
	for _, drop := range []string{"oldest", "newest"} {
		t.Run(drop, func(t *testing.T) {
			b := newBench(t, fmt.Sprintf("no space within commits, drop = %s", drop))
			disk, dir := newDisk(t)
			b.node.spool = filepath.Join(dir, "spool")
			srv := redistest.Start(t, "--appendonly", "yes")
			b.feed(2, 250)
			b.agent(srv.URL(), fmt.Sprintf("spool.drop = %q", drop), `spool.max_loss = "200ms"`, `uplink.backfill_rate = "60kB"`)
			b.node.start()
			b.talk()
			up := true
			for i := range pick(12, 60) {
				if i%4 == 0 {
					if up {
						srv.Stop()
					} else {
						srv.Start()
					}
					up = !up
				}
				before := disk.Counts().Refused
				disk.Leave(rand.Int64N(256 << 10))
				for end := time.Now().Add(5 * time.Second); disk.Counts().Refused == before && time.Now().Before(end); {
					wait(t, 20*time.Millisecond)
				}
				wait(t, rand.N(3*time.Second))
				disk.Heal()
				wait(t, rand.N(time.Second))
			}
			if !up {
				srv.Start()
			}
			b.fault("writes refused with ENOSPC", int(disk.Counts().Refused))
			if disk.Counts().Refused == 0 {
				t.Error("no write was refused: this shows nothing")
			}
			b.node.connected()
			b.finish()
		})
	}
}
