package toml

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// syntax turns the parser's complaint into a problem with the place and, for
// the mistakes that people make, a cure. It never quotes the line, which may
// hold a secret.
func (r *reader) syntax(err error) Problem {
	p := Problem{Line: len(r.lines), Fault: Fault{Msg: "syntax: " + err.Error()}}
	var perr *unstable.ParserError
	if !errors.As(err, &perr) {
		return p
	}
	at := r.offset(perr.Highlight)
	if at == len(r.data) { // the text ended too early: that is the last line that says something
		at = len(bytes.TrimRight(r.data, " \t\r\n"))
		at = max(0, at-1)
	}
	p.Line = r.lineAt(at)
	start := r.lines[p.Line-1]
	line, _, _ := bytes.Cut(r.data[start:], []byte("\n"))
	msg, cure := syntaxHint(strings.TrimSpace(string(line)))
	if msg == "" {
		msg = Shorten(perr.Message)
	}
	p.Msg = fmt.Sprintf("syntax: %s (column %d)", msg, at-start+1)
	p.Cure = cure
	return p
}

// syntaxHint guesses from the line's shape what was meant. msg replaces the
// parser's own where that would mislead.
func syntaxHint(line string) (msg, cure string) {
	key, value, isSet := strings.Cut(line, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	switch {
	case strings.Count(line, "{") > strings.Count(line, "}"):
		return "a table { … } is not closed in its line", "write it on one line, or as a [section] of its own"
	case strings.HasPrefix(line, "[[") && !strings.Contains(line, "]]"):
		return "a header is not closed", "end it with ]]"
	case strings.HasPrefix(line, "[") && !isSet:
		return "", "a header ends with ], and nothing but a comment stands behind it"
	case !isSet && strings.Contains(line, ":"):
		return "a key without value", "write key = value, with = and not with a colon"
	case !isSet:
		return "", "write key = value"
	case value == "":
		return "a key without value", "write a value after =, or delete the line"
	case strings.ContainsAny(key, " \t") && !strings.ContainsAny(key, "\"'"):
		return "", "a key is one word, or several joined with dots"
	}
	return valueHint(value)
}

// valueHint is syntaxHint for what stands behind the =.
func valueHint(value string) (msg, cure string) {
	switch {
	case value[0] == '[' && !strings.Contains(value, "]"):
		return "", "end the list with ]"
	case strings.Count(value, `"`)%2 == 1:
		return "", `close the text with "`
	case isLetter(value[0]), strings.IndexByte("/~_", value[0]) >= 0:
		return "text without quotes", `put it in double quotes, as in key = "text"`
	case decimalComma(value):
		return "a number with a comma", "decimals have a point, as in 0.5"
	case len(value) > 1 && value[0] == '0' && value[1] >= '0' && value[1] <= '9':
		return "a number begins with 0", "drop the 0; hexadecimal is written 0x76"
	case strings.Trim(value, "0123456789.-") == "":
		return "", "the number is fine: close the list above it with ]"
	case value[0] >= '0' && value[0] <= '9':
		return "", `put what is not a plain number in double quotes, as in "10s" or "256MB"`
	}
	return "", ""
}

// decimalComma reports whether value is one number, written as "0,5".
func decimalComma(value string) bool {
	whole, rest, found := strings.Cut(strings.TrimLeft(value, "+-"), ",")
	rest, _, _ = strings.Cut(rest, "#")
	rest = strings.TrimSpace(rest)
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return found && digits(whole) && digits(rest)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
