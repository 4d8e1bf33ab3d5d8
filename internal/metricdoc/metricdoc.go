// Package metricdoc is for tests that hold docs/observability.md against what
// /metrics really shows. The tables there are made by it.
package metricdoc

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// metric is what the exposition format says of one.
type metric struct {
	kind, help string
	labels     []string
}

// Check wants the table between "<!-- section -->" and "<!-- end -->" of a
// file to list exactly the metrics of text (Prometheus' exposition format
// 0.0.4) whose names match. With TELHUB_UPDATE_DOCS set it writes the table.
func Check(t testing.TB, file, section string, text []byte, names *regexp.Regexp) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), "<!-- "+section+" -->\n")
	have, after, found2 := strings.Cut(rest, "<!-- end -->")
	if !found || !found2 {
		t.Fatalf("%s has no section <!-- %s --> … <!-- end -->", file, section)
	}
	want := table(parse(string(text), names))
	if have == want {
		return
	}
	if os.Getenv("TELHUB_UPDATE_DOCS") != "" {
		if err := os.WriteFile(file, []byte(before+"<!-- "+section+" -->\n"+want+"<!-- end -->"+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	lines := func(s string) map[string]bool {
		m := make(map[string]bool)
		for line := range strings.Lines(s) {
			m[line] = true
		}
		return m
	}
	h, w := lines(have), lines(want)
	for line := range w {
		if !h[line] {
			t.Errorf("%s lacks %s", file, line)
		}
	}
	for line := range h {
		if !w[line] {
			t.Errorf("%s has what is not exported: %s", file, line)
		}
	}
	t.Errorf("TELHUB_UPDATE_DOCS=1 go test writes section %s of %s anew", section, file)
}

var (
	series = regexp.MustCompile(`^(\w+?)(?:_bucket|_sum|_count)?\{(.*)\} `)
	label  = regexp.MustCompile(`(\w+)="(?:[^"\\]|\\.)*"`)
)

func parse(text string, names *regexp.Regexp) map[string]*metric {
	all, help := make(map[string]*metric), make(map[string]string)
	for line := range strings.Lines(text) {
		word := strings.SplitN(strings.TrimSpace(line), " ", 4)
		switch {
		case len(word) == 4 && word[1] == "HELP":
			help[word[2]] = word[3]
		case len(word) == 4 && word[1] == "TYPE" && names.MatchString(word[2]):
			all[word[2]] = &metric{kind: word[3], help: help[word[2]]}
		}
		m := series.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		x := all[m[1]]
		if x == nil { // the suffix belongs to the name
			x = all[strings.SplitN(line, "{", 2)[0]]
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			if x != nil && l[1] != "le" && !slices.Contains(x.labels, l[1]) {
				x.labels = append(x.labels, l[1])
			}
		}
	}
	return all
}

func table(all map[string]*metric) string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | unit | meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		labels := "–"
		if len(m.labels) > 0 {
			labels = "`" + strings.Join(m.labels, "` `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", name, m.kind, labels, unit(name), strings.ReplaceAll(m.help, "|", "\\|"))
	}
	return b.String()
}

// unit is what Prometheus' naming conventions say that it is.
func unit(name string) string {
	for _, u := range [...]struct{ suffix, unit string }{
		{"_timestamp_seconds", "s since 1970"}, {"start_time_seconds", "s since 1970"}, {"per_second", "1/s"},
		{"_seconds", "s"}, {"_bytes", "B"}, {"_ratio", "0 to 1"},
	} {
		if strings.HasSuffix(strings.TrimSuffix(name, "_total"), u.suffix) {
			return u.unit
		}
	}
	return "–"
}
