package system_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers/system"
)

// A file system of a known size, mounted for the test: the figures are those
// that it was made with, and without it there are none.
func TestMounts(t *testing.T) {
	root := t.TempDir()
	at := filepath.Join(root, "data")
	if err := os.Mkdir(at, 0o755); err != nil {
		t.Fatal(err)
	}
	s := open(t, system.Options{Root: root, Mounts: []string{"/", "/data", "/nothing"}, Only: []string{"disk_free", "disk_data_free", "disk_data_used", "disk_nothing_free"}})
	got := read(t, s, nil)
	if !math.IsNaN(got["disk_data_free"]) || !math.IsNaN(got["disk_nothing_free"]) || len(got) != 4 {
		t.Errorf("not mounted: got %v", got)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(root, &fs); err != nil || math.Abs(got["disk_free"]-float64(fs.Bavail)*float64(fs.Bsize)) > 1<<30 {
		t.Errorf("disk_free = %v, want about %v × %v, %v", got["disk_free"], fs.Bavail, fs.Bsize, err)
	}
	if err := unix.Mount("tmpfs", at, "tmpfs", 0, "size=1m"); errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Log("may not mount: a mount point is what stays untested")
		return
	} else if err != nil {
		t.Fatal(err)
	}
	mounted := true
	unmount := func() {
		if err := unix.Unmount(at, 0); mounted && err != nil { // EBUSY if the sensor held it
			t.Errorf("unmount: %v", err)
		}
		mounted = false
	}
	t.Cleanup(unmount)
	write(t, at, "file", strings.Repeat("x", 300000))
	got = read(t, s, nil)
	const page = 4096
	if used := math.Ceil(300000.0/page) * page; got["disk_data_used"] != used || got["disk_data_free"] != 1<<20-used {
		t.Errorf("got %v used, %v free, want %v of %v", got["disk_data_used"], got["disk_data_free"], used, 1<<20)
	}
	unmount()
	if got := read(t, s, nil); !math.IsNaN(got["disk_data_free"]) {
		t.Errorf("unmounted: got %v", got)
	}
}

// received is what the loopback interface has received, as /proc/net/dev says.
func received(t *testing.T) float64 {
	t.Helper()
	b, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(b), "lo:")
	var n float64
	if _, err := fmt.Sscan(line, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// This machine's /proc against what its system calls say.
func TestThisMachine(t *testing.T) {
	s := open(t, system.Options{Interfaces: []string{"lo"}})
	loBefore := received(t)
	var before, after unix.Sysinfo_t
	if err := unix.Sysinfo(&before); err != nil {
		t.Fatal(err)
	}
	got := read(t, s, func() {
		for end := time.Now().Add(250 * time.Millisecond); time.Now().Before(end); {
			_ = os.Getpid() // one processor is busy
		}
	})
	if err := unix.Sysinfo(&after); err != nil {
		t.Fatal(err)
	}
	between := func(name string, low, high float64) {
		t.Helper()
		if v, ok := got[name]; !ok || v < low || v > high {
			t.Errorf("%s = %v (%v), want %v to %v", name, v, ok, low, high)
		}
	}
	between("uptime", float64(before.Uptime)-1, float64(after.Uptime)+1)
	unit := float64(before.Unit)
	between("memory_available", 1, float64(before.Totalram)*unit)
	between("swap_used", 0, float64(before.Totalswap)*unit)
	for i, name := range []string{"load1", "load5", "load15"} {
		const fixed = 1 << 16 // SI_LOAD_SHIFT of linux/sysinfo.h
		low, high := float64(before.Loads[i])/fixed, float64(after.Loads[i])/fixed
		between(name, min(low, high)-0.02, max(low, high)+0.02)
	}
	between("threads", float64(before.Procs)/2, float64(after.Procs)*2)
	between("processes", 2, got["threads"])
	between("cpu_usage", 1, 100)
	between("network_lo_rx", loBefore, received(t))
	between("disk_free", 1, 1<<60)
	t.Logf("%v", got)
}
