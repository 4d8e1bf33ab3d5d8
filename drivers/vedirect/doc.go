// Package vedirect decodes the text that Victron's chargers, battery monitors,
// inverters and converters send on their VE.Direct port once a second ("VE.Direct
// Protocol", revision 3.33, text mode). It is a pure state machine
// (drivers.Stream): bytes and their arrival in, readings out; no I/O, no
// goroutine, no clock, and nothing is allocated after New. It imports only the
// packages drivers and ascii.
//
// # Blocks
//
// A block is a run of fields, each CR LF, label, TAB, value, and ends with the
// field Checksum, whose one byte makes the sum of all bytes of the block 0
// modulo 256. A block is a reading; battery monitors send their fields in two
// blocks, the second with the history. A block counts whole or not at all.
//
// The checksum lets one damaged block of 256 pass. So a block is corrupt as well
// if anything in it is not of the form above, if a label comes twice (two
// blocks whose border was lost), if a damaged HEX frame stands in it, or if the
// line was silent within it. A sum of
// eight bits cannot do more: give outputs that matter a range, valid = […].
//
// What was received since New, Reset or an abandoned block up to the next
// Checksum is not counted: the port was opened in the middle of a block.
//
// Stamp is the arrival of the block's first byte.
//
// # HEX frames
//
// A frame of the HEX protocol (:, hexadecimal digits, LF) may stand between any
// two bytes of a block but before the checksum's own. It is taken out, and its
// checksum (the command's digit and the bytes give 0x55 modulo 256) is counted
// in Stats.Frames and Stats.BadFrames. Its values are not used.
//
// # Values
//
// Values are converted to SenML's primary units: mV to V, mAh to C, 0.01 kWh to
// J, ‰ to a ratio or %EL, minutes to s; by exact decimal arithmetic with one rounding. "---"
// means that the device cannot tell: the output is left out, and marked bad
// if it had a value before. A value that the field cannot have marks it bad. A time to go of -1 is infinite and left out. ON
// and OFF are 1 and 0.
//
// Options.Device says which outputs there are: those of one kind of device, or
// of all.
package vedirect
