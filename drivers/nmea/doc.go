// Package nmea decodes NMEA-0183: GNSS receivers, echo sounders, compasses,
// weather transducers. It is a pure state machine (drivers.Stream): bytes and
// their arrival in, readings out; no I/O, no goroutine, no clock, and nothing
// is allocated after New. It imports only the packages drivers and ascii.
//
// # Sentences
//
// RMC GGA GNS GLL GSA GSV VTG ZDA DBT DPT MTW HDT HDM HDG THS ROT XDR of any
// talker. Others, proprietary ones ($P…) and AIS (!…) are passed over.
//
// A sentence is $, up to 250 characters (the standard's 82 are exceeded by
// many receivers), * and two hex digits. It is complete with the second digit,
// so a lost line end costs nothing. A $ always begins anew. Any byte that is
// not printable ASCII ends the attempt: UBX, RTCM and line noise between
// sentences are passed over in silence.
//
// A wrong checksum, or a right one over fields that are not what the standard
// says, counts as corrupt and nothing of it is used. A sentence without
// checksum is used only while no sentence of its type came with one: old
// instruments never send any, and on modern ones it is a cut-off line.
//
// # Epochs
//
// The sentences of one instant become one reading, each channel once. The
// epoch's instant is the UTC time in RMC, GGA, GNS or GLL (a time without
// fraction matches any of that second); sentences without time join the
// epoch that is open. An epoch ends
//
//   - when a sentence carries another time,
//   - when a sentence of a kind that stands once in an epoch comes again from
//     the same talker (this separates compasses, sounders and receivers that
//     know no time yet, and puts a VTG that leads the burst into its own epoch),
//   - when nothing arrived for EpochGap.
//
// If more of the same instant follows later, a second reading brings only the
// GNSS channels that the first had not, so a fix is never given twice. A clock
// that stands still for longer than five seconds counts as a new instant.
//
// Stamp is the arrival of the first byte of the epoch's first sentence.
//
// # Date and time
//
// UTC is set in the first reading of an instant that has a valid fix and a
// date, from RMC or from a ZDA at most ten seconds away; a fix that is
// estimated, manual or simulated does not count. Years of two digits are 1980
// to 2079. It is the receiver's word: whether it is plausible others judge. On
// a line that a receiver shares with other instruments it is left out where one
// of those opened the epoch more than 50 ms before the receiver spoke.
//
// # Validity
//
// RMC and GLL with status V, GGA with quality 0, and mode N anywhere say "no
// fix", and one such word outweighs the others of its epoch. Such an epoch has
// fix 0, and no position, altitude, speed, course or dilution. Nothing is
// carried over from an earlier epoch. RMC's 13th field (navigational status, V
// on most receivers) is not a verdict on the fix.
//
// # Digits
//
// Positions come as degrees and minutes; they are rounded to seven decimals of
// a degree (11 mm), or to two more than the minutes have where that is finer.
// Since 1/60 of a step is coarser than 1/100, two positions that differ on the
// line differ here too. Speeds get one decimal more than the line's knots. All
// else is the very decimal that was sent.
//
// When a quantity stands in several sentences of an epoch, the most exact
// source wins: the most decimals for the position, RMC before VTG for speed
// and course, GNS before GGA for satellites (many receivers stop at 12 in
// GGA), GGA before the others for the kind of fix.
//
// # Transducers
//
// XDR fills temperature, pressure, humidity, pitch, roll, voltage, current and
// rotation; see the table in xdr.go. The first transducer name heard for an
// output owns it; others, and unknown types, are counted in Stats.Unmapped.
package nmea
