// Package hwmon reads chips that a driver of the kernel watches already:
// voltages, currents, powers, temperatures, humidities and fans under
// /sys/class/hwmon (Documentation/hwmon/sysfs-interface.rst).
//
// A chip is found by its name, never by the number of its directory, which
// changes from boot to boot. Where two chips have one name, Options.Device
// tells them apart: the last part of the device's path, "1-0048" for the chip
// at address 0x48 of /dev/i2c-1. Init looks for it, so that a chip that has
// gone is found again wherever it comes back.
//
// What is measured is declared, or known for chips that boards often have
// (chips.go): outputs do not depend on the machine that reads the
// configuration. A key names the kernel's file:
//
//	temp1           temp1_input, and so in0, curr1, power1, energy1, humidity1, fan1, freq1
//	temp1_max       another file of that channel with the same unit
//	in0_lcrit_alarm a flag: 0 or 1
//	pwm1            the duty cycle of a fan
//	temp:Tctl       the temperature whose label (temp1_label) is Tctl
//
// Values are in SenML's units: m°C → Cel, mV → V, mA → A, µW → W, µJ → J,
// milli-percent → %RH, revolutions a minute → 1/min, Hz, pwm of 255 → %. A
// channel that reports a fault (temp1_fault) is bad, and so is one of which
// the driver has no valid value (ENODATA, EAGAIN, EINVAL).
//
// A Sensor belongs to the goroutine that asks it. Nothing allocates after New,
// on error paths neither. The package starts no goroutine and imports drivers
// and drivers/sysfs only.
package hwmon
