// Package process turns samples as they come from sensors into those that are
// sent: it runs each channel's chain of steps, computes derived channels and
// aggregates, holds back what has not changed, and raises alarms.
//
// An Engine is a pure state machine. It takes samples in the order of their
// arrival and the time as an argument, allocates everything in New, and is
// used by one goroutine: the pipeline's dispatcher. The order of samples is
// therefore the order of evaluation, and a run can be repeated exactly. Only
// copies of alarm states and counters, and the counts, are for others.
//
// # A value's way
//
//  1. Its chain of steps passes it, holds it back, or finds it invalid: then
//     the channel's status becomes bad. The first valid value after any status
//     but ok is preceded by status ok.
//  2. Windows that it is beyond are closed, each result taking the same way on
//     its own channel; then the value is counted in.
//  3. The channel's alarm judges it.
//  4. The deadband decides whether it is sent. A value that changes the alarm
//     is sent in any case, directly before the event.
//  5. When its reading is complete, derived channels are evaluated (derive.go).
//
// So windows, alarms and derived channels see processed values before the
// deadband.
//
// # Statuses
//
// A channel has one status, which its source, its chain and, for a derived
// channel, its inputs set; it is sent when it changes, also of a channel whose
// values are never sent. A source's status other than ok is a gap: chains and
// expressions start anew as they define it, a pending alarm too, and the next
// value is sent whatever the deadband says. A derived channel takes on the
// worst status of its inputs at once, and is ok again with its next value.
// Aggregates carry on: a window with at least one valid value has a result.
//
// # Time
//
// All instants are nanoseconds of CLOCK_BOOTTIME; wall time plays no part. What
// has its moment without a sample (a window's end, silence, the end of a
// reading) happens in Advance, which Next asks for.
package process
