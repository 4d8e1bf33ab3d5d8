package doctor

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Verdict says how good a finding is.
type Verdict string

// The verdicts.
const (
	OK   Verdict = "ok"
	Warn Verdict = "warn" // works, but not as well or as safely as it could; or it cannot be told
	Fail Verdict = "fail" // the agent does not work, or loses what it promises to keep
)

// Finding is what one check saw.
type Finding struct {
	Area    string  `json:"area"`
	Subject string  `json:"subject"`
	Verdict Verdict `json:"verdict"`
	Seen    string  `json:"seen"`
	Cure    string  `json:"cure,omitempty"` // with Warn and Fail
}

// Report is everything that was found, area by area.
type Report struct {
	Device   string
	File     string
	Findings []Finding
}

// Count returns how many findings have a verdict.
func (r *Report) Count(v Verdict) (n int) {
	for i := range r.Findings {
		if r.Findings[i].Verdict == v {
			n++
		}
	}
	return n
}

// View is what `telhub doctor --json` prints.
type View struct {
	Device   string    `json:"device"`
	File     string    `json:"file"`
	OK       int       `json:"ok"`
	Warnings int       `json:"warnings"`
	Failures int       `json:"failures"`
	Findings []Finding `json:"findings"`
}

// View gives the report as it is encoded.
func (r *Report) View() View {
	v := View{Device: r.Device, File: r.File, OK: r.Count(OK), Warnings: r.Count(Warn), Failures: r.Count(Fail), Findings: r.Findings}
	if v.Findings == nil {
		v.Findings = []Finding{}
	}
	return v
}

// The columns of the text.
const (
	textWidth   = 80
	subjectAt   = 8
	seenAt      = 28
	subjectRoom = seenAt - subjectAt - 1
)

// Print writes the report as text of at most 80 columns, where words allow.
func (r *Report) Print(w io.Writer) error {
	b := bufio.NewWriter(w)
	area := ""
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Area != area {
			if area != "" {
				b.WriteByte('\n')
			}
			area = f.Area
			fmt.Fprintln(b, area)
		}
		f.print(b)
	}
	fmt.Fprintf(b, "\n%d ok, %d warnings, %d failures\n", r.Count(OK), r.Count(Warn), r.Count(Fail))
	return b.Flush()
}

func (f *Finding) print(b *bufio.Writer) {
	mark := string(f.Verdict)
	if f.Verdict == Fail {
		mark = "FAIL"
	}
	head := fmt.Sprintf("  %-*s%-*s", subjectAt-2, mark, seenAt-subjectAt, f.Subject)
	if utf8.RuneCountInString(f.Subject) > subjectRoom {
		fmt.Fprintln(b, strings.TrimRight(head, " "))
		head = strings.Repeat(" ", seenAt)
	}
	wrap(b, head, f.Seen)
	if f.Cure != "" {
		wrap(b, strings.Repeat(" ", seenAt-2)+"→ ", f.Cure)
	}
}

// wrap writes a text behind head, which ends at the column seenAt, and goes on
// at that column in the next lines. A word longer than a line stays whole.
func wrap(b *bufio.Writer, head, text string) {
	b.WriteString(head)
	at := seenAt
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > textWidth:
			b.WriteString("\n" + strings.Repeat(" ", seenAt))
			at = seenAt
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	b.WriteByte('\n')
}
