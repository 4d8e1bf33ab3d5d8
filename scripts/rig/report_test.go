//go:build hil && system

package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// report is what a board in a box tells of its life: RIG_REPORT/<board>.md,
// written anew after each stage, so that it is there when the test is not.
type report struct {
	path, title string
	began       time.Time
	stages      []string
	cuts        []string
}

func newReport(t *testing.T, board, title string) *report {
	t.Helper()
	r := &report{path: filepath.Join(environ(t, "RIG_REPORT"), board+".md"), title: title, began: time.Now()}
	r.write(t)
	return r
}

// stage runs a step of the board's life. A board without one of its steps
// cannot do those that follow.
func (r *report) stage(t *testing.T, name string, step func(*testing.T), failed func(*testing.T)) {
	t.Helper()
	start := time.Now()
	fine := t.Run(strings.ReplaceAll(name, "/", " "), step)
	result := "ok"
	if !fine {
		result = "**FAILED**"
	}
	seconds := time.Since(start).Seconds()
	r.stages = append(r.stages, fmt.Sprintf("| %s | %.0f | %s |", name, seconds, result))
	r.write(t)
	fmt.Printf("%-60s %6.0f s  %s\n", name, seconds, strings.Trim(result, "*"))
	if !fine {
		failed(t)
		t.FailNow()
	}
}

// cut adds a line about a power-off.
func (r *report) cut(t *testing.T, line string) {
	t.Helper()
	r.cuts = append(r.cuts, line)
	r.write(t)
}

func (r *report) write(t *testing.T) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n| stage | s | |\n| --- | --- | --- |\n%s\n| all of it so far | %.0f | |\n",
		r.title, strings.Join(r.stages, "\n"), time.Since(r.began).Seconds())
	if len(r.cuts) > 0 {
		b.WriteString("\n| power-off | in the outage for | samples of the counter lost, declared | a file without sync | back and drained after | audit |\n| --- | --- | --- | --- | --- | --- |\n")
		b.WriteString(strings.Join(r.cuts, "\n") + "\n")
	}
	if err := os.WriteFile(r.path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
