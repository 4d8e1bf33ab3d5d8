package expr

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokNumber           // num is its value
	tokName             // a word; text
	tokBraced           // a name in braces; text without them
	tokSign             // operator, bracket or comma; text
)

type token struct {
	kind tokenKind
	pos  int
	text string
	num  float64
}

// is reports whether t is the sign or the word s.
func (t token) is(s string) bool {
	return (t.kind == tokSign || t.kind == tokName) && t.text == s
}

// String shows t in messages.
func (t token) String() string {
	switch t.kind {
	case tokEnd:
		return "the end"
	case tokBraced:
		return `"{` + t.text + `}"`
	}
	return strconv.Quote(t.text)
}

// lexer cuts src into tokens, one at a time, so that the first error is the
// leftmost one. After an error there are only ends.
type lexer struct {
	src string
	off int
	err *Error
}

// fail notes the first error.
func (l *lexer) fail(pos int, msg, cure string) {
	if l.err == nil {
		l.err = &Error{pos, msg, cure}
	}
}

func (l *lexer) next() token {
	for l.off < len(l.src) && strings.IndexByte(" \t\r\n", l.src[l.off]) >= 0 {
		l.off++
	}
	if l.err != nil || l.off == len(l.src) {
		return token{kind: tokEnd, pos: len(l.src)}
	}
	switch c := l.src[l.off]; {
	case isDigit(c), c == '.' && l.off+1 < len(l.src) && isDigit(l.src[l.off+1]):
		return l.number()
	case isWordByte(c):
		return l.word()
	case c == '{':
		return l.braced()
	}
	return l.sign()
}

// number reads digits, a point, digits, and an exponent if there is one.
func (l *lexer) number() token {
	start := l.off
	l.digits()
	if l.off < len(l.src) && l.src[l.off] == '.' {
		l.off++
		l.digits()
	}
	l.exponent()
	text := l.src[start:l.off]
	v, err := strconv.ParseFloat(text, 64)
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	if errors.Is(err, strconv.ErrRange) || v == 0 && strings.Trim(mantissa, "0.") != "" {
		l.fail(start, "number "+cut(text)+" is out of range", "numbers go from 5e-324 to 1.7e308")
	}
	return token{tokNumber, start, text, v}
}

func (l *lexer) digits() {
	for l.off < len(l.src) && isDigit(l.src[l.off]) {
		l.off++
	}
}

// exponent reads e5, E-5 and the like, and nothing when no digit follows.
func (l *lexer) exponent() {
	rest := l.src[l.off:]
	if rest == "" || rest[0] != 'e' && rest[0] != 'E' {
		return
	}
	n := 1
	if len(rest) > 1 && (rest[1] == '+' || rest[1] == '-') {
		n = 2
	}
	if len(rest) > n && isDigit(rest[n]) {
		l.off += n
		l.digits()
	}
}

func (l *lexer) word() token {
	start := l.off
	for l.off < len(l.src) && isWordByte(l.src[l.off]) {
		l.off++
	}
	return token{kind: tokName, pos: start, text: l.src[start:l.off]}
}

// braced reads {output} or {sensor/output}.
func (l *lexer) braced() token {
	start := l.off
	end := strings.IndexByte(l.src[start:], '}')
	if end < 0 {
		l.fail(len(l.src), `"}" is missing`, fmt.Sprintf(`it closes the "{" in column %d`, start+1))
		return token{kind: tokEnd, pos: len(l.src)}
	}
	l.off = start + end + 1
	inner := l.src[start+1 : l.off-1]
	name := strings.Trim(inner, " \t")
	l.checkName(name, start, start+1+strings.Index(inner, name))
	return token{kind: tokBraced, pos: start, text: name}
}

// checkName checks the name that stands at pos in the braces opened at open.
func (l *lexer) checkName(name string, open, pos int) {
	const cure = "write {sensor/output}, as in the configuration"
	for i, r := range name {
		if r >= utf8.RuneSelf || r != '/' && !isNameByte(byte(r)) {
			l.fail(pos+i, "unexpected character "+quoteCharacter(r)+" in a name", cure)
			return
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" {
			l.fail(open, "{"+name+"} names no channel", cure)
		}
	}
}

// sign reads an operator, a bracket or a comma.
func (l *lexer) sign() token {
	start := l.off
	rest := l.src[start:]
	for _, s := range [...]string{"<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "^", "(", ")", ","} {
		if strings.HasPrefix(rest, s) {
			l.off += len(s)
			return token{kind: tokSign, pos: start, text: s}
		}
	}
	r, _ := utf8.DecodeRuneInString(rest)
	if r == '=' {
		l.fail(start, `unexpected "="`, "write == to compare; the name of the channel stands outside of the expression")
	} else {
		l.fail(start, "unexpected character "+quoteCharacter(r), characterCure(r))
	}
	return token{kind: tokEnd, pos: start}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || isDigit(c)
}

// isNameByte says what the names of sensors and outputs may hold.
func isNameByte(c byte) bool { return isWordByte(c) || c == '-' || c == '.' || c == ':' }

// cut shortens what a message quotes.
func cut(s string) string {
	if len(s) > 40 {
		return s[:37] + "…"
	}
	return s
}
