// Package frame defines what travels from the workers to Redis: the Frame, a
// sealed run of samples with its identity, and the codecs that turn samples
// into bytes and back (compact, SenML, gap records). docs/wire.md specifies
// the formats for readers in other languages.
//
// A frame's payload is compact bytes from the moment it is sealed: the store
// keeps them as they are, the compact wire format sends them as they are, and
// SenML is rendered from them on the way out.
//
// The package does no I/O and starts no goroutine. It imports drivers only.
package frame
