package chaos

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// roleEnv makes this binary a worker process; its value is a role as JSON.
const roleEnv = "TTP_CHAOS_ROLE"

// table collects a row of each scenario.
var table report

func TestMain(m *testing.M) {
	if text := os.Getenv(roleEnv); text != "" {
		os.Exit(work(text))
	}
	code := m.Run()
	if cluster != nil {
		cluster.Close()
	}
	if err := table.publish(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// pick chooses by the length of the run.
func pick[T any](quick, long T) T {
	if full {
		return long
	}
	return quick
}

// patience is how long a scenario waits for what must happen at all, and for
// any progress.
const patience = 90 * time.Second

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
