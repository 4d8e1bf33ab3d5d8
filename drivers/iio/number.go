package iio

import (
	"strconv"

	"github.com/telhub/telhub/drivers/sysfs"
)

// maxDigits bounds the text of a number: the kernel's longest are a signed 64
// bit number and one with nine decimals.
const maxDigits = 31

// number parses what the kernel writes into an attribute: "-12", "101.325000",
// also with a decibel sign, "1.5 dB". Lists are no number.
func number(b []byte) (v float64, ok bool) {
	b = sysfs.Line(b)
	if n := len(b) - 3; n > 0 && string(b[n:]) == " dB" {
		b = b[:n]
	}
	if len(b) > maxDigits || !decimal(b) {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(b), 64) // what decimal passes has no error that would be allocated
	return v, err == nil
}

// decimal reports whether b is an optional sign, digits, and perhaps a point
// and more digits.
func decimal(b []byte) bool {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	digits, points := 0, 0
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case c == '.' && digits > 0 && points == 0:
			points++
		default:
			return false
		}
	}
	return digits > 0 && b[len(b)-1] != '.'
}
