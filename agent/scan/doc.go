// Package scan looks for sensors: chips on I2C buses, serial ports and what
// speaks on them, Modbus devices, and what the kernel already reads. It gives a
// Report, and the Report is a configuration that `telhub check` accepts.
//
// Nothing is changed, as far as that can be known of chips nobody has named:
//
//   - An I2C address is probed by the read of a byte, never by an empty write,
//     which upsets EEPROMs and clocks. Addresses that a driver of the kernel
//     owns are left alone.
//   - Then the identities of the profiles with that address are asked: first those
//     that write the number of a register and read; only if none of them tells for
//     sure, those that send commands. Nothing is written where port expanders
//     take every byte for their pins, and no commands where EEPROMs keep them.
//   - A bus that an agent holds is left to it. A serial port is opened only if
//     that is asked for: opening resets many a device. So is Modbus, which sends
//     requests that other devices on the line may misunderstand.
//
// Every part of the configuration is parsed by package config before it is
// printed; what that refuses is printed as a comment with the reason.
//
// Run belongs to its caller's goroutine and starts none. All of /sys, /proc and
// /dev is read below Options.Root. The package imports agent (how buses are
// opened), agent/doctor (who may open and who holds devices), board and drivers;
// only agent/cmd/telhub imports it.
package scan
