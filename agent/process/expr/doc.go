// Package expr compiles the small expressions of derived channels, such as
// dewpoint(temperature, humidity) or integral(power), into programs that
// evaluate without allocating.
//
// A Program owns its state (integrals, totals); one goroutine uses it. Errors
// carry the position of what is wrong and a cure. It imports nothing of ours.
package expr
