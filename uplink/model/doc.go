// Package model checks the promise "exactly once, and no silent loss" against
// random histories. It holds tests only.
//
// A history is one run of a board and a server in simulated time: the real
// uplink, the real store and the text of the real append script, joined by a
// network, a disk and a server that misbehave as the history says. Each history
// ends with an audit of the streams alone against what was submitted.
// docs/model_check.md says what is explored, what must hold, and how to replay
// a history that failed.
package model
