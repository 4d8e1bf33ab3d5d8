// Package doctor looks at everything an agent depends on and says what is
// wrong and what to do about it: configuration, user and devices, buses, Redis,
// store, clock, system, and the agent that may be running.
//
// It owns nothing and starts no goroutine. Run makes one pass over the checks,
// each a small method of exam that adds findings; a check that cannot tell says
// so as a warning and never guesses. Nothing is changed: no lane is opened, no
// serial port, no file is written. The one transaction on a bus is the read of
// a byte from a configured address, and only while no agent holds the bus.
//
// All of /sys, /proc, /dev, /etc and /run is read below Options.Root. What only
// the kernel itself can tell (adjtimex, statfs, access rights of this process)
// is asked where the root is "/", and of the paths that exist there.
//
// It imports what the agent imports, and the agent for its costs; only
// agent/cmd/telhub and agent/scan, which asks Devices, import it.
package doctor
