// Package link is the master of a half-duplex byte line: one request, one
// answer, then silence. Modbus and polled binary telegrams stand on it, over a
// serial port or a TCP connection alike.
//
// A Link belongs to the goroutine that owns its bus. Exchange allocates
// nothing, on error paths neither. The package starts no goroutine and imports
// package drivers only.
//
// Field rules that it keeps (Modbus over Serial Line V1.02, section 2.5, and
// what adapters do to it):
//
//   - What lies in the input is thrown away before each request, so that a late
//     answer is not taken for the next one.
//   - A pause (Gap) separates the end of one exchange from the next request.
//   - Adapters that hear themselves (Echo) have their own bytes taken out.
//   - An answer is framed by what it says of its own length. Pauses within it
//     mean nothing until Quiet: USB adapters deliver in lumps of up to 16 ms.
package link
