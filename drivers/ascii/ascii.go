// Package ascii reads digits as instruments send them. It imports nothing and
// allocates nothing.
package ascii

// Hex gives the value of a hexadecimal digit of either case.
func Hex(c byte) (v byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}
