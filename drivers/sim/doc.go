// Package sim is simulated hardware, register by register and byte by byte:
// chips on an I2C bus, serial devices on real pseudo-terminals, and a Board that
// has some of each. Tests and the demo use it; the device's program does not.
//
// A chip is told what the world is like (degrees, pascals, volts) and encodes
// its registers from that by its data sheet, independently of the driver that
// decodes them: physical truth in, physical truth out. To keep both sides
// independent, this package imports drivers for its errors and nothing else of
// this module, and no engine imports it outside its tests.
//
// What a chip does takes its real time: a chip that is asked too early is busy,
// and registers hold their power-on values until the first conversion ends.
// Time comes from the bus's clock (I2CBus.SetClock), so that tests can own it.
//
// Faults are switched on while everything runs: I2CBus.Inject and InjectAt for
// a bus and a chip, Talker.SetFault and PTY.Unplug for a serial port.
//
// Physical values, faults and plugs may be set from any goroutine. The only
// goroutines are those that the caller starts with a Run method; each ends with
// its context.
package sim
