// Package sml decodes the Smart Message Language that German electricity
// meters push through their optical interface (SML 1.04,
// BSI TR-03109-1 annex IV). It is a pure state machine
// (drivers.Stream): bytes and their arrival in, readings out; no I/O, no
// goroutine, no clock, and nothing is allocated after New. It imports only the
// packages drivers, obis and crc.
//
// # Transport
//
// A file is 1B1B1B1B 01010101, the messages, 0 to 3 bytes of 00 that fill it
// up to a multiple of four, and 1B1B1B1B 1A with the number of those bytes and
// the CRC of all before it (SML 1.04, chapter 8, transport protocol version
// 1). 1B1B1B1B within the messages is sent twice. The start sequence always
// begins anew. Where bytes before an end sequence are 1B themselves, the first
// 1B are data: the sequence is the last four.
//
// The CRC is CRC-16/X-25, low byte first. Holley's meters (DTZ541) compute
// CRC-16/KERMIT and send its high byte first. After a file that is right by
// one of them, files are held to that one until the port is opened again. A
// file counts whole or not at all. The checksums of single messages are not
// compared: they add nothing to that, and some meters get them wrong.
//
// Stamp is the arrival of the file's first byte.
//
// # Messages
//
// The value list of SML_GetList.Res (tag 0x0701) is read, each entry by its
// OBIS code; other messages are passed over. Elements are skipped by their own
// type and length, so that optional and nested ones of any shape do no harm:
// the DTZ541, for one, sends times without the list around them. What is not
// well-formed makes the file corrupt even if its CRC is right. Zeros between
// and behind messages are passed over, however many the end sequence counts.
//
// # Values
//
// An entry's integer, signed or not, of 1 to 8 bytes, times ten to its scaler,
// converted from its DLMS unit (IEC 62056-6-2, enumeration of units) to
// SenML's primary one: Wh to J. An entry whose unit measures something else
// than its output is left out.
//
// DZG's DVS74 meters of some years send positive power as a signed integer of
// too few bytes, so that 328.05 W reads as -327.31 W, and negative power
// always in four bytes or more. Their serial numbers are known; their
// integers of up to three bytes are read as unsigned.
//
// meter_seconds and meter_time are the meter's own time of the list: seconds
// of operation, or seconds since 1970 where the meter knows the date.
//
// With Options.Server, only lists of that meter are read.
package sml
