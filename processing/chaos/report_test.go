package chaos

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/telhub/telhub/internal/doctable"
)

// row is a scenario's line of the table.
type row struct {
	Scenario string
	Seconds  float64
	Tasks    int
	Lost     int // never took effect
	Twice    int // effects beyond the first
	Executed int // times that a handler began
	Again    int // of those beyond each task's first
	Unaware  int // of those that the queue did not count as an attempt more
	Known    int // skipped: the ledger had the task
	Failed   int
	Open     int // their workers were killed in the middle
	Offered  int // tasks that the producer offered again after a server was lost
	Renewed  int // of those: the server had lost them
	Faults   []faultCount
	Audit    string
}

type faultCount struct {
	Kind string
	N    int
}

func (r *row) fault(kind string, n int) {
	for i := range r.Faults {
		if r.Faults[i].Kind == kind {
			r.Faults[i].N += n
			return
		}
	}
	r.Faults = append(r.Faults, faultCount{kind, n})
}

func (r *row) close(s *scene) {
	r.Seconds = time.Since(s.begin).Seconds()
	if r.Audit == "" {
		r.Audit = "FAILED"
	}
}

func (r *row) faults() string {
	var parts []string
	for _, f := range r.Faults {
		parts = append(parts, fmt.Sprintf("%d × %s", f.N, f.Kind))
	}
	return strings.Join(parts, ", ")
}

const heading = "| scenario | s | tasks | lost | effects twice | executed again: all / not counted as a further attempt | of all executions: known to the ledger / failed / worker killed in the middle | offered again / had been lost | faults | audit |\n" +
	"| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |\n"

func (r *row) text() string {
	return fmt.Sprintf("| %s | %.0f | %d | %d | %d | %d / %d | %d / %d / %d | %d / %d | %s | %s |\n",
		r.Scenario, r.Seconds, r.Tasks, r.Lost, r.Twice, r.Again, r.Unaware, r.Known, r.Failed, r.Open, r.Offered, r.Renewed, r.faults(), r.Audit)
}

// report collects rows.
type report struct {
	mu   sync.Mutex
	rows []row
}

func (r *report) add(x row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, x)
}

// publish prints the table, and puts it into the document that TTP_CHAOS_DOC
// names: rows of scenarios that did not run now stay.
func (r *report) publish() error {
	if len(r.rows) == 0 {
		return nil
	}
	var lines []string
	for i := range r.rows {
		lines = append(lines, r.rows[i].text())
	}
	fmt.Printf("\n%s%s", heading, strings.Join(lines, ""))
	if path := os.Getenv("TTP_CHAOS_DOC"); path != "" {
		return doctable.Put(path, heading, lines)
	}
	return nil
}
