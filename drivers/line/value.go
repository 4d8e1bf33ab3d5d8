package line

import (
	"math"
	"strconv"

	"github.com/telhub/telhub/drivers/ascii"
)

// maxNumber is the longest number that is read: the longest float64 has 24
// characters, and a string of up to 32 bytes that does not escape is made on
// the stack.
const maxNumber = 32

// pow10 are the powers that float64 holds exactly.
var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// value reads a number or one of the words that stand for one.
func value(b []byte) (v float64, ok bool) {
	if n, v := scanNumber(b); n == len(b) && n > 0 {
		return v, true
	}
	return word(b)
}

// word reads the words that devices print in place of a number.
func word(b []byte) (v float64, ok bool) {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	var lower [8]byte
	if len(b) > len(lower) {
		return 0, false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	switch string(lower[:len(b)]) {
	case "nan", "inf", "infinity", "ovf", "null", "none", "n/a":
		return math.NaN(), true // Reading.Set marks it bad
	case "true", "on":
		return 1, true
	case "false", "off":
		return 0, true
	}
	return 0, false
}

// scanNumber reads the decimal number that b begins with and gives its length;
// 0 when there is none. A number too large for float64 is infinite.
func scanNumber(b []byte) (n int, v float64) {
	i := 0
	negative := i < len(b) && b[i] == '-'
	if negative || (i < len(b) && b[i] == '+') {
		i++
	}
	var mant uint64
	digits, places, lost := 0, 0, 0 // lost: digits that did not fit into mant
	point := false
	for ; i < len(b); i++ {
		c := b[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digits++
		switch {
		case mant >= 1e18:
			lost++
		default:
			mant = mant*10 + uint64(c-'0')
		}
		if point {
			places++
		}
	}
	if digits == 0 {
		return 0, 0
	}
	exp, end := scanExponent(b, i)
	if end > maxNumber {
		return 0, 0
	}
	return end, assemble(b[:end], negative, mant, exp-places+lost, lost > 0)
}

// scanExponent reads e±digits at i; without digits there is no exponent.
func scanExponent(b []byte, i int) (exp, end int) {
	if i >= len(b) || b[i]|0x20 != 'e' {
		return 0, i
	}
	j, sign := i+1, 1
	if j < len(b) && (b[j] == '-' || b[j] == '+') {
		if b[j] == '-' {
			sign = -1
		}
		j++
	}
	first := j
	for ; j < len(b) && '0' <= b[j] && b[j] <= '9'; j++ {
		exp = min(exp*10+int(b[j]-'0'), 100_000)
	}
	if j == first {
		return 0, i
	}
	return sign * exp, j
}

// assemble gives mant·10^exp, correctly rounded. Up to 2^53 and 10^22 one
// operation on exact operands is that; the rest is strconv's, except numbers
// out of range, whose error it would allocate.
func assemble(text []byte, negative bool, mant uint64, exp int, inexact bool) float64 {
	var v float64
	switch {
	case mant == 0:
	case !inexact && mant <= 1<<53 && exp >= 0 && exp < len(pow10):
		v = float64(mant) * pow10[exp]
	case !inexact && mant <= 1<<53 && exp < 0 && -exp < len(pow10):
		v = float64(mant) / pow10[-exp]
	case overflows(mant, exp):
		v = math.Inf(1) // Reading.Set marks it bad
	default:
		v, _ = strconv.ParseFloat(string(text), 64)
		return v
	}
	if negative {
		v = -v
	}
	return v
}

// overflows reports whether mant·10^exp, mant > 0, is beyond float64.
func overflows(mant uint64, exp int) bool {
	digits := 1
	for m := mant; m >= 10; m /= 10 {
		digits++
	}
	if e := exp + digits - 1; e != 308 { // d.ddd·10^e
		return e > 308
	}
	return float64(mant)/pow10[digits-1] > 1.7976931348623158
}

// scanInteger reads [+-]digits.
func scanInteger(b []byte) (n int, v float64) {
	if n < len(b) && (b[n] == '-' || b[n] == '+') {
		n++
	}
	first := n
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	if n == first || n > maxNumber {
		return 0, 0
	}
	_, v = scanNumber(b[:n])
	return n, v
}

// scanHex reads hexadecimal digits with or without 0x, up to 64 bits.
func scanHex(b []byte) (n int, v float64) {
	if len(b) > 2 && b[0] == '0' && b[1]|0x20 == 'x' {
		n = 2
	}
	first := n
	var u uint64
	for n < len(b) && n-first < 17 {
		c, ok := ascii.Hex(b[n])
		if !ok {
			break
		}
		u = u<<4 | uint64(c)
		n++
	}
	if n == first || n-first > 16 {
		return 0, 0
	}
	return n, float64(u)
}
