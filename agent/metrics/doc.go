// Package metrics keeps the agent's counters, gauges and histograms and writes
// them in the Prometheus text exposition format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
//
// It is small on purpose: the official client library doubles the size of the
// stripped arm64 binary (8.5 to 17.6 MB), and the lighter ones write no HELP.
// Changing a metric is one or two atomic operations and allocates nothing, so
// the path from sensor to hand-off may do it. Metrics are registered at start;
// a wrong name is a programmer's error and panics there. The output's order
// depends on names alone.
//
// It starts no goroutine and imports nothing of this module.
package metrics
