package scan

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// lock makes a tree's /proc/locks say that a process holds a lock on a file.
func lock(t *testing.T, root, name string, pid int) {
	t.Helper()
	info, err := os.Stat(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("1: FLOCK  ADVISORY  WRITE %d 08:01:%d 0 EOF\n", pid, info.Sys().(*syscall.Stat_t).Ino)
	if err := os.MkdirAll(filepath.Join(root, "proc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "proc/locks"), []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
}
