// Package localhttp is what the HTTP servers of telhub and ttp have in common: a
// listener with a bound of connections, limits on what clients may take, headers
// and a guard against DNS rebinding, and answers in JSON, errors as problem
// documents (RFC 9457). What is served is others' business.
//
// A Server has one goroutine of its own for the length of Run, and those of
// net/http, which end with it.
package localhttp
