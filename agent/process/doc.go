// Package process turns samples as they come from sensors into those that are
// sent: it runs each channel's chain of steps, computes derived channels and
// aggregates, holds back what has not changed, and raises alarms.
//
// An Engine is a pure state machine. It takes samples in the order of their
// arrival and the time as an argument, allocates everything in New, and is
// used by one goroutine: the pipeline's dispatcher. The order of samples is
// therefore the order of evaluation, and a run can be repeated exactly.
package process
