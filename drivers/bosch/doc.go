// Package bosch is what the drivers of Bosch's barometers share: access to
// registers whose errors name the device and the step, and who is who by the
// register of the identity.
//
// A Registers belongs to the driver that holds it, and so to the goroutine that
// owns the bus. It allocates nothing, on error paths neither. This package
// imports drivers and periph's I2C interface, nothing else of this module.
package bosch
