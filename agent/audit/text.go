package audit

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	p := &printer{w: w}
	for i := range r.Devices {
		r.Devices[i].print(p)
	}
	if len(r.Foreign) > 0 {
		p.linef("Entries that are no frames: %d", len(r.Foreign)+r.MoreForeign)
		p.findings(r.Foreign, r.MoreForeign)
		p.linef("")
	}
	bad := 0
	for i := range r.Devices {
		if !r.Devices[i].Balanced {
			bad++
		}
	}
	switch {
	case r.Balanced:
		p.linef("%s: balanced, nothing is unexplained", count(int64(len(r.Devices)), "device"))
	default:
		p.linef("%s, %d of them not balanced: UNEXPLAINED %d", count(int64(len(r.Devices)), "device"), bad, r.Unexplained)
	}
	return p.err
}

func (d *Device) print(p *printer) {
	p.linef("%s%s", d.Device, d.where())
	rows := [][]string{{"", "epochs", "frames", "samples", "first", "last", "gap records", "declared lost", "number unknown", "unexplained"}}
	for i := range d.Lanes {
		rows = append(rows, d.Lanes[i].row(d))
	}
	p.table(rows)
	for i := range d.Lanes {
		d.Lanes[i].details(p)
	}
	d.balance(p)
	p.findings(d.Findings, d.More)
	p.linef("")
}

// where says where a device stands and which of its runs.
func (d *Device) where() string {
	var b strings.Builder
	if d.Shard != nil {
		fmt.Fprintf(&b, ", shard %d", *d.Shard)
	}
	if r := d.Runs; r.Seen > 0 {
		fmt.Fprintf(&b, ": %s (%s)", count(int64(r.Seen), "run"), r.epochs())
		if r.AfterCut > 0 {
			fmt.Fprintf(&b, ", %d of them after a power cut", r.AfterCut)
		}
		if r.Silent > 0 {
			fmt.Fprintf(&b, "; %d between have left nothing here", r.Silent)
		}
	}
	return b.String()
}

func (r *Runs) epochs() string {
	if r.First == r.Last {
		return fmt.Sprintf("epoch %d", r.First)
	}
	return fmt.Sprintf("epochs %d to %d", r.First, r.Last)
}

func (l *Lane) row(d *Device) []string {
	found := 0
	for i := range d.Findings {
		if strings.HasPrefix(d.Findings[i].ID+"/", d.Device+"/"+l.Lane+"/") {
			found++
		}
	}
	cells := []string{l.Lane}
	for _, n := range []int64{l.Epochs, l.Frames, l.Samples} {
		cells = append(cells, fmt.Sprint(n))
	}
	cells = append(cells, dash(l.First), dash(l.Last))
	for _, n := range []int64{l.GapRecords, l.Lost, l.Unknown, int64(found)} {
		cells = append(cells, fmt.Sprint(n))
	}
	return cells
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// details prints what the table does not hold.
func (l *Lane) details(p *printer) {
	for _, c := range l.Causes {
		lost := count(c.Samples, "sample")
		switch {
		case c.Unknown == c.Records:
			lost = "an unknown number of samples"
		case c.Unknown > 0:
			lost += fmt.Sprintf(", and %d that cannot tell a number", c.Unknown)
		}
		p.linef("  lost      %s: %s, %s: %s", l.Lane, c.Cause, count(c.Records, "gap record"), lost)
	}
	if t := l.Trimmed; t != nil {
		if t.First != "" {
			p.linef("  trimmed   %s begins with %s: %s of that epoch before it, and all of elder ones, are no longer there", l.Lane, t.First, count(t.Frames, "frame"))
		}
		if t.All {
			p.linef("  trimmed   %s holds nothing any more; its last epoch alone had %s", l.Lane, count(t.Frames, "frame"))
		}
		if t.WhileRead > 0 {
			p.linef("  trimmed   %s: %s went while the stream was read; read it again", l.Lane, count(t.WhileRead, "frame"))
		}
	}
	if l.Unreadable > 0 {
		p.linef("  unread    %s: %s could not be decoded and stand in no sum", l.Lane, count(l.Unreadable, "frame"))
	}
}

// balance prints the sum that the device stands for.
func (d *Device) balance(p *printer) {
	unknown := ""
	if d.Unknown > 0 {
		unknown = fmt.Sprintf(" + what %s cannot number", count(d.Unknown, "gap record"))
	}
	verdict := "balanced"
	if !d.Balanced {
		verdict = fmt.Sprintf("UNEXPLAINED %d", d.Unexplained)
	}
	p.linef("  acquired  %d = %d delivered + %d declared lost%s: %s", d.Acquired, d.Delivered, d.Lost, unknown, verdict)
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// printer remembers the first error of a run of lines.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) linef(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// table prints rows, the first column to the left and the others to the right.
func (p *printer) table(rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		fmt.Fprintf(&b, "  %-*s", max(width[0], 8), r[0])
		for i, cell := range r[1:] {
			fmt.Fprintf(&b, "  %*s", width[i+1], cell)
		}
		p.linef("%s", b.String())
	}
}

// findings prints what is unexplained. A cure is printed with the first
// finding that has it.
func (p *printer) findings(found []Finding, more int) {
	told := map[string]bool{}
	for i := range found {
		f := &found[i]
		until, frames := "", ""
		if f.Until != "" {
			until = " to " + f.Until[strings.LastIndexByte(f.Until[:strings.LastIndexByte(f.Until, '/')], '/')+1:]
			frames = fmt.Sprintf(" (%d frames)", f.Frames)
		}
		p.linef("  %-13s %s%s%s: %s%s", f.Kind, f.ID, until, frames, f.Text, at(f))
		if !told[f.Cure] {
			p.linef("  %13s → %s", "", f.Cure)
			told[f.Cure] = true
		}
	}
	if more > 0 {
		p.linef("  and %d more", more)
	}
}

// at says where a finding stands, if its text does not.
func at(f *Finding) string {
	if f.At == "" || strings.Contains(f.Text, f.At) {
		return ""
	}
	if strings.HasPrefix(f.At, "line ") {
		return " (" + f.At + ")"
	}
	return " (entry " + f.At + ")"
}
