// Package chain holds the steps through which one channel's values go, in the
// order in which the configuration writes them: offset, scale, calibration,
// unit conversion, limits, filters, rounding.
//
// A Chain is a pure state machine: it takes values and their stamps and owns
// all of its state, which Compile allocates. One goroutine uses it. Time is
// CLOCK_BOOTTIME only; wall time plays no part.
//
// It imports the vocabulary of drivers and nothing else of ours.
package chain
