// Package system reads the board's own health from /proc and /sys: load,
// processor, memory, disks, network, temperature, and where the board reports
// it undervoltage and the wear of its eMMC.
//
// The outputs follow from the options alone. What a board does not have stays
// without value; where somebody asked for it by name (Options.Only) it is bad.
// Nothing of it keeps the others from being read: the sensor fails only when
// it has nothing at all. What appears later, as a module that is loaded, an
// interface or a mount, is found then.
//
// cpu_usage is the part of the time, since the reading before, that the
// processors were neither idle nor waiting for I/O (proc_stat(5)). The first
// reading after Init waits a quarter of a second for it.
//
// A disk is measured where a file system is mounted; a path on which none is
// would tell the figures of the disk below, and is bad. Reading asks the file
// system (statfs), which a network file system without its server delays.
//
// Units are SenML's. Numbers are the kernel's own: /proc/loadavg, /proc/stat,
// /proc/meminfo, /proc/uptime (Documentation/filesystems/proc.rst), statfs(2),
// cpufreq's kHz, thermal's m°C, eMMC registers (JEDEC JESD84-B51, 7.4.80 to 82).
//
// A Sensor belongs to the goroutine that asks it. Nothing allocates after New,
// on error paths neither. The package starts no goroutine and imports drivers,
// drivers/sysfs and drivers/thermal only.
package system
