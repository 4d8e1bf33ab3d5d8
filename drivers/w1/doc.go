// Package w1 reads thermometers on a 1-Wire bus through the kernel's driver
// w1_therm (Documentation/w1/slaves/w1_therm.rst): DS18B20, DS18S20, DS1822,
// DS1825, DS28EA00, GX20MH01 and the thermocouple interface MAX31850.
//
// A device is known by its ROM number, "28-0316a2795dff", which is laser-cut
// and the same on every bus; without one it is the only thermometer there is.
// A read starts a conversion and lasts as long as that: 94, 188, 375 or 750 ms
// for 9, 10, 11 or 12 bits (DS18B20 data sheet, table 2). The agent gives each
// sensor a goroutine of its own, which waits in the kernel.
//
// What is refused:
//
//   - A scratchpad whose checksum does not match: the first line of w1_slave
//     has to end with YES. drivers.ErrCRC, and it is read again.
//   - Nine zeros, which a line shorted to ground reads, and whose checksum is
//     right: drivers.ErrBus.
//   - 85 °C, what the chip holds after power-on (DS18B20 data sheet, "Operation
//     — measuring temperature"): with a scratchpad whose byte 6 is 0x0C no
//     conversion took place, and it is bad. Else it is bad where it comes out
//     of nothing, as the first value after Init or more than 2 K from the
//     reading before; a second reading of 85 °C confirms it.
//   - -127 °C, by which other programs mean "no answer", and what lies outside
//     the chip's range: -55 to 125 °C, -270 to 1820 °C for a MAX31850.
//   - A MAX31850 that reports an open or shorted thermocouple (its data sheet,
//     scratchpad byte 0, bit 0).
//
// The kernel cuts the chip's sixteenths to whole m°C (62.5 → 62); the value is
// the sixty-fourth next to that, which is exact for every chip of the list.
//
// A Sensor belongs to the goroutine that asks it. Nothing allocates after New,
// on error paths neither. The package starts no goroutine and imports drivers
// and drivers/sysfs only.
package w1
