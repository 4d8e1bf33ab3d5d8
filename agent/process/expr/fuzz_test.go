package expr

import (
	"errors"
	"math"
	"testing"
)

// FuzzCompile: no text makes it panic; errors point into the text; what
// compiles prints as something that computes the same, step by step, and takes
// its own state back.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		"dewpoint(temperature, humidity)", "{inside/temperature} - {outside/t}", "integral(power) / 3600", "total(n, 2^16) + rate(n)",
		"-2^-x^2", "not a < b and c != 1e-5 or {e} >= pi", "if(a, round(b, 2), clamp(c, 0, 1))", "3,5 °C", "((", "{", "a--b", "integral(x, .1)",
	} {
		f.Add(s, 1.5, -2.0, int64(1e9))
	}
	f.Fuzz(func(t *testing.T, src string, x, y float64, stamp int64) {
		p, err := Compile(src)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Pos < 0 || e.Pos > len(src) || e.Msg == "" || e.Cure == "" {
				t.Fatalf("%q: %#v", src, err)
			}
			return
		}
		q, err := Compile(p.String())
		if err != nil {
			if len(p.String()) > maxLen {
				return
			}
			t.Fatalf("%q prints as %q: %v", src, p, err)
		}
		if q.String() != p.String() || len(q.Refs()) != len(p.Refs()) {
			t.Fatalf("%q prints as %q, and that as %q", src, p, q)
		}
		walkThrough(t, p, q, x, y, stamp)
	})
}

// walkThrough evaluates p and q side by side over gaps, resets and a restart.
func walkThrough(t *testing.T, p, q *Program, x, y float64, stamp int64) {
	values := make([]float64, len(p.Refs()))
	for step := range int64(8) {
		for i := range values {
			values[i] = x + y*float64(i)*float64(step)
		}
		if step == 3 {
			p.Reset()
			q.Reset()
		}
		at := step * step * stamp
		pv, pok := p.Eval(values, at)
		qv, qok := q.Eval(values, at)
		if pv != qv || pok != qok || p.Gaps() != q.Gaps() || pok && !finite(pv) || math.Signbit(pv) && pv == 0 {
			t.Fatalf("%s: %v, %v; as %s: %v, %v", p.src, pv, pok, p, qv, qok)
		}
		if step == 5 && (!q.Restore(p.AppendState(nil)) || !p.Restore(q.AppendState(nil))) {
			t.Fatalf("%s refuses its own state %v", p, p.AppendState(nil))
		}
	}
}
