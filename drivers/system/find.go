package system

import (
	"math"

	"github.com/telhub/telhub/drivers/thermal"
)

// findZone opens the thermal zone of the type that the user named, or the
// processor's.
func findZone(s *Sensor, c *source) bool {
	if thermal.Walk(&s.walk, s.root) != nil {
		return false
	}
	best := math.MaxInt
	for s.walk.Next() {
		order := thermal.Order(&s.walk)
		if order >= best || s.zone != "" && !s.walk.Is(s.zone, "") {
			continue
		}
		if c.file.Open(s.walk.Path.Add("/temp")) == nil {
			best = order
		}
	}
	return c.file.IsOpen()
}

// findVoltage opens the alarm of the Raspberry Pi's supply (Linux
// Documentation/hwmon/raspberrypi-hwmon.rst).
func findVoltage(s *Sensor, c *source) bool {
	if s.walk.Walk(s.root, "/sys/class/hwmon", "hwmon", "name") != nil {
		return false
	}
	for s.walk.Next() {
		if s.walk.Is("rpi_volt", "") {
			_ = c.file.Open(s.walk.Path.Add("/in0_lcrit_alarm")) // whether it is open is what counts
			s.walk.Close()
		}
	}
	return c.file.IsOpen()
}

func findLife(s *Sensor, c *source) bool  { return s.findMMC(c, "/device/life_time") }
func findSpare(s *Sensor, c *source) bool { return s.findMMC(c, "/device/pre_eol_info") }

// findMMC opens a file of the first eMMC that has it. SD cards have none.
func (s *Sensor) findMMC(c *source, file string) bool {
	const most = 8 // the kernel numbers them from 0, slots without a card included
	for i := range most {
		if c.file.Open(s.path.Root(s.root).Add("/sys/block/mmcblk").AddInt(i).Add(file)) == nil {
			return true
		}
	}
	return false
}

// findThrottled opens the file of the Raspberry Pi's firmware driver, whose
// device is called soc:firmware on most kernels.
func findThrottled(s *Sensor, c *source) bool {
	if c.file.Open(s.path.Root(s.root).Add("/sys/devices/platform/soc/soc:firmware/get_throttled")) == nil {
		return true
	}
	const drivers = "/sys/bus/platform/drivers/raspberrypi-firmware"
	if s.list.Open(s.path.Root(s.root).Add(drivers)) != nil {
		return false
	}
	defer s.list.Close()
	for name := s.list.Next(); name != nil; name = s.list.Next() {
		if c.file.Open(s.path.Root(s.root).Add(drivers).Add("/").AddBytes(name).Add("/get_throttled")) == nil {
			return true
		}
	}
	return false
}
