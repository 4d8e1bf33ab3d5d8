package config

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const templateHead = `# The configuration of telhub.
#
# Lines that begin with "# " explain. Lines that begin with # alone are keys with
# their defaults, or examples: delete the # to use them. "telhub check" says what
# is wrong with this file. Environment variables go before it:
# TELEMETRY_QUEUE_CAPACITY sets queue.capacity.

`

// templateTail shows what has no default: buses, sensors, indicators, profiles.
const templateTail = `
# Buses: I2C buses have a path, serial ports a port. Prefer the links under
# /dev/serial/by-id: ttyUSB0 may be ttyUSB1 after the next replug.
#[bus.i2c1]
#path = "/dev/i2c-1"

#[bus.gps]
#port = "/dev/serial/by-id/usb-u-blox_AG_u-blox_GNSS_receiver-if00"
#mode = "9600 8N1"

# Sensors, each with a name, the engine or profile that reads it ("use"), its
# bus, and how often it is read.
#[[sensor]]
#name = "greenhouse"
#use = "bme280"
#bus = "i2c1"
#addr = 0x76
#every = "10s"

# What is done to an output stands in a table of its own, below its sensor. Steps
# are carried out in the order written. docs/configuration_reference.md lists
# them all, with filters, functions and units.
#[sensor.temperature]
#offset = -0.4
#valid = [-40, 85]
#filter = ["median 5", "mean 1m"]
#send = { change = 0.1, every = "5m" }
#alarm = { high = 35, clear = 33, for = "2m", drive = "lamp" }
#[sensor.pressure]
#unit = "hPa"
#aggregate = { window = "10m", of = ["mean", "min", "max"] }
#[sensor.dewpoint]
#value = "dewpoint(temperature, humidity)"
#unit = "Cel"

#[[sensor]]
#name = "outside"
#use = "my-tmp117"
#bus = "i2c1"
#addr = 0x48
#only = ["temperature"]
#priority = "high"

#[[sensor]]
#name = "position"
#use = "nmea"
#bus = "gps"
#every = "1s"

# Indicators are lights or lines that are on while an alarm is raised.
#[indicator.lamp]
#gpio = "gpiochip0/17"

# Profiles describe a chip that telhub does not know. They may also stand in files of their own,
# telhub.d/*.toml beside this one; "telhub profiles" lists those that there are.
#[profile.my-tmp117]
#kind = "i2c"
#identify = { reg = 0x0F, mask = 0x0FFF, equals = 0x0117 }
#init = [[0x01, 0x02, 0x20]]
#read = [{ reg = 0x00, bytes = 2 }]
#out.temperature = { at = 0, type = "i16be", scale = 0.0078125, unit = "Cel", invalid = [0x8000] }
`

// Init writes a configuration to begin with: every key with its meaning and
// its default, all commented out, and examples of buses, sensors, outputs,
// an indicator and a profile. Load accepts it as it is, and also with all that uncommented.
func Init(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString(templateHead)
	section := ""
	for i := range rootKeys {
		k := &rootKeys[i]
		in, name := splitPath(k.Path)
		if in != section {
			fmt.Fprintf(b, "\n#[%s]\n", in)
			section = in
		}
		wrap(b, k.describe())
		fmt.Fprintf(b, "#%s = %s\n", name, k.defaultTOML())
	}
	fmt.Fprintf(b, "\n# Levels of single parts of the agent: %s.\n#[log.components]\n#uplink = \"debug\"\n", strings.Join(components, ", "))
	b.WriteString(templateTail)
	return b.Flush()
}

// describe gives the key's doc with what values it takes.
func (k *Key) describe() string {
	s := k.Doc
	if r := k.span(); r != "" {
		s += " " + r + "."
	}
	if k.Default == "" && k.Type == Text {
		s += " Example: " + k.Example + "."
	}
	return s
}

// span says which values are allowed, or "" when the type says it all.
func (k *Key) span() string {
	switch {
	case len(k.Allowed) > 0:
		return "One of " + strings.Join(k.Allowed, ", ")
	case k.Min != "" && k.Max != "":
		return "From " + k.Min + " to " + k.Max
	case k.Min != "":
		return "At least " + k.Min
	case k.Max != "":
		return "At most " + k.Max
	}
	return ""
}

// defaultTOML gives the default as the file would hold it. The device's is
// the host name, which an example stands for.
func (k *Key) defaultTOML() string {
	switch {
	case k.Default == "" && k.check != nil && !k.check("").ok():
		return k.Example
	case k.Type == Int || k.Type == Float || k.Type == Bool:
		return k.Default
	}
	return strconv.Quote(k.Default)
}

// wrap writes text as comment lines of at most some 88 characters.
func wrap(w io.Writer, text string) {
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 88 {
			fmt.Fprintln(w, line)
			line = "#"
		}
		line += " " + word
	}
	fmt.Fprintln(w, line)
}
