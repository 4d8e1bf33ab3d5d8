// Package flash weighs what a power cut may cost against what flash may be
// written in a day (spool.max_loss against spool.flash_budget).
//
//	governor.go  how long commits may wait, by a bucket of bytes
//	meter.go     what telhub's own writes come to at the block layer
//	device.go    sectors written to the device under a path
//	life.go      how worn eMMC says it is
//
// A bbolt commit costs some 20 kB of flash however few samples are in it, so
// the time between two commits decides what an outage costs a card. Governor
// and Meter are pure state machines that take the time (nanoseconds of
// CLOCK_BOOTTIME) and totals as arguments. The package starts no goroutine and
// imports nothing of ours.
package flash
