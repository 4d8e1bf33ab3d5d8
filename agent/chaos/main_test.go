//go:build chaos

package chaos

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// quick says that outages and counts are short: a few minutes for all.
var quick = os.Getenv("TELHUB_CHAOS_QUICK") != ""

// pick chooses by the length of the run.
func pick[T any](short, full T) T {
	if quick {
		return short
	}
	return full
}

// binDir is where the program is built; TestMain makes and removes it.
var binDir string

// table collects a row of each scenario.
var table report

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if binDir, err = os.MkdirTemp("", "telhub-chaos-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binDir)
	code := m.Run()
	if err := table.publish(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// program builds telhub once, as the Makefile does.
var program = sync.OnceValues(func() (string, error) {
	out := filepath.Join(binDir, "telhub")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -buildid= -X main.version=chaos -X main.built=1700000000",
		"-o", out, "github.com/telhub/telhub/agent/cmd/telhub")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build telhub: %w\n%s", err, text)
	}
	return out, nil
})

// patience is how long a scenario waits for what must happen at all.
const patience = 3 * time.Minute

// eventually waits until ok and fails the test when it never is.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
		<-tick.C
	}
}

// wait lets real time pass: outages have a length.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}
