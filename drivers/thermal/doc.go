// Package thermal reads the kernel's thermal zones: the temperatures by which
// it throttles the processor and runs the fans, under /sys/class/thermal
// (Documentation/driver-api/thermal/sysfs-api.rst).
//
// A zone is known by its type, never by its number. Where several zones have
// one type, "type@device" tells them apart: "acpitz@LNXTHERM:01". Without any
// choice it is the zone of the processor, as Order finds it: boards call it
// cpu-thermal, soc_thermal, imx_thermal_zone, x86_pkg_temp and more.
//
// Values are in Cel; the kernel's unit is m°C. A zone that is disabled or has
// no valid temperature is bad: the kernel says EAGAIN or EINVAL, or -274000,
// its mark for "invalid", which lies below absolute zero.
//
// A Sensor belongs to the goroutine that asks it. Nothing allocates after New,
// on error paths neither. The package starts no goroutine and imports drivers
// and drivers/sysfs only.
package thermal
