// Package bmx280 drives Bosch's BME280 (temperature, pressure, humidity) and
// BMP280 (temperature, pressure) over I2C. It implements drivers.Sensor.
//
// Section numbers in this package are those of the BME280 data sheet,
// BST-BME280-DS002 revision 1.6, unless BMP280 stands before them: that is
// BST-BMP280-DS001 revision 1.14.
//
// A Dev belongs to the goroutine that owns its bus, needs no lock and, after
// New, allocates nothing: scratch buffers and errors live in the struct. An
// error wraps what the bus returned and is valid until the next call.
//
// # Which formula feeds the reading
//
// The data sheet gives its compensation twice, in integers and in doubles;
// compensate.go has both and the tests hold them against each other. Readings
// come from the integers. Their results lie on a fixed grid (0.01 Cel,
// 1/256 Pa, 1/1024 %RH), which is what Output.Resolution promises and what
// packs well, and they are the same to the last bit on every processor, which
// doubles are not: some of Go's targets fuse a multiplication and an addition.
// The double formula is the check, not a second path.
//
// # A chip that lost its supply
//
// After a brown-out the chip answers as before, but it has forgotten its
// settings and holds its reset values, 0x80000 and 0x8000, which compensate to
// plausible numbers: common calibrations put 0x80000 near 23 Cel and 0x8000 near
// 70 %RH. So every Read checks the control registers, of which at least one
// always differs from its reset value, and a mismatch gives ErrInvalid: call
// Init again. The reset value in one quantity alone proves
// nothing, since it is also a legal result, so the data registers count as
// "not measured" only when all measured quantities hold it at once.
//
// This package imports drivers, drivers/bosch and periph's I2C interface,
// nothing else of this module.
package bmx280
