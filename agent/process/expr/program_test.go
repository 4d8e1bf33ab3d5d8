package expr

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestPrecedence(t *testing.T) {
	for _, c := range []struct {
		src  string
		want float64
		text string
	}{
		{"-2^2", -4, "-2 ^ 2"},
		{"(-2)^2", 4, "(-2) ^ 2"},
		{"2^3^2", 512, "2 ^ 3 ^ 2"},
		{"(2^3)^2", 64, "(2 ^ 3) ^ 2"},
		{"2^-1", 0.5, "2 ^ -1"},
		{"-2^-2", -0.25, "-2 ^ -2"},
		{"8-4-2", 2, "8 - 4 - 2"},
		{"8-(4-2)", 6, "8 - (4 - 2)"},
		{"8/4/2", 1, "8 / 4 / 2"},
		{"8/(4/2)", 4, "8 / (4 / 2)"},
		{"2*-3", -6, "2 * -3"},
		{"1 - -1", 2, "1 - -1"},
		{"--1", 1, "--1"},
		{"-(1+2)*3", -9, "-(1 + 2) * 3"},
		{"1+2*3", 7, "1 + 2 * 3"},
		{"((1+2))*3", 9, "(1 + 2) * 3"},
		{"1+1 < 3", 1, "1 + 1 < 3"},
		{"(1<2) == (3<4)", 1, "(1 < 2) == (3 < 4)"},
		{"not 1 < 2", 0, "not 1 < 2"},
		{"(not 1) < 2", 1, "(not 1) < 2"},
		{"not not 5", 1, "not not 5"},
		{"1 or 0 and 0", 1, "1 or 0 and 0"},
		{"(1 or 0) and 0", 0, "(1 or 0) and 0"},
		{"2 and 3", 1, "2 and 3"},
		{"0 == -0", 1, "0 == -0"},
		{"-0", 0, "-0"},
		{"not(0)", 1, "not 0"},
		{"e", math.E, "e"},
		{"2*pi", 2 * math.Pi, "2 * pi"},
		{".5e1 + 5.", 10, "5 + 5"},
		{"1E+21", 1e21, "1e+21"},
		{"1e-7", 1e-7, "1e-07"},
		{"max(1,2,(3))", 3, "max(1, 2, 3)"},
		{"if(2>1,\t10,\n20)", 10, "if(2 > 1, 10, 20)"},
		{"5e-324*1", 5e-324, "5e-324 * 1"},
	} {
		p := compile(t, c.src)
		if got, ok := p.Eval(nil, 0); got != c.want || !ok || math.Signbit(got) && got == 0 {
			t.Errorf("%s = %v, %v; want %v", c.src, got, ok, c.want)
		}
		if p.String() != c.text {
			t.Errorf("%s prints as %s, want %s", c.src, p, c.text)
		}
	}
}

func TestRefs(t *testing.T) {
	p := compile(t, "{inside/temperature} - b + {a-current} * b / { b } + {e} - e + {inside/temperature}")
	want := []Ref{{"inside/temperature", true, 0}, {"b", false, 23}, {"a-current", false, 27}, {"e", false, 53}}
	if got := p.Refs(); !slices.Equal(got, want) {
		t.Errorf("refs %v, want %v", got, want)
	}
	if want := "{inside/temperature} - b + {a-current} * b / b + {e} - e + {inside/temperature}"; p.String() != want {
		t.Errorf("prints as %s, want %s", p, want)
	}
	if got, ok := p.Eval([]float64{10, 2, 3, 7}, 0); !ok || got != 10-2+3+7-math.E+10 {
		t.Errorf("with values in the order of refs %v, %v", got, ok)
	}
	for _, wrong := range [][]float64{nil, {1, 2, 3}, {1, 2, 3, 4, 5}} {
		if v, ok := p.Eval(wrong, 0); ok || v != 0 {
			t.Errorf("with %d values %v, %v", len(wrong), v, ok)
		}
	}
}

