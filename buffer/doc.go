// Package buffer holds the ring between the goroutines that own the buses and
// the pipeline's dispatcher: everything is allocated in New, any number of
// goroutines push, one drains.
//
// Policy: a full ring overwrites its oldest items. Fresh values are worth more
// than old ones, a reader that stalls must not stall a bus, and the loss is
// always a run at the old end, so that one record declares it: Drain returns
// how many items were overwritten since the last Drain together with the first
// and the last of them, and pushed = drained + lost + held at any time.
//
// A wake-up costs more than all the copying, so the consumer is meant to drain
// on a timer; Ready is raised once when the fill reaches a threshold, not per
// item. A mutex suffices at that rhythm: bus goroutines push whole readings.
//
// The package imports nothing of ours.
package buffer
