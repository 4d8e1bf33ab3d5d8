package frame

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendSenML appends d's samples as a SenML pack (RFC 8428, JSON) and
// returns dst. Names are "<device>/<sensor>/<output>", the device in the base
// name. offset is added to every stamp, in milliseconds; dated says whether
// the result is Unix time, otherwise stamps are seconds since boot, which
// RFC 8428 section 4.5.3 would read as relative to now: readers must look at
// the entry's field q. It allocates only if dst is too small, see SenMLSize.
func AppendSenML(dst []byte, device string, d *Decoder, offset int64, dated bool) []byte {
	base := d.t0
	if dated {
		base += offset
	}
	dst = append(dst, '[')
	for i := range d.samples {
		if i == 0 {
			dst = append(dst, `{"bn":"`...)
			dst = appendEscaped(dst, device)
			dst = append(dst, `/","bt":`...)
			dst = appendSeconds(dst, base)
			dst = append(dst, ',')
		} else {
			dst = append(dst, `,{`...)
		}
		dst = d.appendRecord(dst, &d.samples[i])
	}
	return append(dst, ']')
}

// appendRecord appends what follows a record's opening brace or base fields.
func (d *Decoder) appendRecord(dst []byte, s *sample) []byte {
	name, unit := d.Channel(int(s.channel))
	dst = append(dst, `"n":"`...)
	dst = appendEscaped(dst, name)
	suffix, word := event(s.kind, s.quality, s.alarm)
	if suffix != "" {
		dst = append(dst, suffix...)
	} else if len(unit) > 0 {
		dst = append(dst, `","u":"`...)
		dst = appendEscaped(dst, unit)
	}
	dst = append(dst, '"')
	if s.stamp != 0 {
		dst = append(dst, `,"t":`...)
		dst = appendSeconds(dst, s.stamp)
	}
	if suffix != "" {
		dst = append(dst, `,"vs":"`...)
		dst = append(dst, word...)
		return append(dst, `"}`...)
	}
	dst = append(dst, `,"v":`...)
	dst = appendNumber(dst, s.value)
	return append(dst, '}')
}

// appendSeconds appends milliseconds as exact decimal seconds.
func appendSeconds(dst []byte, ms int64) []byte {
	u := uint64(ms)
	if ms < 0 {
		dst = append(dst, '-')
		u = -u
	}
	dst = strconv.AppendUint(dst, u/1000, 10)
	rest := u % 1000
	if rest == 0 {
		return dst
	}
	dst = append(dst, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendNumber appends the shortest decimal that reads back as v, in JSON.
func appendNumber(dst []byte, v float64) []byte {
	format := byte('f')
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, v, format, -1, 64)
}

// appendEscaped appends s as the inside of a JSON string (RFC 8259, section
// 7). Bytes that are not UTF-8 become U+FFFD.
func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			var piece [utf8.UTFMax]byte
			r, size := utf8.DecodeRune(piece[:copy(piece[:], s[i:])])
			dst = utf8.AppendRune(dst, r)
			i += size
			continue
		}
		i++
	}
	return dst
}

// escapedLen returns the length of what appendEscaped appends.
func escapedLen[T string | []byte](s T) (n int) {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			n += 2
		case c < ' ':
			n += 6
		case c < utf8.RuneSelf:
			n++
		default:
			n += 3 // U+FFFD for one byte at worst
		}
	}
	return n
}

// The longest parts of a pack besides names, units and device ("/status" is
// the longer suffix, a number the longer value): 20 digits and a point of seconds with a sign; a number such as -0.0000012345678901234567.
const (
	senmlSeconds = len(`-9223372036854775.808`)
	senmlNumber  = len(`-0.0000012345678901234567`)
	senmlRecord  = len(`,{"n":"/status","u":"","t":,"v":}`) + senmlSeconds + senmlNumber
	senmlPack    = len(`[{"bn":"/","bt":,]`) + senmlSeconds
)

// SenMLSize returns an upper bound of what AppendSenML appends for d.
func SenMLSize(device string, d *Decoder) int {
	n := senmlPack + escapedLen(device) + len(d.samples)*senmlRecord
	for i := range d.samples {
		name, unit := d.Channel(int(d.samples[i].channel))
		n += escapedLen(name) + escapedLen(unit)
	}
	return n
}

// MaxSenML returns an upper bound of what AppendSenML appends for n samples
// of s, whatever they are.
func MaxSenML(s *Schema, device string, n int) int {
	longest := 0
	for i := range s.Channels {
		longest = max(longest, escapedLen(s.Channels[i].Name)+escapedLen(s.Channels[i].Unit))
	}
	return senmlPack + escapedLen(device) + n*(senmlRecord+longest)
}
