// Package profile turns descriptions of devices into programs: register maps
// in TOML, compiled at start into flat lists of operations. The devices that
// telhub ships (package profiles) and those that users describe in their own
// configuration are written in the same language.
//
// Compile checks a profile completely and reports every problem at once.
// Program is the immutable result. For kind "i2c", Device is one chip on a bus
// and satisfies drivers.Sensor; the devices of the other kinds are in the
// packages modbus and framed. All share Decoder, which makes values of bytes. A Device belongs to
// the goroutine that owns its bus. After New nothing allocates, on error paths
// neither. The package starts no goroutine and imports periph's bus interface
// and packages drivers and crc only.
//
// # The language
//
//	[profile.tmp117]
//	kind      = "i2c"                    # required
//	title     = "TI TMP117 thermometer"  # title, doc, datasheet: for people
//	addr      = [0x48, 0x49]             # 7-bit addresses, the default first
//	time      = "140ms"                  # conversion time, see below
//	stretches = false                    # true: the chip stretches the clock
//	max_speed = 400_000                  # fastest bus clock in Hz that the chip bears
//	const.shunt = 0.1                    # numbers that a sensor's options may replace
//
// Wake. What a chip that sleeps is sent before its identity is looked at; the
// same steps as in init, and `nack` is of use here:
//
//	wake = [{ write = [0x00], nack = "ignore" }, { wait = "1ms" }]
//
// Identity. One table or several, all of which must hold. `equals` may list
// several values, `differs` is its opposite. Without either, a valid checksum
// is the proof.
//
//	identify = { reg = 0x0F, mask = 0x0FFF, equals = 0x0117 }
//	identify = { write = [0x89], wait = "1ms", bytes = 6, crc = "sensirion" }
//
// The compared number is unsigned and big-endian, as wide as `bytes` say (or
// as mask and values need, when there is no `bytes`), unless `at` with `type`
// or `bit` and `width` say otherwise.
//
// Init runs after the identity was verified, and again after failures. It may
// write, wait and poll:
//
//	init = [[0x01, 0x02, 0x20], { wait = "10ms" }]
//
// Read is the program of one measurement. The bytes of its read steps are laid
// end to end, checksums included; `at` in an output counts from there.
//
//	{ reg = 0x00, bytes = 2 }              write a register number, repeated start, read
//	{ write = [0xE0, 0x00], bytes = 3 }    the same with any bytes
//	{ reg = 0x00, bytes = 2, stop = true } with a stop between write and read
//	{ reg = 0x00, bytes = 2, stop = "3ms" } and a pause after the stop, up to 20 ms
//	{ write = [0xFD] }                     only write
//	{ write = [0x00], nack = "ignore" }    only write; the chip need not acknowledge, it wakes up
//	{ bytes = 6, crc = "sensirion" }       only read, checksum verified
//	{ wait = "10ms" }                      the bus serves others meanwhile, from 2 ms up
//	{ poll = { reg = 0x00, mask = 0x80, equals = 0x80, timeout = "50ms", every = "5ms" } }
//
// Checksums: "sensirion" (CRC-8 0x31, start 0xFF, after each two bytes; after
// all of them with crc_over = "frame"), "sht2x" (the same from 0x00, at the end), "smbus-pec" (CRC-8 0x07 over address
// bytes and data), "modbus" (CRC-16, low byte first), "sum8" and "xor8", each
// at the end of the step.
//
// Outputs. Each has its own table; they are numbered in the order of their names.
//
//	out.temperature = { at = 0, type = "i16be", scale = 0.0078125, unit = "Cel", invalid = [0x8000] }
//
//	at, type        first byte and form: u8 i8, u16 i16 u24 i24 u32 i32 u64 i64 f32 f64 with be or le.
//	                A field passes over the checksums of words.
//	at, bit, width  instead of type: width bits (1 to 32) from bit `bit` on, counted
//	                from the most significant bit of byte `at`; signed = true for two's complement,
//	                signed = "magnitude" where the highest bit is the sign of the rest
//	mask, shift     the number as read is masked, then shifted right (signed: arithmetically)
//	exponent        { at, bit, width }, up to 5 bits: the number is multiplied by 2 to their power
//	when            { at, type or width, mask, equals or differs }, or a list of such: unless all
//	                hold of the bytes that were read, the value is bad
//	invalid         numbers as read, before mask and shift, that mean "not measured"
//	scale, offset   value = number × scale + offset. A scale or offset may be text with
//	                constants: "0.00001 / shunt". Only * and / between numbers and constants.
//	map             instead of scale: [[number, value], [number, value]], a straight line
//	from            instead of at: another output's value; that output has its own at
//	times           the value is multiplied by that output's value
//	clamp           [low, high]: values outside are moved to the bound
//	valid           [low, high]: values outside are marked bad
//	round           the value is rounded to a multiple of this, which becomes its resolution
//	unit            SenML (RFC 8428, RFC 8798): "Cel", "%RH", "Pa", "V"; "" for a bare number
//
// An invalid or non-finite value is marked bad, and so is what refers to it.
//
// `time` is how long the chip needs for a measurement. A sensor's period must
// not be shorter, and the first Read after an Init that wrote something waits
// that long, so that it does not fetch what was measured before.
//
// # Modbus
//
//	[profile.eastron-sdm120]
//	kind          = "modbus"
//	mode          = "2400 8N1"    # as the maker sets it; a bus may say otherwise
//	unit_id       = 1             # likewise
//	order         = "abcd"        # of a number's bytes, see below
//	max_registers = 80            # in one request; 125 without the key
//	max_gap       = 8             # unwanted registers read along to save a request; 8 without the key
//	time          = "1s"          # shortest sensible period
//	identify      = { holding = 0x0000, type = "u16", equals = 0x0203 }
//
//	out.voltage = { input = 0, type = "f32", unit = "V" }
//
// An output says where it stands: input, holding, discrete or coil, with the
// address that stands in the request (0 for what manuals number 30001, 40001,
// 10001 or 1). Registers have a type: u16 i16 u32 i32 u64 i64 f32 f64; bits
// have none. A number of several registers comes in the order abcd (high word
// first, high byte first), cdab (low word first), badc (the bytes of each word
// swapped) or dcba; an output's own order goes before the profile's. mask,
// shift, invalid, scale, offset, map, from, times, clamp, valid, round, unit
// and const are those of chips. Nothing is ever written.
//
//	out.power = { holding = 40083, type = "i16", scale_from = { holding = 40084, type = "i16" }, unit = "W" }
//
// scale_from is the register with the power of ten, -10 to 10, that the number
// is multiplied by. Both are read in one request if they are near each other.
//
// # Framed
//
//	[profile.pms5003]
//	kind     = "framed"
//	mode     = "9600 8N1"
//	header   = [0x42, 0x4D]                            # what each telegram begins with
//	length   = 32                                      # bytes of the whole telegram, or the field that tells it:
//	length   = { at = 2, type = "u16be", add = 4, max = 40 }   # field × unit + add, at most max
//	tail     = [0xAB]                                  # what it ends with
//	checksum = { type = "sum16be", from = 0, at = -2 } # over the bytes from … at-1; at behind them, negative from the end
//	match    = { at = 4, equals = 0x1C }               # telegrams of other kinds are passed over
//	stuffing = { flag = 0x7E, escape = 0x7D, xor = 0x20 }  # flags delimit, bytes are escaped; these are the defaults
//	poll     = [0xFF, 0x01, 0x86, 0, 0, 0, 0, 0, 0x79] # what it is asked with; without it the device sends by itself
//	init     = [[0x01, 0x02], { wait = "100ms" }]      # with poll: sent first, answers are not looked at
//
//	out.pm2_5 = { at = 12, type = "u16be", unit = "ug/m3" }
//
// Outputs count from the telegram's first byte, header included, stuffing
// removed, and take exponent and when as chips do. Without at a checksum stands at the end, before the tail. Its types:
// sum8, sum8-inverse (of which the complement is sent), sum8-zero (sum and
// checksum make 0), xor8, crc8 (0x07), crc8-nrsc5 (0x31 from 0xFF), crc8-maxim,
// and with be or le: sum16, crc16-modbus, crc16-arc, crc16-x25, crc16-kermit,
// crc16-ccitt (0x1021 from 0xFFFF), crc16-xmodem.
package profile
