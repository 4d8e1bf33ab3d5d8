// Package drivers holds the vocabulary that every sensor driver speaks:
// Sample, Reading, Output, the two kinds of sensor (Sensor is asked, Stream
// speaks by itself) and the sentinel errors by which a caller tells a missing
// chip from a stuck bus.
//
// It does no I/O, starts no goroutine and imports nothing of this module.
// Each engine (bmx280, profile, nmea, line, …) is a folder below it; the
// package catalog is the only one that imports them all.
package drivers
