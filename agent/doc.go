// Package agent puts telhub together: buses, sensors, pipeline, uplink, store
// and the local face, from a configuration.
//
// New builds everything and touches no device. Run starts it and ends it in
// order (agent.go). What the goroutines are and who owns them stands in the
// packages: pipeline owns buses, ring and workers; uplink owns the lanes.
//
//	agent.go    New, Run, the ordered shutdown
//	build.go    configuration → schema, plans of buses and streams
//	buses.go    I2C adapters and serial ports that may come later
//	spool.go    the store, and what the last run left
//	budget.go   worst-case memory, flash a day, autonomy
//	source.go   what /api/status, /api/sensors and /health answer
//	trouble.go  what is wrong, in plain words
//	metrics.go  what /metrics shows
//	events.go   what is logged
//
// It is the only package that logs.
package agent
