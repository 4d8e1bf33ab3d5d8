//go:build chaos

package chaos

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/telhub/telhub/agent/audit"
)

// TestClockSet sets the clock of an emulated board: nobody may set this
// machine's for all, and a time namespace does not cover CLOCK_REALTIME. The rig
// of `make test-hil` does it (TestClock of scripts/rig): real kernel, the arm64
// program, a server of this machine, and the same audit at its end.
func TestClockSet(t *testing.T) {
	b := newBench(t, "clock set back by an hour and forward by a year, live and in an outage, unconfirmed and synchronised (emulated board)")
	dir := t.TempDir()
	board, report := filepath.Join(dir, "telhub"), filepath.Join(dir, "audit.json")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -buildid= -X main.version=chaos -X main.built=1700000000", "-o", board, "github.com/telhub/telhub/agent/cmd/telhub")
	build.Env = append(build.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build for the board: %v\n%s", err, out)
	}
	rig := exec.Command("../../scripts/test-hil.sh", board, "-run", "^TestClock$", "-v")
	rig.Env = append(rig.Environ(), "RIG_AUDIT="+report)
	out, err := rig.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("the rig: %v", err)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var r audit.Report
	if err := json.Unmarshal(text, &r); err != nil || len(r.Devices) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	b.fault("clock set back an hour", 4)
	b.fault("clock set forward a year", 4)
	b.fault("network unplugged", 2)
	var frames int64
	for _, l := range r.Devices[0].Lanes {
		frames += l.Frames
	}
	b.settleRow(&r, &streams{frames: frames})
	if !r.Balanced || r.Devices[0].Delivered == 0 || r.Devices[0].Unknown != 0 || r.Devices[0].Lost != 0 {
		t.Errorf("audit: %s", text)
	}
}
