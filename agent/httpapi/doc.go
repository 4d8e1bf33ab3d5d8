// Package httpapi is the agent's face on local HTTP: the status page at /,
// /metrics, /health/live, /health/ready, /health/detailed, /api/status and
// /api/sensors. Everything is read-only: GET and HEAD.
//
// Errors are problem documents (RFC 9457). A listener on a loopback address
// answers only to loopback names, so that a web site that the user visits
// cannot read the agent by pointing its own name there (DNS rebinding).
//
// The data come from a Source, which the agent implements; the structs in
// types.go are the contract of the JSON. Server.Run owns the listener and the
// connections' goroutines, and ends them when its context ends. The package
// imports nothing of this module. It must not import text/template or
// html/template, which keep the linker from dropping unused methods and cost
// the device's binary megabytes.
package httpapi
