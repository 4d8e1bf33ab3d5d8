//go:build hil

package rebind

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// On a real kernel, as scripts/rig runs it: REBIND_HELD is an adapter that the
// agent has open, REBIND_FREE one that nobody has.
func TestOnTheBoard(t *testing.T) {
	held, free := os.Getenv("REBIND_HELD"), os.Getenv("REBIND_FREE")
	c, err := Find("/", held)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Cycle(); err == nil || !strings.Contains(err.Error(), "telhub (pid ") {
		t.Errorf("%s: got %v, want that the agent has it open", held, err)
	}
	if c, err = Find("/", free); err != nil {
		t.Fatal(err)
	}
	before := inode(t, free)
	if err := c.Cycle(); err != nil {
		t.Fatal(err)
	}
	if after := inode(t, free); after == before {
		t.Errorf("%s is the same node as before", free)
	}
	if to, err := filepath.EvalSymlinks(filepath.Join(c.device, "driver")); filepath.Base(to) != c.Driver {
		t.Errorf("its driver is %s (%v), want %s", to, err, c.Driver)
	}
	t.Logf("%s: %s of %s was bound anew", free, c.Name, c.Driver)
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}
