// Package gpio counts edges and reads levels of GPIO lines through the
// kernel's character device: S0 outputs of meters, flow meters, rain gauges,
// anemometers, contacts (include/uapi/linux/gpio.h, version 2 of its
// interface, since Linux 5.10).
//
// A line is asked, it does not send by itself: the kernel sees every edge in
// its interrupt, numbers it (line_seqno), stamps it (CLOCK_MONOTONIC) and keeps
// the latest of them in a buffer. Read takes what is there. Nothing has to
// wake up at each edge, and since the number of the last edge is the count,
// the count is exact even when the buffer was too small for all the edges
// between two readings: the kernel discards the oldest and goes on counting.
// The output lost says how many edges were counted so, without their times
// being known. What no number can tell are edges that the interrupt itself
// missed: pulses shorter than the interrupt's latency, some tens of
// microseconds on a board at work.
//
// Outputs, of which the key only of a sensor chooses: count, edges since the
// agent's start; frequency and period, by the kernel's stamps, over the edges
// between two readings; level, as it is now, 1 for active; lost. The frequency
// goes down as 1/t while no edge comes, and is 0 after Options.Timeout; the
// period has no value then.
//
// Bouncing contacts are debounced by the kernel, which tries the chip's
// hardware and else does it by its timers. Where a chip takes a period for its
// hardware that it cannot keep (EINVAL), the package asks for both edges and
// does it by their stamps: a level counts when it has lasted for the period.
// An edge that the buffer lost may then be missing in count; lost tells.
//
// A Sensor belongs to the goroutine that asks it. Nothing allocates after New,
// on error paths neither. The package starts no goroutine and imports drivers
// and drivers/sysfs only; the kernel's structures are go-gpiocdev's.
package gpio
