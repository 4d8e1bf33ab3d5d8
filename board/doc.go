// Package board tells what the machine it runs on has: which board it is, its
// I2C buses and serial ports under the names that people use ("header pins 3
// and 5"), which port the kernel's console talks on, and what to watch out
// for, each with what to do about it.
//
// Detect reads /proc, /sys and /dev once and returns; it opens no device and
// starts no goroutine. What is known of particular boards is one table,
// facts.go: a board that is not in it, or a PC without a device tree, works
// with what the kernel shows.
//
// The package imports nothing of this module.
package board
