// Package bme680 drives Bosch's BME680 (temperature, pressure, humidity, gas
// resistance) over I2C. It implements drivers.Sensor.
//
// Section numbers in this package are those of the BME680 data sheet,
// BST-BME680-DS001 revision 1.7.
//
// The chip measures when asked (forced mode): the three quantities of the
// air, then it heats a metal oxide and measures that one's resistance, which
// falls when there is more of many gases. Bosch's index of air quality comes
// from a closed library and is not computed.
//
// # Which formula feeds the reading
//
// The data sheet gives its compensation in doubles and in integers of 32 bits.
// The integers lose up to 5 Pa on the way; so readings come from the doubles,
// rounded to Output.Resolution. Every product is rounded on its own, so that
// processors that fuse multiplication and addition give the same. The tests
// hold the formula against the integers, against results of others, and
// against one that another program computed exactly.
//
// # The heater
//
// What the heater is set to depends on the temperature of the air, so it is
// set again when that has changed. A gas resistance counts only when the chip
// says that it is valid and that the heater reached its temperature; else it
// is marked bad and the other values count.
//
// # A chip that lost its supply
//
// After a brown-out the chip answers as before, but it has forgotten its
// settings. Every Read compares them before it believes a result, and gives
// ErrInvalid when they are gone: call Init again.
//
// A Dev belongs to the goroutine that owns its bus, needs no lock and, after
// New, allocates nothing: scratch buffers and errors live in the struct. An
// error wraps what the bus returned and is valid until the next call.
//
// This package imports drivers, drivers/bosch and periph's I2C interface,
// nothing else of this module.
package bme680
