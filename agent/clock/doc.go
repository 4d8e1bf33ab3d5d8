// Package clock tells time: CLOCK_BOOTTIME, which never steps and by which all
// samples are stamped, and what is known of wall time, which is only a
// rendering of it. It starts no goroutine and imports the vocabulary of
// uplink/frame only.
package clock
