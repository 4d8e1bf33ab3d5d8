package sysfs

// Line cuts line ends, blanks and NULs from the end of a file's text.
func Line(b []byte) []byte {
	for len(b) > 0 {
		switch b[len(b)-1] {
		case '\n', '\r', ' ', '\t', 0:
			b = b[:len(b)-1]
		default:
			return b
		}
	}
	return b
}

// Int parses a whole decimal number with optional sign and nothing else.
func Int(b []byte) (n int64, ok bool) {
	neg := len(b) > 0 && b[0] == '-'
	if neg || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	u, rest, ok := Uint(b)
	if !ok || len(rest) > 0 || u > 1<<63-1 {
		return 0, false
	}
	if neg {
		return -int64(u), true
	}
	return int64(u), true
}

// Uint parses the decimal digits that b begins with and gives what follows
// them. It fails without digits, and with more than 64 bits.
func Uint(b []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		d := uint64(b[i] - '0')
		if n > (1<<64-1-d)/10 {
			return 0, b, false
		}
		n = n*10 + d
	}
	return n, b[i:], i > 0
}

// Hex parses one or two hexadecimal digits and gives what follows.
func Hex(b []byte) (n uint8, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && i < 2; i++ {
		d, is := digit(b[i])
		if !is {
			break
		}
		n = n<<4 | d
	}
	return n, b[i:], i > 0
}

func digit(c byte) (d uint8, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// Blanks passes over blanks and tabs.
func Blanks(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// Word cuts the characters up to the next blank, tab or line end.
func Word(b []byte) (word, rest []byte) {
	b = Blanks(b)
	for i, c := range b {
		if c == ' ' || c == '\t' || c == '\n' {
			return b[:i], b[i:]
		}
	}
	return b, nil
}

// Name makes an output's name of what the kernel or a person calls something:
// "CPU-therm" is cpu_therm, "/var/lib" is var_lib. It is empty when there is
// nothing in it to make a name of. It is for construction and allocates.
func Name(s string) string {
	b := make([]byte, 0, len(s)+1)
	for i := range len(s) {
		switch c := s[i]; {
		case 'A' <= c && c <= 'Z':
			b = append(b, c+'a'-'A')
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			b = append(b, c)
		case len(b) > 0 && b[len(b)-1] != '_':
			b = append(b, '_')
		}
	}
	for len(b) > 0 && b[len(b)-1] == '_' {
		b = b[:len(b)-1]
	}
	if len(b) > 0 && '0' <= b[0] && b[0] <= '9' {
		b = append([]byte{'n'}, b...)
	}
	return string(b)
}

// ValidName reports whether an output can be called s.
func ValidName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || i > 0 && ('0' <= c && c <= '9' || c == '_')) {
			return false
		}
	}
	return s != ""
}
