// Package p1 decodes the telegrams of smart meters with a P1 customer port:
// DSMR 2.2 to 5 and ESMR (Netherlands), e-MUCS (Belgium), Smarty (Luxembourg,
// encrypted), the Swedish and Hungarian dialects, and meters that push
// IEC 62056-21 mode D telegrams with the same OBIS lines. It is a pure state
// machine (drivers.Stream): bytes and their arrival in, readings out; no I/O,
// no goroutine, no clock, and nothing is allocated after New. It imports only
// the packages drivers, obis, crc and ascii.
//
// # Telegrams
//
// A telegram is /, the meter's identification, lines CODE(VALUE*UNIT), and !
// with the CRC-16/ARC of all bytes from / to !, both included, as up to four
// hexadecimal digits (DSMR P1 Companion Standard 5.0.2, chapter 6). A / always
// begins anew: IEC 62056-21 keeps it out of identifications and values. A
// telegram counts whole or not at all: nothing of it is used until its CRC has
// been compared.
//
// DSMR 2.2 and 3 and the mode D meters send no CRC. A telegram without one is
// used if none ever came with one on this port, if it has none of the lines
// that came together with the CRC (version 1-3:0.2.8, 0-0:96.1.4, date
// 0-0:1.0.0), if every line of it is well-formed, and its ! begins a line.
// Damaged digits remain possible there: the parity of the line ("9600 7E1") is
// all that protects them. Options.RequireCRC refuses such telegrams.
//
// Stamp is the arrival of the telegram's /.
//
// # Values
//
// Values are converted to SenML's primary units by their own unit in the
// telegram, in exact decimal arithmetic with one rounding: kWh and Wh to J, kW
// to W, kvarh to vars, GJ to J. A value whose unit measures something else than
// its output is left out; so is an empty one. One that is no number at all
// marks the output bad.
//
// Lines with several values (logs of failures, monthly peaks) are passed over,
// but the last value of a line with a time and a value counts: 1.6.0, 24.2.1.
//
// # Meters on the M-Bus
//
// 24.1.0 tells the kind of the meter on channel 1 to 9 (EN 13757-3: 3 gas, 6,
// 7, 21, 22 water, 4, 12, 13 heat); its value stands in 24.2.1, 24.2.3 (Belgian
// gas, at its own temperature) or 24.3.0 with the line below it (DSMR 2.2 and
// 3). With the value goes the instant of its capture, gas_time and so on, in
// seconds of UTC since 1970: a gas meter's value is up to an hour old, and is
// repeated in every telegram. Of two meters of a kind that one is read whose
// capture is more than two hours newer, else the one read before, else the
// first: a meter that was exchanged stops moving on its channel.
//
// # Time
//
// The meter tells local time with a letter, S for summer and W for winter
// (YYMMDDhhmmssX). meter_time is that in UTC, by Options.Zone as the winter
// time's offset. Times without letter, of no day in the calendar, or with a
// letter that contradicts the month are left out. With Options.Clock the
// reading carries it as its UTC.
//
// # Encryption
//
// Luxembourg's meters wrap each telegram in a DLMS general-glo-ciphering frame:
// AES-128-GCM with the customer's key, the system title and the frame counter
// as nonce, a tag of 12 bytes. With Options.Key such frames are opened; a wrong
// tag counts as corrupt. What the tag does not cover (the frame's length) can
// only make it fail.
package p1
