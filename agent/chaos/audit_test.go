//go:build chaos

package chaos

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/telhub/telhub/agent/audit"
)

// audit judges by the streams alone and fills in the row.
func (b *bench) audit() {
	b.t.Helper()
	for i, f := range b.examine() {
		if i == 20 {
			b.t.Error("… and more")
			break
		}
		b.t.Error(f)
	}
}

// examine is audit without a judgement: it returns what contradicts the
// promises.
func (b *bench) examine() []string {
	b.t.Helper()
	b.findings = nil
	config := b.auditConfig()
	r := b.command(config)
	s := readStreams(b.t, config)
	b.compare(r, s)
	b.begins(s)
	b.missing(s)
	b.alarms(s)
	b.books(s)
	b.seen = s
	b.settleRow(r, s)
	return append(b.findings, s.faults...)
}

func (b *bench) find(format string, args ...any) {
	b.findings = append(b.findings, fmt.Sprintf(format, args...))
}

// command runs the real `telhub audit`, twice: for people and for programs.
func (b *bench) command(config string) *audit.Report {
	b.t.Helper()
	bin, err := program()
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := exec.Command(bin, "audit", "--whole", "--config", config).CombinedOutput()
	b.t.Logf("telhub audit --whole:\n%s", text)
	if err != nil {
		b.find("telhub audit: %v", err)
	}
	out, err := exec.Command(bin, "audit", "--whole", "--json", "--config", config).Output()
	r := &audit.Report{}
	if jsonErr := json.Unmarshal(out, r); jsonErr != nil || len(r.Devices) != 1 {
		b.t.Fatalf("telhub audit --json: %v, %v: %s", err, jsonErr, out)
	}
	return r
}

// compare wants the command and the reader of these tests to have seen the same.
func (b *bench) compare(r *audit.Report, s *streams) {
	b.t.Helper()
	d := r.Devices[0]
	lost, unknown := s.declared()
	if !r.Balanced || d.Delivered != s.samples || d.Lost != lost || d.Unknown != unknown {
		b.find("telhub audit: balanced %v, %d delivered, %d declared lost, %d of an unknown number; read otherwise: %d, %d, %d",
			r.Balanced, d.Delivered, d.Lost, d.Unknown, s.samples, lost, unknown)
	}
}

// Times between a device and the stamp of its line, ms.
const (
	rounding = 5   // of stamps and their dates
	held     = 500 // a busy machine's reader may be that late
)

// missing wants each line of which a sample is missing to lie inside a gap
// record or inside a time in which its port was closed.
func (b *bench) missing(s *streams) {
	b.t.Helper()
	b.row.Lines, b.row.Covered, b.row.Unheard, b.row.Alarms, b.row.Oldest = 0, 0, 0, 0, 0
	for _, f := range b.feeders {
		sent := f.lines()
		next := int64(0) // stamp of the next line that is there; 0 = none
		var odd []int
		for n := len(sent) - 1; n >= 0; n-- {
			there := 0
			for k := range fields {
				if s.stamp(f, n, k) != 0 {
					there++
				}
			}
			if there == fields {
				next = s.stamp(f, n, 0)
				continue
			}
			until := sent[n] + held
			if next != 0 {
				until = min(until, next)
			}
			switch {
			case s.covered(sent[n]-rounding, max(until, sent[n])+rounding):
				b.row.Covered++
				if age := b.age(f, n); age > b.row.Oldest {
					b.row.Oldest, b.oldest = age, b.tell(s, f, n)
				}
			case there == 0 && b.unheard(f, sent[n]):
				b.row.Unheard++
			default:
				odd = append([]int{n}, odd...)
			}
		}
		b.row.Lines += int64(len(sent))
		if len(odd) > 0 {
			b.find("feeder %s: %d of %d lines are missing, outside of all gap records and of times in which its port was closed: %s; gaps %s",
				f.name, len(odd), len(sent), describe(odd, sent), s.gapList())
		}
	}
}

// age tells how long before the kill that took it a device had said a line; 0
// where an end in order may have taken it before.
func (b *bench) age(f *feeder, n int) time.Duration {
	if b.unheard(f, f.told[n]) {
		return 0
	}
	i := slices.IndexFunc(b.kills, func(w window) bool { return w.to >= f.told[n] })
	if i < 0 {
		return 0
	}
	return max(0, time.Duration(b.kills[i].from-f.told[n])*time.Millisecond)
}

// tell describes a missing line: the gap that it is part of, and what was near.
func (b *bench) tell(s *streams, f *feeder, n int) string {
	first, last := n, n
	for first > 0 && s.stamp(f, first-1, 0) == 0 {
		first--
	}
	for last+1 < len(f.told) && s.stamp(f, last+1, 0) == 0 {
		last++
	}
	text := fmt.Sprintf("%s line %d, begun %d, said %d, is one of %d to %d;", f.name, n, f.sent[n], f.told[n], first, last)
	for _, k := range []int{first - 2, first - 1, first, n, last, last + 1, last + 2} {
		if k >= 0 && k < len(f.told) {
			text += fmt.Sprintf(" %d: said %d, stamp %d;", k, f.told[k], s.stamp(f, k, 0))
		}
	}
	near := func(from, to int64) bool { return from < f.told[n]+5000 && to > f.told[n]-5000 }
	for _, k := range b.kills {
		if near(k.from, k.to) {
			text += fmt.Sprintf(" killed at %d, devices back at %d;", k.from, k.to)
		}
	}
	for _, g := range s.gaps {
		if g.T0 != nil && near(*g.T0, g.T1) {
			text += fmt.Sprintf(" %s from %d to %d;", g.Cause, *g.T0, g.T1)
		}
	}
	return text
}

