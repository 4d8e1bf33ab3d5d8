// Package bmp180 drives Bosch's BMP180, and the BMP085 that came before it
// (temperature, pressure), over I2C. It implements drivers.Sensor.
//
// Section numbers in this package are those of the BMP180 data sheet,
// BST-BMP180-DS000 revision 2.5.
//
// The chip measures temperature and pressure one after the other, and only
// when asked; a Read therefore waits twice. Its formula is one of integers
// (figure 4), with results in steps of 0.1 Cel and 1 Pa.
//
// It has no settings that a brown-out could take away. One in the middle of a
// measurement leaves the reset values in control and data registers, which
// gives ErrInvalid instead of the plausible number that they compensate to.
//
// A Dev belongs to the goroutine that owns its bus, needs no lock and, after
// New, allocates nothing: scratch buffers and errors live in the struct. An
// error wraps what the bus returned and is valid until the next call.
//
// This package imports drivers, drivers/bosch and periph's I2C interface,
// nothing else of this module.
package bmp180
