// Package bench measures ttp beside asynq and beside what Redis itself can do,
// for `ttp bench`. docs/performance_benchmarks.md tells the method.
//
// Every run has a redis-server of its own (or a database that was empty), every
// task has a number, and every run ends with an audit: no number is missing,
// none was executed twice, none took effect twice. The subjects take turns
// within a round, since the speed of a shared machine moves between rounds more
// than the subjects differ; ratios are therefore taken within a round.
//
// In an open loop the moments at which tasks are to be sent are fixed
// beforehand, and times count from these: a system that makes its senders wait
// does not look better for it.
//
// The goroutine that calls Main owns everything. Nothing here runs unless asked for.
package bench
