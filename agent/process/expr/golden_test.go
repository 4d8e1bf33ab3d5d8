package expr

import (
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestGolden compares random expressions with what Python's parser and
// arithmetic make of them (testdata/golden.py).
func TestGolden(t *testing.T) {
	for _, line := range lines(t, "golden.tsv") {
		kind, text, want := line[0], line[1], line[6]
		env := map[string]float64{"a": number(t, line[2]), "b": number(t, line[3]), "c": number(t, line[4]), "d": number(t, line[5])}
		p := compile(t, text)
		got, ok := p.Eval(bind(p, env), 0)
		if want == "none" {
			if ok {
				t.Errorf("%s with %v = %v, want no value", text, env, got)
			}
			continue
		}
		w := number(t, want)
		if !ok || kind == "exact" && got != w || kind == "near" && !near(got, w, 1e-9) {
			t.Errorf("%s: %s with %v = %v, %v; want %v", kind, text, env, got, ok, w)
		}
		if again := compile(t, p.String()); again.String() != p.String() {
			t.Errorf("%s prints as %s, and that as %s", text, p, again)
		} else if v, _ := again.Eval(bind(again, env), 0); v != got {
			t.Errorf("%s = %v, but as %s it is %v", text, got, again, v)
		}
	}
}

// TestReference compares functions with 25 digits computed elsewhere from the
// published formulas (testdata/reference.py).
func TestReference(t *testing.T) {
	seen := map[string]bool{}
	for _, line := range lines(t, "reference.tsv") {
		name, _, _ := strings.Cut(line[0], "(")
		seen[name] = true
		want := number(t, line[1])
		tolerance := 1e-13
		switch name {
		case "dewpoint", "heat_index", "vpd": // °C near 0, and differences near 0
			tolerance = 1e-10 / math.Abs(want)
		case "sin", "cos", "tan":
			tolerance = 1e-14 / math.Min(1, math.Abs(want))
		case "round", "abs", "floor", "ceil":
			tolerance = 0
		}
		if got, ok := compile(t, line[0]).Eval(nil, 0); !ok || !near(got, want, tolerance) {
			t.Errorf("%s = %v, %v; want %v", line[0], got, ok, want)
		}
	}
	for _, name := range strings.Fields("abs sqrt exp ln log10 pow round floor ceil sin cos tan atan2 hypot dewpoint abs_humidity heat_index sea_level vpd") {
		if !seen[name] {
			t.Errorf("no reference for %s", name)
		}
	}
}

// lines reads a table of testdata.
func lines(t *testing.T, name string) (table [][]string) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			table = append(table, strings.Split(strings.TrimSpace(line), "\t"))
		}
	}
	if len(table) < 500 {
		t.Fatalf("%s has %d lines", name, len(table))
	}
	return table
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func compile(t testing.TB, src string) *Program {
	t.Helper()
	p, err := Compile(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return p
}

// bind puts the values of a program's variables into their order.
func bind(p *Program, env map[string]float64) (values []float64) {
	for _, r := range p.Refs() {
		values = append(values, env[r.Name])
	}
	return values
}

func near(got, want, tolerance float64) bool {
	return got == want || math.Abs(got-want) <= tolerance*math.Abs(want)
}
