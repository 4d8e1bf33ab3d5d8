//go:build chaos

package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/telhub/telhub/agent/audit"
	"github.com/telhub/telhub/internal/doctable"
)

// row is a scenario's line of the table.
type row struct {
	Scenario  string
	Seconds   float64
	Lines     int64 // that devices said
	Acquired  int64 // samples: delivered and declared lost
	Delivered int64
	Lost      []audit.Cause
	Covered   int64         // lines missing inside gap records
	Oldest    time.Duration // the longest time before its kill that one of those had been said
	Unheard   int64         // lines that nobody had a port open for
	Frames    int64
	Alarms    int64
	Faults    []faultCount
	Absorbed  string // frames, or batches
	Audit     string
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

// settleRow fills in what the audit has found.
func (b *bench) settleRow(rep *audit.Report, s *streams) {
	d, r := rep.Devices[0], &b.row
	r.Acquired, r.Delivered, r.Frames, r.Lost = d.Acquired, d.Delivered, s.frames, nil
	for _, l := range d.Lanes {
		for _, c := range l.Causes {
			r.lose(c)
		}
	}
	r.Absorbed = b.absorbed()
	r.Audit = fmt.Sprintf("balanced, %d runs", d.Runs.Seen)
	if !rep.Balanced {
		r.Audit = fmt.Sprintf("UNEXPLAINED %d", rep.Unexplained)
	}
}

func (r *row) lose(c audit.Cause) {
	i := slices.IndexFunc(r.Lost, func(x audit.Cause) bool { return x.Cause == c.Cause })
	if i < 0 {
		r.Lost = append(r.Lost, c)
		return
	}
	r.Lost[i].Records += c.Records
	r.Lost[i].Samples += c.Samples
	r.Lost[i].Unknown += c.Unknown
}

// absorbed tells how many frames the server took of which the agent never heard
// it, and how many it was given once more and skipped, as seen by the proxies;
// without one, how many batches the agent says to have sent again.
func (b *bench) absorbed() string {
	if len(b.proxies) == 0 {
		return fmt.Sprintf("%.0f batches sent again", b.node.retried)
	}
	var in, again int64
	for _, p := range b.proxies {
		c := p.Counts()
		in, again = in+c.Unheard, again+c.Absorbed
	}
	return fmt.Sprintf("%d / %d", in, again)
}

func (r *row) lost() string {
	if len(r.Lost) == 0 {
		return "–"
	}
	var parts []string
	for _, c := range r.Lost {
		part := fmt.Sprintf("%s: %d", c.Cause, c.Samples)
		if c.Unknown > 0 {
			part = fmt.Sprintf("%s: %d + %d records of an unknown number", c.Cause, c.Samples, c.Unknown)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

func (r *row) faults() string {
	var parts []string
	for _, f := range r.Faults {
		parts = append(parts, fmt.Sprintf("%d × %s", f.N, f.Kind))
	}
	return strings.Join(parts, ", ")
}

const heading = "| scenario | s | lines | samples acquired | delivered | declared lost | lines missing: in gaps / port closed | frames | alarms | faults | frames taken unheard / given again and skipped | audit |\n" +
	"| --- | ---: | ---: | ---: | ---: | --- | --- | ---: | ---: | --- | ---: | --- |\n"

func (r *row) text() string {
	return fmt.Sprintf("| %s | %.0f | %d | %d | %d | %s | %d / %d | %d | %d | %s | %s | %s |\n",
		r.Scenario, r.Seconds, r.Lines, r.Acquired, r.Delivered, r.lost(), r.Covered, r.Unheard, r.Frames, r.Alarms, r.faults(), r.Absorbed, r.Audit)
}

// report collects rows; scenarios may run side by side.
type report struct {
	mu   sync.Mutex
	rows []row
}

func (r *report) add(x row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, x)
}

// publish prints the table, and puts it into the document that
// TELHUB_CHAOS_DOC names: rows of scenarios that did not run now stay.
func (r *report) publish() error {
	if len(r.rows) == 0 {
		return nil
	}
	var lines []string
	for i := range r.rows {
		lines = append(lines, r.rows[i].text())
	}
	fmt.Printf("\n%s%s", heading, strings.Join(lines, ""))
	if path := os.Getenv("TELHUB_CHAOS_JSON"); path != "" {
		text, err := json.MarshalIndent(r.rows, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if path := os.Getenv("TELHUB_CHAOS_DOC"); path != "" {
		return doctable.Put(path, heading, lines)
	}
	return nil
}
