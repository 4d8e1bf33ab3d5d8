// Package systemd_test holds the units to what docs/systemd.md promises.
package systemd_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The limit is 2.0 of 10, in systemd's tenths (systemd-analyze(1), security).
func TestExposureIsAtMostTwo(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Fatal("systemd-analyze is missing: scripts/test-deps.sh installs it")
	}
	for _, unit := range []string{"telhub.service", "ttp.service"} {
		out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", "./"+unit).CombinedOutput()
		text := strings.TrimSpace(string(out))
		last := text[strings.LastIndexByte(text, '\n')+1:]
		if err != nil {
			t.Errorf("%s: %v: %s", unit, err, last)
		}
		if want := "Overall exposure level for " + unit; !strings.Contains(last, want) {
			t.Errorf("%s: got %q, want a line with %q", unit, last, want)
		}
	}
}
