//go:build hil

package rig

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// auditor is this machine's `telhub audit`, of the streams of one server.
type auditor struct{ program, config string }

func newAuditor(t *testing.T, url string) auditor {
	t.Helper()
	dir := t.TempDir()
	a := auditor{program: filepath.Join(dir, "telhub"), config: filepath.Join(dir, "telhub.toml")}
	compile(t, runtime.GOARCH, a.program, "build", "../../agent/cmd/telhub")
	text := fmt.Sprintf("device = \"rig\"\nredis.url = %q\nspool.path = %q\n", url, filepath.Join(dir, "none"))
	if err := os.WriteFile(a.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// audit wants the streams to be balanced, from their first entry to their last,
// and returns the report, which is JSON.
func (a auditor) audit(t *testing.T) []byte {
	t.Helper()
	out, err := exec.Command(a.program, "audit", "--whole", "--config", a.config).CombinedOutput()
	t.Logf("telhub audit --whole:\n%s", out)
	if err != nil {
		t.Errorf("telhub audit: %v", err)
	}
	report, err := exec.Command(a.program, "audit", "--whole", "--json", "--config", a.config).Output()
	if err != nil || !json.Valid(report) || strings.Contains(string(out), "UNEXPLAINED") {
		t.Errorf("telhub audit --json: %v: %s", err, report)
	}
	return report
}
