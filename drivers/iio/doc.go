// Package iio reads what drivers of the kernel's Industrial I/O subsystem
// measure: ADCs, accelerometers and gyroscopes, magnetometers, pressure,
// humidity, light, gas (Documentation/ABI/testing/sysfs-bus-iio).
//
// A device is found by its name, never by its number, which changes from boot
// to boot. Where two devices have one name, Options.Device tells them apart: by
// what they are part of ("1-0076" at address 0x76 of /dev/i2c-1, "spi0.0"), by
// the label that a device tree gives them, or by "iio:device0".
//
// Outputs are declared by the channels' names: "temp" for in_temp_raw,
// "voltage0", "accel_x", and "voltage0-voltage1" under a name of its own. They
// do not depend on the machine that reads the configuration. A raw value
// becomes (raw + offset) · scale; offset and scale are looked for as files of
// the channel, then of its type, then of the device. Units are SenML's: the
// ABI's mV, mA, mW, m°C, milli-percent and kPa become V, A, W, Cel, %RH and Pa,
// Gauss T, nF F. Angular velocity (rad/s) and intensities are bare numbers.
//
// # Asked
//
// Sensor reads a file for each channel, held open: in_temp_input where the
// driver has a finished value, else in_temp_raw. Each read makes the chip
// measure, so this is for some tens of values a second at most.
//
// # Buffered
//
// Buffered has the kernel fill a buffer by a trigger or the chip's own FIFO and
// reads scans, one value of each channel, from /dev/iio:deviceN. Reopen sets
// everything up: elements, clock, trigger, frequency, length, watermark; then
// it reads how elements are stored (scan_elements/*_type) and enables the
// buffer. Close disables it and writes back what was there before. A scan is
// one reading; its stamp is the kernel's, taken at the interrupt, on
// CLOCK_BOOTTIME where the kernel offers that for the device (since 4.5), else
// converted to it from the clock in use.
//
// When nobody reads for longer than the buffer holds, the kernel drops scans
// and says nothing. They are counted nevertheless: where a stamp is later than
// the frequency of sampling allows, the scans in the hole are counted as
// corrupt units (Counts), once four further stamps have shown that the first
// was not merely late. Without a frequency, as with a trigger by hand, nothing
// is counted.
//
// A device belongs to the goroutine that reads it. Nothing allocates in Read,
// Feed and Idle, on error paths neither; Reopen may. The package starts no
// goroutine and imports drivers and drivers/sysfs only.
package iio
