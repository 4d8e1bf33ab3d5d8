package thermal

import "github.com/telhub/telhub/drivers/sysfs"

// processor are the types of zones that measure the processor, the best
// first; a type that begins like one of them counts, too. It is never changed.
var processor = [...]string{
	"cpu-thermal", "cpu_thermal", "soc-thermal", "soc_thermal", // Raspberry Pi, Rockchip, Allwinner, i.MX8
	"package-thermal", "x86_pkg_temp", "imx_thermal_zone", // RK3588, Intel, i.MX6
	"main0-thermal", "mcu-thermal", "bigcore0-thermal", // TI K3, Rockchip
	"cpu", "CPU", "soc", "SoC", "acpitz", // CPU-therm of Tegra, cpu0-thermal; a PC's
}

// Order is the place of the zone that the walk is at among those that may
// measure the processor: the lowest is it. Zones of equal types come in the
// order of their numbers, so that the choice does not depend on the kernel's
// hash.
func Order(at *sysfs.Class) int {
	const zones = 1 << 16
	n, _, _ := sysfs.Uint(at.Entry[min(len(stem), len(at.Entry)):])
	return rank(at.Value)*zones + int(min(n, zones-1))
}

// rank tells how surely a zone of this type measures the processor.
func rank(kind []byte) int {
	for i, known := range processor {
		if len(kind) >= len(known) && string(kind[:len(known)]) == known {
			return i
		}
	}
	return len(processor)
}

// Walk begins a walk over the zones below root.
func Walk(c *sysfs.Class, root string) error { return c.Walk(root, class, stem, "type") }