func TestNamesThatMeanSomethingElse(t *testing.T) {
	for _, name := range []string{"e", "pi", "and", "not", "min", "rate", "1st", "a.b", "a:b"} {
		p := compile(t, "{"+name+"} * 2")
		if r := p.Refs(); len(r) != 1 || r[0].Name != name || r[0].Qualified || p.String() != "{"+name+"} * 2" {
			t.Errorf("{%s} is %v and prints as %s", name, r, p)
		}
	}
	if r := compile(t, "inside/temperature").Refs(); len(r) != 2 || r[0].Name != "inside" || r[1].Name != "temperature" {
		t.Errorf("a bare slash does not divide: %v", r)
	}
}

func TestStateful(t *testing.T) {
	for src, want := range map[string]bool{"a + b": false, "rate(a)": false, "integral(a)": true, "1 + total(a)": true} {
		if got := compile(t, src).Stateful(); got != want {
			t.Errorf("%s: stateful %v, want %v", src, got, want)
		}
	}
}

// TestFunctionsAreDocumented checks that each signature says what the function
// takes.
func TestFunctionsAreDocumented(t *testing.T) {
	seen := map[string]bool{}
	for i, f := range Functions() {
		args, ok := strings.CutPrefix(f.Signature, f.Name+"(")
		if !ok || f.Doc == "" || seen[f.Name] || !strings.HasSuffix(args, ")") {
			t.Errorf("function %+v", f)
		}
		seen[f.Name] = true
		b := builtins[i]
		all := strings.Count(f.Signature, ",") + 1
		needed := all - strings.Count(f.Signature, "[")
		if strings.Contains(f.Signature, "...") {
			all, needed = many, all-1
		}
		if b.least != needed || b.most != all || (b.call == nil) == (b.state == stateless) {
			t.Errorf("%s takes %d to %d", f.Signature, b.least, b.most)
		}
	}
}

func TestEvalDoesNotAllocate(t *testing.T) {
	for _, src := range []string{
		"dewpoint(a, b)", "a * b + a / b - 2 ^ a", "max(a, b, 1, 2, 3) and not (a < b)", "if(a > 0, sea_level(a, b, 5), heat_index(a, b))",
		"integral(a, 1000) + total(b, 100) + rate(a)", "1 / (a - a)", "sqrt(-abs(b) - 1)", "integral(1 / (a - a))",
	} {
		p := compile(t, src)
		values, at := []float64{20, 50}, int64(0)
		if n := testing.AllocsPerRun(1000, func() {
			at += second
			p.Eval(values, at)
			p.Eval(values, at+60*second)
			p.Eval(nil, at)
			p.Reset()
		}); n != 0 {
			t.Errorf("%s: %v allocations", src, n)
		}
	}
	p, state := compile(t, "integral(a, 1000) + total(b, 100)"), make([]float64, 0, 8)
	if n := testing.AllocsPerRun(1000, func() {
		state = p.AppendState(state[:0])
		p.Restore(state)
	}); n != 0 {
		t.Errorf("state: %v allocations", n)
	}
}

func BenchmarkEval(b *testing.B) {
	for _, c := range []struct{ name, src string }{
		{"product", "a * b"},
		{"five_operators", "(a - 32) * 5 / 9 + b * 2"},
		{"dewpoint", "dewpoint(a, b)"},
		{"heat_index", "heat_index(a, b)"},
		{"sea_level", "sea_level(a * 1000, 500, b)"},
		{"integral", "integral(a)"},
		{"meter_kWh", "integral(a * b, 3.6e9) / 3.6e6"},
		{"total", "total(a, 65536)"},
		{"no_value", "sqrt(-a)"},
	} {
		b.Run(c.name, func(b *testing.B) {
			p, values, at := compile(b, c.src), []float64{30, 60}[:0], int64(0)
			values = values[:len(p.Refs())]
			b.ReportAllocs()
			for b.Loop() {
				at += second
				p.Eval(values, at)
			}
		})
	}
}
