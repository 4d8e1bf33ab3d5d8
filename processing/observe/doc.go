// Package observe shows what a ttp process does: metrics ttp_* for Prometheus,
// health and status on local HTTP, and OpenTelemetry spans.
//
// Metrics implements the worker pool's observer. Changing a metric is a few
// atomic operations on series that were resolved in New, so that it costs a
// task nothing to be counted. What lies in Redis is asked for by a Watch, at
// most once a second however many scrape, with a deadline.
//
// Tracer is off, and costs nothing, unless an endpoint is configured. A task
// that carries a traceparent continues that trace; of one that does not, the
// trace's ID is derived from the sample's correlation ID, so that everything
// that became of a sample stands in one trace.
//
// Server owns its listener and the connections' goroutines; Watch.Run and
// Tracer own one each. All end with the context that they were given.
package observe
