package config

import (
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/drivers/serial"
	"github.com/telhub/telhub/internal/toml"
)

// maxName bounds device, sensor and bus names: they stand in every pack,
// metric and stream entry.
const maxName = 64

// checkName holds a name to what SenML allows in names (RFC 8428, 4.5.1), less
// '/', which separates device, sensor and output.
func checkName(s string) fault {
	switch {
	case s == "":
		return fault{"is empty", "give it a name"}
	case len(s) > maxName:
		return fault{"is longer than " + strconv.Itoa(maxName) + " characters", "choose a shorter name"}
	case sanitise(s) != s:
		return fault{"may hold only the letters A to Z, a to z, digits, and - : . _ after a letter or digit", "try " + sanitise(s)}
	}
	return fault{}
}

// sanitise makes a valid name of any text: what is not allowed becomes '-'.
func sanitise(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case isAlnum(r):
			b.WriteRune(r)
		case b.Len() == 0: // the first character is a letter or digit
		case r == '-' || r == ':' || r == '.' || r == '_':
			b.WriteRune(r)
		default:
			b.WriteByte('-')
		}
		if b.Len() == maxName {
			break
		}
	}
	if b.Len() == 0 {
		return "telhub"
	}
	return b.String()
}

func isAlnum(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// checkPrintable rejects control characters: no setting of ours means them.
func checkPrintable(s string) fault {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return fault{"holds a control character", "delete it"}
	}
	return fault{}
}

// checkPlain is checkPrintable with tabs allowed: they may separate columns.
func checkPlain(s string) fault { return checkPrintable(strings.ReplaceAll(s, "\t", "")) }

// checkUnit holds a unit to what one can look like. Which units exist is the
// registry's business (RFC 8428 section 12.1, RFC 8798), and it grows.
func checkUnit(s string) fault {
	if s == "" {
		return fault{}
	}
	odd := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(s) > 16 || strings.ContainsFunc(s, odd) {
		return fault{"is not a SenML unit", `write "Cel" for °C, "%RH" for relative humidity, "Pa", "V", "kg", …`}
	}
	if known := likelyUnit(s); known != "" {
		return fault{"is not a SenML unit", `write "` + known + `"`}
	}
	return fault{}
}

// unitWords maps what units are called elsewhere.
var unitWords = map[string]string{
	"degc": "Cel", "celsius": "Cel", "fahrenheit": "degF", "kelvin": "K",
	"mbar": "hPa", "percent": `%" or "%RH`, "rh": "%RH", "ohms": "Ohm", "volt": "V", "ampere": "A", "amps": "A", "watt": "W",
	"rpm": "1/min", "lux": "lx", "kmh": "km/h", "kph": "km/h", "sec": "s", "liter": "l", "litre": "l",
}

// likelyUnit names the unit of the list that an unknown one stands for; "" when
// it is known, or may be one of the user's own. Case alone tells MHz from mHz,
// bytes from bits, and tons from tesla, so that those are left as they are.
func likelyUnit(s string) string {
	known := chain.Units()
	if slices.Contains(known, s) {
		return ""
	}
	if word := unitWords[strings.ToLower(s)]; word != "" {
		return word
	}
	for _, k := range known {
		prefix := (s[0]|0x20) == 'm' && s[0] != k[0]
		if len(s) > 1 && strings.EqualFold(s, k) && !prefix && !strings.ContainsAny(k, "Bb") {
			return k
		}
	}
	return ""
}

// checkOutputUnit is checkUnit for a unit that must be named.
func checkOutputUnit(s string) fault {
	if s == "" {
		return fault{"is empty", "name a SenML unit, or delete the line"}
	}
	return checkUnit(s)
}

// checkPath holds a file name to a full path, because nobody knows the
// directory in which a service runs. Empty is none.
func checkPath(s string) fault {
	switch {
	case s == "":
		return fault{}
	case !path.IsAbs(s):
		return fault{"is not a full path", "begin it with /"}
	}
	return checkPrintable(s)
}

// checkDir is checkPath for a directory that must be named.
func checkDir(s string) fault {
	if s == "" {
		return fault{"is empty", "name a directory"}
	}
	return checkPath(s)
}

// checkDevice is checkPath for a device node.
func checkDevice(s string) fault {
	switch {
	case s == "":
		return fault{"is empty", "name a device, as in /dev/i2c-1 or /dev/ttyAMA0"}
	case !path.IsAbs(s):
		return fault{"is not a full path", "write /dev/" + toml.Shorten(s)}
	}
	return checkPrintable(s)
}

// checkHostPort wants "host:port".
func checkHostPort(s string) fault {
	host, port, err := net.SplitHostPort(s)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || perr != nil || n == 0 {
		return fault{"is not host:port", "write 192.168.1.20:502, or [fd00::20]:502; Modbus TCP listens on port 502"}
	}
	return checkPrintable(s)
}

// checkStream holds the stream's name to what a key "<stream>:{<shard>}:<lane>"
// can carry without moving its hash tag.
func checkStream(s string) fault {
	switch {
	case s == "":
		return fault{"is empty", "give the streams a name"}
	case strings.ContainsAny(s, "{} \t"):
		return fault{"may not hold spaces or braces", "braces mark the shard in a key"}
	case len(s) > maxName:
		return fault{"is longer than " + strconv.Itoa(maxName) + " characters", "choose a shorter name"}
	}
	return checkPrintable(s)
}

func checkRedisURL(s string) fault {
	if _, err := ParseRedisURL(s); err != nil {
		return fault{err.Error(), ""}
	}
	return checkPrintable(s)
}

// checkListen holds an address to "", "host:port" or "unix:/path".
func checkListen(s string) fault {
	if s == "" {
		return fault{}
	}
	if p, isUnix := strings.CutPrefix(s, "unix:"); isUnix {
		return checkDir(p)
	}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fault{"is not host:port", "write 127.0.0.1:9155, unix:/path/to/socket, or nothing for off"}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fault{"has no port from 1 to 65535", "write 127.0.0.1:9155"}
	}
	return checkPrintable(s)
}

// checkMode holds a serial mode to what the ports can do.
func checkMode(s string) fault {
	if _, err := serial.ParseMode(s); err != nil {
		return fault{strings.TrimPrefix(err.Error(), "mode "+strconv.Quote(s)+": "), ""}
	}
	return fault{}
}
