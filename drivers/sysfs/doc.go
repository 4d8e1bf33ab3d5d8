// Package sysfs reads the small text files of /sys and /proc in which the
// kernel tells what it measures. The engines hwmon, thermal, w1 and system
// stand on it.
//
// A File is held open and read with pread at offset 0, which makes the kernel
// measure or format anew each time (Documentation/filesystems/sysfs.rst);
// opening, reading, listing a directory and following a link allocate nothing,
// on error paths neither. Numbers are parsed by hand.
//
// Everything belongs to the one goroutine that asks the sensor. There is no
// Close for a sensor: Own has the files closed when their owner is collected.
// The package starts no goroutine and imports package drivers only, for the
// sentinels that errors of the kernel are translated to.
package sysfs
