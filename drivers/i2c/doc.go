// Package i2c is telhub's own transport to a Linux I2C adapter, /dev/i2c-N.
// A *Bus satisfies periph.io's i2c.Bus, so drivers written against periph run
// on it unchanged.
//
// What it adds to a plain ioctl: requests that cannot be broken by a moving
// goroutine stack, errors by which a missing chip, a stuck bus and a vanished
// adapter can be told apart, a bounded time per transaction, the SMBus
// fallback for adapters that cannot do plain I2C, and no allocation after
// Open, on error paths neither.
//
// One goroutine owns a Bus and makes all calls, Close and Reopen included; a
// Bus has no lock. It starts no goroutine. A transaction blocks the calling
// goroutine and one OS thread for at most about the adapter's timeout.
//
// The kernel interface is documented in the kernel tree under
// Documentation/i2c (dev-interface, smbus-protocol, functionality and
// fault-codes) and defined by linux/i2c.h and linux/i2c-dev.h.
package i2c
