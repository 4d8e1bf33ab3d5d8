package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// full says that outages, kills and frame counts have the length that is
// promised, not the short one of everyday runs.
var full = os.Getenv("TELHUB_E2E_FULL") != ""

// pick chooses by the length of the run.
func pick[T any](short, long T) T {
	if full {
		return long
	}
	return short
}

// binDir is where the programs are built; TestMain makes and removes it.
var binDir string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// The tests start processes that were built for this machine, which a test
	// binary under an emulator cannot do: those runs are -short.
	if short() {
		return 0
	}
	var err error
	if binDir, err = os.MkdirTemp("", "telhub-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binDir)
	return m.Run()
}

// short reports whether -short was given; testing.Short wants flags parsed.
func short() bool {
	for _, a := range os.Args[1:] {
		if a == "-test.short" || a == "-test.short=true" {
			return true
		}
	}
	return false
}

// telhub and demo build their program once, as the Makefile does.
var (
	telhub = sync.OnceValues(func() (string, error) { return build("telhub") })
	demo   = sync.OnceValues(func() (string, error) { return build("telhub-demo") })
)

func build(name string) (string, error) {
	out := filepath.Join(binDir, name)
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -buildid= -X main.version=e2e -X main.built=1700000000",
		"-o", out, "github.com/telhub/telhub/agent/cmd/"+name)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", name, err, text)
	}
	return out, nil
}

// patience is how long a test waits for what must happen at all.
const patience = 2 * time.Minute

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
