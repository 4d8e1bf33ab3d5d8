package expr

import (
	"fmt"
	"strings"

	"github.com/telhub/telhub/internal/spell"
)

// missingValue is the error when a value should begin at p.tok and does not.
func (p *parser) missingValue() {
	t, after := p.tok, ""
	if p.last.text != "" {
		after = " after " + p.last.String()
	}
	switch {
	case t.kind == tokEnd:
		p.fail(t.pos, "a value is missing"+after, "write a number, a name or a function")
	case t.is("*") && p.last.is("*"):
		p.fail(p.last.pos, `unexpected "**"`, "write ^ for powers")
	case t.is("+"):
		p.fail(t.pos, `unexpected "+"`+after, "leave it out: a number without a sign is positive")
	case t.is("not"):
		p.fail(t.pos, `unexpected "not"`+after, "put it in brackets: (not x)")
	case t.is(")") && p.last.is(","), t.is(",") && (p.last.is("(") || p.last.is(",")):
		p.fail(t.pos, "an argument is missing"+after, "write it, or leave out the comma")
	default:
		p.fail(t.pos, fmt.Sprintf("unexpected %v%s", t, after), "a number, a name or a function stands here")
	}
}

// unexpected is the error when p.tok cannot follow what has been read.
func (p *parser) unexpected() {
	t := p.tok
	switch {
	case t.is(")"):
		p.fail(t.pos, `")" without "("`, "leave it out, or open a bracket before it")
	case t.is(","):
		p.fail(t.pos, `unexpected ","`, "decimals have a point: 3.5; commas only separate a function's arguments")
	case p.last.kind == tokNumber && t.kind == tokName && !isKeyword(strings.ToLower(t.text)):
		p.fail(t.pos, fmt.Sprintf("%v after a number", t), "numbers carry no units: leave it out, or write * to multiply")
	case t.kind == tokName && isKeyword(strings.ToLower(t.text)):
		p.fail(t.pos, fmt.Sprintf("unexpected %v after %v", t, p.last), "the words are and, or, not in small letters, and not stands before its value")
	case t.kind == tokName && isUnit(t.text):
		p.fail(t.pos, fmt.Sprintf("%v after a value", t), "values carry no units: leave it out")
	default:
		p.fail(t.pos, fmt.Sprintf("an operator is missing before %v", t), "write * to multiply; an expression is one value")
	}
}

// cureFunction says which function may have been meant by name.
func cureFunction(name string) string {
	if cure := strangers[strings.ToLower(name)]; cure != "" {
		return cure
	}
	if _, ok := constants(name); ok {
		return "the constant stands without brackets: " + name
	}
	names := make([]string, len(builtins))
	for i := range builtins {
		names[i] = builtins[i].Name
	}
	if n := spell.Nearest(name, names); n != "" {
		return "did you mean " + n + "?"
	}
	return "the functions are " + strings.Join(names, ", ")
}

// strangers are functions of other languages, and what serves here.
var strangers = map[string]string{
	"log":        "write ln for the natural logarithm, log10 for the decimal one",
	"mean":       "write (a + b) / 2; a mean over time is a filter of the channel",
	"avg":        "write (a + b) / 2; a mean over time is a filter of the channel",
	"average":    "write (a + b) / 2; a mean over time is a filter of the channel",
	"median":     "a median over time is a filter of the channel",
	"sum":        "write a + b; a sum over time is integral(x)",
	"delta":      "write rate(x), the change per second",
	"derivative": "write rate(x), the change per second",
	"diff":       "write rate(x), the change per second",
	"iff":        "write if(condition, a, b)",
	"ifelse":     "write if(condition, a, b)",
	"int":        "write floor(x)",
	"trunc":      "write floor(x)",
	"mod":        "write x - y * floor(x / y)",
	"fmod":       "write x - y * floor(x / y)",
	"energy":     "write integral(power)",
	"counter":    "write total(x) or total(x, modulus)",
	"arctan":     "write atan2(x, 1)",
	"atan":       "write atan2(x, 1)",
	"dew_point":  "write dewpoint(T, RH)",
	"qnh":        "write sea_level(p, altitude)",
}
