package expr

import (
	"errors"
	"strings"
	"testing"
)

func TestErrors(t *testing.T) {
	nested := strings.Repeat("(", 60) + "x" + strings.Repeat(")", 60)
	for _, c := range []struct{ src, want string }{
		{"", "column 1: the expression is empty (write a value, such as voltage * current)"},
		{" \t", "column 1: the expression is empty (write a value, such as voltage * current)"},

		{"dewpont(t, rh)", `column 1: unknown function "dewpont" (did you mean dewpoint?)`},
		{"1 + Sqrt(x)", `column 5: unknown function "Sqrt" (did you mean sqrt?)`},
		{"a * log(x)", `column 5: unknown function "log" (write ln for the natural logarithm, log10 for the decimal one)`},
		{"mean(x)", `column 1: unknown function "mean" (write (a + b) / 2; a mean over time is a filter of the channel)`},
		{"frobnicate(x)", `column 1: unknown function "frobnicate" (the functions are abs, min, max, clamp, if, round, floor, ceil, sqrt, pow, exp, ln, log10, sin, cos, tan, atan2, hypot, dewpoint, abs_humidity, vpd, heat_index, sea_level, integral, total, rate)`},

		{"dewpoint(t)", "column 1: dewpoint takes 2 values, not 1 (write dewpoint(T, RH))"},
		{"dewpoint()", "column 1: dewpoint takes 2 values, not 0 (write dewpoint(T, RH), with the outputs for temperature and humidity)"},
		{"2 * sea_level(p)", "column 5: sea_level takes 2 or 3 values, not 1 (write sea_level(p, altitude[, T]))"},
		{"abs(a, b)", "column 1: abs takes 1 value, not 2 (write abs(x))"},
		{"max(x)", "column 1: max takes 2 or more values, not 1 (write max(a, b, ...); the max over time is a filter of the channel)"},
		{"if(x, 1)", "column 1: if takes 3 values, not 2 (write if(condition, a, b))"},
		{"integral(p, n)", "column 13: the modulus of integral is not a constant above 0 (write a number, as in integral(x, 65536))"},
		{"total(p, -5)", "column 10: the modulus of total is not a constant above 0 (write a number, as in total(x, 65536))"},
		{"total(p, 0)", "column 10: the modulus of total is not a constant above 0 (write a number, as in total(x, 65536))"},
		{"total(p, 1/0)", "column 11: the modulus of total is not a constant above 0 (write a number, as in total(x, 65536))"},
		{"round(x, 0.5)", "column 10: the decimals of round are not a constant whole number from -15 to 15 (write a number, as in round(x, 1))"},
		{"round(x, d)", "column 10: the decimals of round are not a constant whole number from -15 to 15 (write a number, as in round(x, 1))"},
		{"round(x, 99)", "column 10: the decimals of round are not a constant whole number from -15 to 15 (write a number, as in round(x, 1))"},
		{"2 * dewpoint", "column 5: dewpoint is a function (write dewpoint(T, RH), or {dewpoint} for an output of that name)"},
		{"pi(2)", `column 1: unknown function "pi" (the constant stands without brackets: pi)`},

		{"(a + b", `column 7: ")" is missing (it closes the "(" in column 1)`},
		{"2 * max(a, (b)", `column 15: ")" is missing (it closes the "(" in column 8)`},
		{"a + b)", `column 6: ")" without "(" (leave it out, or open a bracket before it)`},
		{"max(a b)", `column 7: an operator is missing before "b" (write * to multiply; an expression is one value)`},
		{"max(a, )", `column 8: an argument is missing after "," (write it, or leave out the comma)`},
		{"max(, a)", `column 5: an argument is missing after "(" (write it, or leave out the comma)`},
		{"()", `column 2: unexpected ")" after "(" (a number, a name or a function stands here)`},
		{"{inside/temperature", `column 20: "}" is missing (it closes the "{" in column 1)`},
		{"1 + {}", "column 5: {} names no channel (write {sensor/output}, as in the configuration)"},
		{"1 + {/x}", "column 5: {/x} names no channel (write {sensor/output}, as in the configuration)"},
		{"{a b/c}", `column 3: unexpected character " " in a name (write {sensor/output}, as in the configuration)`},
		{"{küche/t}", `column 3: unexpected character "ü" in a name (write {sensor/output}, as in the configuration)`},
		{"a}", `column 2: unexpected character "}" (no "{" is open)`},

		{"a +", `column 4: a value is missing after "+" (write a number, a name or a function)`},
		{"-", `column 2: a value is missing after "-" (write a number, a name or a function)`},
		{"a * / b", `column 5: unexpected "/" after "*" (a number, a name or a function stands here)`},
		{"+a", `column 1: unexpected "+" (leave it out: a number without a sign is positive)`},
		{"a ** 2", `column 3: unexpected "**" (write ^ for powers)`},
		{"a b", `column 3: an operator is missing before "b" (write * to multiply; an expression is one value)`},
		{"2(a)", `column 2: an operator is missing before "(" (write * to multiply; an expression is one value)`},
		{"a {b/c}", `column 3: an operator is missing before "{b/c}" (write * to multiply; an expression is one value)`},
		{"a 5", `column 3: an operator is missing before "5" (write * to multiply; an expression is one value)`},
		{"3,5 * a", `column 2: unexpected "," (decimals have a point: 3.5; commas only separate a function's arguments)`},
		{"a = 5", `column 3: unexpected "=" (write == to compare; the name of the channel stands outside of the expression)`},
		{"1 < a < 3", `column 7: comparisons cannot be chained (write 1 < x and x < 2)`},
		{"a AND b", `column 3: unexpected "AND" after "a" (the words are and, or, not in small letters, and not stands before its value)`},
		{"a not b", `column 3: unexpected "not" after "a" (the words are and, or, not in small letters, and not stands before its value)`},
		{"1 + not a", `column 5: unexpected "not" after "+" (put it in brackets: (not x))`},
		{"a and", `column 6: a value is missing after "and" (write a number, a name or a function)`},
		{"a and or b", `column 7: unexpected "or" after "and" (a number, a name or a function stands here)`},

		{"power > 5 kW", `column 11: "kW" after a number (numbers carry no units: leave it out, or write * to multiply)`},
		{"3600s", `column 5: "s" after a number (numbers carry no units: leave it out, or write * to multiply)`},
		{"0x10", `column 2: "x10" after a number (numbers carry no units: leave it out, or write * to multiply)`},
		{"1e", `column 2: "e" after a number (numbers carry no units: leave it out, or write * to multiply)`},
		{"(t - 32) / 1.8 degC", `column 16: "degC" after a number (numbers carry no units: leave it out, or write * to multiply)`},
		{"voltage * current W", `column 19: "W" after a value (values carry no units: leave it out)`},
		{"humidity > 50 %", `column 15: unexpected character "%" (numbers carry no units: write 50, not 50 %)`},
		{"5 °C", `column 3: unexpected character "°" (numbers carry no units, and powers are written ^2)`},
		{"a × b", `column 3: unexpected character "×" (write * to multiply)`},
		{"a − b", `column 3: unexpected character "−" (write the ASCII minus, -)`},
		{"a && b", `column 3: unexpected character "&" (write and, or, not)`},
		{"!a", `column 1: unexpected character "!" (write and, or, not)`},
		{"[a]", `column 1: unexpected character "[" (write round brackets)`},
		{"'a'", `column 1: unexpected character "'" (names stand without quotes)`},
		{`"a"`, `column 1: unexpected character '"' (names stand without quotes)`},
		{"inside.temperature", `column 7: unexpected character "." (a channel of another sensor is {sensor/output})`},
		{"$a", `column 1: unexpected character "$" (names stand without signs: temperature, or {sensor/output})`},
		{"a; b", `column 2: unexpected character ";" (an expression is one value; arguments are separated by commas)`},
		{"a \x00", `column 3: unexpected character "\x00" (names are letters, digits and _; operators are + - * / ^ < <= > >= == !=)`},
		{"a \xff", `column 3: unexpected character "�" (names are letters, digits and _; operators are + - * / ^ < <= > >= == !=)`},

		{"a * 1e999", "column 5: number 1e999 is out of range (numbers go from 5e-324 to 1.7e308)"},
		{"1e-999", "column 1: number 1e-999 is out of range (numbers go from 5e-324 to 1.7e308)"},
		{strings.Repeat("9", 400), "column 1: number 9999999999999999999999999999999999999… is out of range (numbers go from 5e-324 to 1.7e308)"},
		{strings.Repeat("a+", 500) + "a", "column 1001: the expression is longer than 1000 bytes (compute parts of it in channels of their own)"},
		{nested, "column 26: more than 50 levels inside of each other (compute parts of it in channels of their own)"},
		{strings.Repeat("-", 60) + "x", "column 50: more than 50 levels inside of each other (compute parts of it in channels of their own)"},
		{strings.Repeat("not ", 60) + "x", "column 197: more than 50 levels inside of each other (compute parts of it in channels of their own)"},
		{strings.Repeat("2^", 60) + "x", "column 99: more than 50 levels inside of each other (compute parts of it in channels of their own)"},
	} {
		p, err := Compile(c.src)
		if err == nil {
			t.Errorf("%q compiles as %s, want %s", c.src, p, c.want)
			continue
		}
		if err.Error() != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.src, err, c.want)
		}
		var e *Error
		if !errors.As(err, &e) || e.Pos < 0 || e.Pos > len(c.src) || e.Cure == "" || p != nil {
			t.Errorf("%q: error %#v and program %v", c.src, err, p)
		}
	}
}

