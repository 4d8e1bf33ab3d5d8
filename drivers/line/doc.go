// Package line decodes the text lines that Arduinos, ESP boards, scales and
// many instruments print: comma-separated columns, key=value pairs, a JSON
// object a line, or a template written like the line itself. It is a pure
// state machine (drivers.Stream): bytes and their arrival in, readings out; no
// I/O, no goroutine, no clock, and nothing is allocated after New. It imports
// only the packages drivers and ascii.
//
// # Lines
//
// CR, LF or both end a line; empty lines are passed over; Stamp is the arrival
// of the line's first byte. A line counts whole or not at all: if one value
// that belongs to an output is not a number, or the line does not have the
// declared form, it is counted as corrupt and none of it is used. So is a line
// longer than Options.MaxLine, or with control characters in it.
//
// After New and Reset the port may have been opened in the middle of a line,
// whose rest can look like a whole one ("3.5,40" of "23.5,40"). That line is
// dropped without being counted, unless it is known to be whole: because Idle
// told of a pause before its first byte, or because its form says so (a JSON
// object; a template that begins with text).
//
// # Values
//
// Decimal numbers with optional sign and exponent are rounded correctly to
// float64. true and on are 1, false and off 0. nan, inf, ovf (what an Arduino
// prints for an overflow), null, none and n/a mean that the device could not
// measure: the output is marked bad. An empty value is no value.
//
// # Formats
//
// csv: Options.Columns names the columns in order, "-" passes one over; a line
// with another number of columns is corrupt. Values may stand in double
// quotes. With Options.Header, a line that names every output's key sets the
// order; the device prints it when it starts. A line that repeats the
// column names is passed over in any case.
//
// kv: pairs such as "T=23.4 H=40" or "temp: 23.4, hum: 40". Words without
// = or : are passed over; a line without any pair is corrupt.
//
// json: one object a line. Members of inner objects are reached by a dotted
// key, "bme.temp"; arrays are checked but not read. Numbers in strings count.
// Keys are compared as they stand, escapes are not resolved. The last of
// equal keys wins.
//
// template: "W={weight:f} T={temp:f}". {name:f} is a decimal number, {name:d}
// an integer, {name:x} a hexadecimal one, {name} means {name:f}; {*} or
// {:skip} passes over everything up to the text that follows it, at its first
// occurrence. Blanks match any run of blanks, blanks before a number are
// allowed, {{ and }} are braces. The template must match the whole line.
//
// Keys that no output has are passed over and counted in Stats.Unknown.
package line
