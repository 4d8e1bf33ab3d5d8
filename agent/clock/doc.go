// Package clock tells time: CLOCK_BOOTTIME, which never steps and by which all
// samples are stamped, and what is known of wall time, which is only a
// rendering of it: Unix time = stamp + offset.
//
// # Where the offset comes from
//
// In this order, and never a worse source over a better one that is known:
//
//   - ntp: the kernel says that its clock is synchronised (adjtimex), and the
//     date is not before NotBefore.
//   - gnss: a satellite receiver that the program reads itself told three
//     seconds in a row that agree (see gnss.go), in the last ten minutes.
//   - holdover: an offset that ntp or gnss confirmed earlier in this boot; else
//     the kernel's clock as it stands, if plausible; else a clock chip.
//   - unset: none of them.
//
// Once an offset was confirmed, only a confirmed one replaces it: a clock that
// is set by hand, which the kernel marks as not synchronised, changes nothing.
// As long as none ever was, a step forward is followed, a step back is not
// (dates would repeat), except back to an offset that was in force before: the
// undoing of a wrong step. A step to before NotBefore is never followed.
//
// # What a change does to older samples
//
// A correction moves the dates of all samples of this boot. A change that is no
// more than a crystal drifts since the offset was last confirmed is spread over
// that time instead, and a leap second leaves older samples as they are. In the
// second that a leap second inserts, Unix time repeats, as POSIX has it.
//
// NTP slews CLOCK_BOOTTIME and the wall clock alike, so the offset between them
// moves with steps only. It is measured to some 50 µs; less than 2 ms is no
// change, so dates of neighbouring samples never jitter.
//
// # Earlier boots
//
// The Clock keeps a table of the last boots, which its owner saves (Boots,
// Generation) and hands back in Options. By it, frames of an earlier boot are
// dated, and where that boot never learnt the time, bounded (Bounds).
//
// # Concurrency
//
// All methods are safe for concurrent use. Dating, Of, Bounds, Synced and GNSS
// take one mutex briefly and allocate nothing. Nothing runs by itself until
// somebody calls Run, which returns when its context ends; Changed is called
// from Run only. The package imports the vocabulary of uplink/frame only.
package clock
