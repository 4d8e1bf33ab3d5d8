// Package profiles holds the chips and meters that telhub knows without being told,
// as TOML files in the language that users write (package profile). A file
// may be copied into a configuration and changed there.
//
// It starts no goroutine and does no I/O: the files are part of the binary and
// are compiled when they are asked for.
package profiles
