// Package modbus is the master of Modbus devices that a profile describes:
// registers, discrete inputs and coils over a serial line (RTU) or TCP.
//
// A Device reads the outputs that somebody wants with the fewest requests
// (profile.Decoder.Plan) and decodes them. It never writes. It belongs to the
// goroutine that owns its line, which all devices of a bus share, and allocates
// nothing after New, on error paths neither.
//
// What is wrong on a line is told apart, so that each is counted by its kind:
//
//	drivers.ErrTimeout   nobody answered
//	drivers.ErrShort     an answer that is cut off
//	drivers.ErrCRC       an answer of which a byte changed
//	drivers.ErrNACK      a gateway could not reach the device (exceptions 10, 11)
//	drivers.ErrNotReady  the device is busy (exceptions 5, 6)
//	drivers.ErrInvalid   the device refuses: it has no such register (exceptions 1 to 4)
//
// An answer counts only if device, function and length are those of the
// request and, on a serial line, the checksum is right; over TCP, if the
// transaction is the request's. Others' late answers are passed over.
//
// An RTU answer does not repeat what was asked. One that comes too late is told
// from the next of the same form as long as it comes within three timeouts of
// its request, or in its turn: see align. Two answers that cannot be told apart
// are never chosen between; the reading is drivers.ErrNotReady meanwhile.
//
// Sources: MODBUS Application Protocol Specification V1.1b3; MODBUS over Serial
// Line Specification and Implementation Guide V1.02; MODBUS Messaging on TCP/IP
// Implementation Guide V1.0b.
package modbus
