// Package chain holds the steps through which one channel's values go, in the
// order in which the configuration writes them: offset, scale, calibration,
// unit conversion, limits, filters, rounding.
//
// A Chain is a pure state machine: it takes values and their stamps and owns
// all of its state, which Compile allocates. One goroutine uses it. Time is
// CLOCK_BOOTTIME only; wall time plays no part.
//
// Stamps may repeat, and a driver's own stamps may go back a little. A window
// of time is (t-w, t] with t the newest stamp, whatever the order of arrival;
// a stamp that goes back by the whole window or more starts it afresh.
//
// It imports the vocabulary of drivers, and spell for its error texts.
package chain
