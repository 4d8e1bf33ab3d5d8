package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/telhub/telhub/processing/postgres"
	"github.com/telhub/telhub/processing/queue"
)

// What stands in streams and in the database was written by others; it does not
// reach the terminal as commands.
func TestTablesHoldNoControlCharacters(t *testing.T) {
	const evil = "a\x1b]0;x\a\nb\u202e"
	var out bytes.Buffer
	e := &env{stdout: &out}
	report := &postgres.Report{Lanes: []postgres.LaneReport{{Device: evil, Lane: evil, More: 1, Findings: []postgres.Finding{{Kind: "hole", Text: evil}}}}}
	if err := e.sayBalance(report, []postgres.Difference{{Device: evil, Lane: evil, Text: evil}}); err != nil {
		t.Fatal(err)
	}
	if err := e.deadTable([]queue.DeadLetter{{Reason: evil, Err: evil, Task: queue.Task{ID: evil, Type: evil}}}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if i := strings.IndexFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("got %q", line)
		}
	}
	if strings.Contains(out.String(), "\nb") {
		t.Errorf("lines are broken: %q", out.String())
	}
}