func TestUnknownVariables(t *testing.T) {
	known := []string{"temperature", "humidity", "e", "a-current", "inside/temperature", "outside/temperature", "meter/power"}
	for _, c := range []struct{ src, want string }{
		{"2 * temprature", `column 5: unknown output "temprature" (did you mean temperature?)`},
		{"1 + inside/temperature", `column 5: unknown output "inside" (a slash divides and a minus subtracts: write {inside/temperature})`},
		{"inside/temperature-5", `column 1: unknown output "inside" (a slash divides and a minus subtracts: write {inside/temperature})`},
		{"2*a-current", `column 3: unknown output "a" (a slash divides and a minus subtracts: write {a-current})`},
		{"{insde/temperature}", `column 1: unknown channel "insde/temperature" (did you mean {inside/temperature}?)`},
		{"power / 2", `column 1: unknown output "power" (it is no output of the same sensor: write {meter/power})`},
		{"1 / kW", `column 5: unknown output "kW" (values carry no units: leave it out, or multiply by a number)`},
		{"{ee}", `column 1: unknown output "ee" (did you mean {e}?)`},
		{"something + 1", `column 1: unknown output "something" (there are: temperature, humidity, {e}, {a-current})`},
		{"{x/y}", `column 1: unknown channel "x/y" (there are: {inside/temperature}, {outside/temperature}, {meter/power})`},
	} {
		if got := compile(t, c.src).Unknown(0, known).Error(); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.src, got, c.want)
		}
	}
	if got := compile(t, "qqqqq").Unknown(0, nil).Cure; got != "write {sensor/output} for a channel of another sensor" {
		t.Errorf("cure without any outputs: %s", got)
	}
	many := strings.Fields("aaa bbb ccc ddd eee fff ggg hhh iii")
	if got := compile(t, "qqqqq").Unknown(0, many).Cure; got != "there are aaa, bbb, ccc, ddd, eee, fff, ggg, hhh and others" {
		t.Errorf("cure with many outputs: %s", got)
	}
}
