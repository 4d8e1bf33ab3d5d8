// Package doctable puts rows that a test run has found into the table of a
// Markdown document, which stands between the lines "<!-- table -->" and
// "<!-- end of table -->". It imports nothing of ours.
package doctable

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	begin = "<!-- table -->\n"
	end   = "<!-- end of table -->\n"
)

// Put replaces rows of the document's table by those of the same first cell and
// appends the others; rows that did not run now stay. heading is the table's
// first two lines, each of lines a row with its line break.
func Put(path, heading string, lines []string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok1 := strings.Cut(string(text), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s lacks the lines %q and %q", path, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	table := merge(strings.TrimPrefix(old, heading), lines)
	stamp := fmt.Sprintf("\nLast run: %s.\n", time.Now().UTC().Format("2006-01-02"))
	return os.WriteFile(path, []byte(before+begin+heading+strings.Join(table, "")+stamp+end+after), 0o644)
}

// merge replaces rows of an elder table by those of the same first cell and
// appends the others.
func merge(old string, lines []string) (all []string) {
	name := func(line string) string {
		cells := strings.SplitN(line, "|", 3)
		return strings.TrimSpace(cells[min(1, len(cells)-1)])
	}
	for line := range strings.Lines(old) {
		if strings.HasPrefix(line, "| ") {
			all = append(all, line)
		}
	}
	for _, line := range lines {
		i := slices.IndexFunc(all, func(x string) bool { return name(x) == name(line) })
		if i < 0 {
			all = append(all, line)
			continue
		}
		all[i] = line
	}
	return all
}
