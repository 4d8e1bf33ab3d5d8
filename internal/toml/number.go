package toml

import (
	"errors"
	"strconv"
	"strings"
)

var (
	notANumber  = Fault{"is not a number", "put text in double quotes"}
	tooLarge    = Fault{"is too large a number", ""}
	notFinite   = Fault{"must be a finite number", ""}
	leadingZero = Fault{"numbers do not begin with 0", "write 0x76 for hexadecimal, 0o17 for octal, or drop the 0"}
)

// ParseInt reads a TOML integer: decimal, 0x, 0o or 0b, with underscores
// between digits.
func ParseInt(dst *int64, s string) Fault {
	digits := unsigned(s)
	base := 10
	if len(s) > 2 && s[0] == '0' { // prefixes take no sign
		switch s[1] {
		case 'x':
			base = 16
		case 'o':
			base = 8
		case 'b':
			base = 2
		}
	}
	if base != 10 {
		digits = s[2:]
	} else if beginsWithZero(digits) {
		return leadingZero
	}
	if !underscored(digits) || strings.ContainsAny(digits, "+-") {
		return notANumber
	}
	text := strings.ReplaceAll(digits, "_", "")
	if base == 10 {
		text = s[:len(s)-len(digits)] + text
	}
	v, err := strconv.ParseInt(text, base, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return tooLarge
	case err != nil:
		return notANumber
	}
	*dst = v
	return Fault{}
}

// ParseFloat reads a TOML float or integer. inf and nan are numbers to TOML,
// but no setting of ours has a use for them.
func ParseFloat(dst *float64, s string) Fault {
	number := unsigned(s)
	if number == "inf" || number == "nan" {
		return notFinite
	}
	mantissa, exponent := number, "0"
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		mantissa, exponent = number[:i], unsigned(number[i+1:])
	}
	whole, fraction, hasPoint := strings.Cut(mantissa, ".")
	if !hasPoint {
		fraction = "0"
	}
	switch {
	case !decimal(whole) || !decimal(fraction) || !decimal(exponent):
		return notANumber
	case beginsWithZero(whole):
		return leadingZero
	}
	v, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return tooLarge
	case err != nil:
		return notANumber
	}
	*dst = v
	return Fault{}
}

// unsigned cuts one sign off.
func unsigned(s string) string {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		return s[1:]
	}
	return s
}

func beginsWithZero(digits string) bool {
	return len(digits) > 1 && digits[0] == '0' && (digits[1] == '_' || digits[1] >= '0' && digits[1] <= '9')
}

// decimal reports whether s is decimal digits, with underscores between them.
func decimal(s string) bool {
	return underscored(s) && strings.Trim(s, "0123456789_") == ""
}

// underscored reports whether underscores stand only between characters.
func underscored(s string) bool {
	return s != "" && s[0] != '_' && s[len(s)-1] != '_' && !strings.Contains(s, "__")
}