// wantYoung wants no kill to have taken what was older than spool.max_loss.
func (b *bench) wantYoung(maxLoss time.Duration) {
	b.t.Helper()
	b.t.Logf("%d kills took %d lines; the oldest had been said %s before its kill", len(b.kills), b.row.Covered, b.row.Oldest)
	if b.row.Oldest > maxLoss+held*time.Millisecond {
		b.t.Errorf("a kill took a line that had been said %s before, want at most %s: %s", b.row.Oldest, maxLoss, b.oldest)
	}
}

// alarms wants the words of each alarm to take turns: a change of state is told
// once, whatever happened between.
func (b *bench) alarms(s *streams) {
	b.t.Helper()
	for _, f := range b.feeders {
		words := s.words[f.name+"/a/alarm"]
		b.row.Alarms += int64(len(words))
		for i, w := range words {
			if want := [2]string{"high", "clear"}[i%2]; w != want && !s.hurt {
				b.find("feeder %s: word %d of %d of its alarm is %q, want %q: %q", f.name, i, len(words), w, want, words)
				break
			}
		}
		if len(f.lines()) > 3*flap && len(words) == 0 {
			b.find("feeder %s: its alarm has come and gone and nobody was told", f.name)
		}
	}
}

// covered reports whether a gap record speaks of some time between from and to.
func (s *streams) covered(from, to int64) bool {
	for _, g := range s.gaps {
		if (g.T0 == nil || *g.T0 <= to) && g.T1 >= from {
			return true
		}
	}
	return false
}

// begins wants every gap record to have a beginning: one without covers all time
// before it, and a check against it would say nothing.
func (b *bench) begins(s *streams) {
	for _, g := range s.gaps {
		if g.T0 == nil && !b.undated {
			b.find("a gap record has no beginning: %s", s.gapList())
			return
		}
	}
}

// unheard reports whether a device's port was closed when it said a line, or
// directly after, when the line lay unread in the kernel's buffer.
func (b *bench) unheard(f *feeder, at int64) bool {
	for _, w := range b.windows {
		if (w.feeder == nil || w.feeder == f) && at >= w.from-held && at <= w.to+held {
			return true
		}
	}
	return false
}

// describe writes line numbers as ranges, each with the time of its first.
func describe(list []int, sent []int64) string {
	var text strings.Builder
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		fmt.Fprintf(&text, "%d-%d (%d to %d) ", list[i], list[j], sent[list[i]], sent[list[j]])
		i = j + 1
	}
	return text.String()
}

func (s *streams) gapList() string {
	var text strings.Builder
	for _, g := range s.gaps {
		from, n := "?", "?"
		if g.T0 != nil {
			from = fmt.Sprint(*g.T0)
		}
		if g.N != nil {
			n = fmt.Sprint(*g.N)
		}
		fmt.Fprintf(&text, "[%s %s-%d n=%s] ", g.Cause, from, g.T1, n)
	}
	return text.String()
}

// summary is the last log line of a run that ended in order.
type summary struct {
	Message   string `json:"message"`
	Carried   int64  `json:"carried"`
	Received  int64  `json:"received"`
	Derived   int64  `json:"derived"`
	Delivered int64  `json:"delivered"`
	Stored    int64  `json:"stored"`
	Lost      int64  `json:"declared_lost"`
	Withheld  int64  `json:"withheld"`
}

// books wants each summary to add up and, where no run was killed, all of them
// to agree with the streams: nothing that was acquired has vanished before it
// got a number.
func (b *bench) books(s *streams) {
	b.t.Helper()
	var received int64
	var last *summary
	for sc := bufio.NewScanner(bytes.NewReader([]byte(b.node.log.String()))); sc.Scan(); {
		var x summary
		if json.Unmarshal(sc.Bytes(), &x) != nil || x.Message != "ended" {
			continue
		}
		if x.Carried+x.Received+x.Derived != x.Delivered+x.Stored+x.Lost+x.Withheld {
			b.find("summary does not add up: %s", sc.Text())
		}
		received += x.Received + x.Derived - x.Withheld
		last = &x
	}
	lost, unknown := s.declared()
	switch {
	case last == nil:
		b.find("no run ended with a summary")
	case last.Stored != 0:
		b.find("the last run left %d samples in the spool", last.Stored)
	case len(b.kills) == 0 && unknown == 0 && received != s.samples+lost:
		b.find("%d samples received, but the streams hold %d and declare %d lost: %d are undeclared",
			received, s.samples, lost, received-s.samples-lost)
	}
}
