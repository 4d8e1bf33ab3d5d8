// Package serial opens serial ports and keeps their traps away from drivers:
// every wait ends, a port that vanished says so, and a port that came back
// under another name is found again.
//
// go.bug.st/serial does what it does well: it puts the line into raw mode at
// any baud rate. Bytes then travel over a descriptor of our own, because that
// library's Read reports a timeout as (0, nil), waits with select(2) and so
// panics on a descriptor above 1023, its Write neither times out nor looks
// whether the port is still open, and its Close frees the descriptor's number
// while a Read may still use it. Our descriptor is non-blocking and belongs to
// Go's poller: no thread waits in the kernel for an idle port, deadlines and
// Close wake both directions, and there is no limit on its number.
//
// A Port is made for one goroutine that reads, one that writes and any that
// closes. It starts no goroutine. When to try again after an error is its
// owner's decision; Reopen only does the attempt.
//
// It imports the package drivers for its sentinel errors and nothing else of
// this module. Linux only.
package serial
