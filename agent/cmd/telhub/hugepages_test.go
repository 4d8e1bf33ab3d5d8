package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The setting is made before a program begins, and outlives it into the next.
func TestSmallPagesOutliveExec(t *testing.T) {
	const child = "TELHUB_TEST_SMALL_PAGES"
	if os.Getenv(child) != "" {
		smallPages([]string{"telhub", "version"}) // not run: it comes back
		out, err := exec.Command("grep", "THP_enabled", "/proc/self/status").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		t.Logf("%s", out)
		return
	}
	if on, err := unix.PrctlRetInt(unix.PR_GET_THP_DISABLE, 0, 0, 0, 0); err != nil || on != 0 {
		t.Skipf("this kernel, or whoever began the test, has no huge pages: %d, %v", on, err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSmallPagesOutliveExec$", "-test.v")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "THP_enabled:\t0") {
		t.Errorf("%v: a program begun by one with small pages has others:\n%s", err, out)
	}
}
