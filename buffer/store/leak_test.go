package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// A segment that was being read when the store was closed stayed open and
// mapped: its file system could not be unmounted.
func TestCloseLeavesNothingOpen(t *testing.T) {
	o := testOptions(t.TempDir())
	s, _ := mustOpen(t, o)
	lanes := [frame.Lanes]lanePut{{lane: 0}, {lane: 1}, {lane: 2}}
	for i := range lanes {
		lanes[i].fill(t, s, 100, 3000, 20)
	}
	for i := range lanes {
		for after := (frame.ID{}); after.Seq < 50; after.Seq += 7 {
			if ok, err := s.Next(lanes[i].lane, after, newFrame()); !ok || err != nil {
				t.Fatalf("next: %v %v", ok, err)
			}
			after.Epoch = 1
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range openBelow(t, o.Dir) {
		t.Errorf("%s is still open", name)
	}
}

// openBelow lists what this process has open or mapped in a directory.
func openBelow(t *testing.T, dir string) (list []string) {
	t.Helper()
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if name, err := os.Readlink(fd); err == nil && strings.HasPrefix(name, dir+"/") {
			list = append(list, name)
		}
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, dir+"/") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}
