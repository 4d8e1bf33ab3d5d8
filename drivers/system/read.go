package system

import (
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// readLoad reads "0.20 0.18 0.12 1/80 11206" (proc_loadavg(5)).
func readLoad(s *Sensor, c *source, dst *drivers.Reading) {
	text, ok := s.text(c)
	var load [3]float64
	for k := 0; ok && k < len(load); k++ {
		load[k], text, ok = decimal(text)
	}
	if !ok {
		s.lackAll(dst, c)
		return
	}
	for k, v := range load {
		s.set(dst, c, k, v)
	}
	word, _ := sysfs.Word(text) // runnable/all
	_, rest, ok := sysfs.Uint(word)
	if ok && len(rest) > 1 && rest[0] == '/' {
		if n, rest, ok := sysfs.Uint(rest[1:]); ok && len(rest) == 0 {
			s.set(dst, c, 3, float64(n))
			return
		}
	}
	s.lack(dst, c, 3)
}

// readProcesses counts the directories of /proc that are numbers.
func readProcesses(s *Sensor, c *source, dst *drivers.Reading) {
	n := 0
	if s.list.Open(s.path.Root(s.root).Add("/proc")) == nil {
		for name := s.list.Next(); name != nil; name = s.list.Next() {
			if _, ok := sysfs.Int(name); ok {
				n++
			}
		}
	}
	if n == 0 {
		s.lackAll(dst, c)
		return
	}
	s.set(dst, c, 0, float64(n))
}

func readUsage(s *Sensor, c *source, dst *drivers.Reading) {
	text, ok := s.text(c)
	t, valid := parseTicks(text)
	if !ok || !valid {
		s.lackAll(dst, c)
		return
	}
	if v, ok := s.usage.next(t); ok {
		s.set(dst, c, 0, v)
	} else if s.wanted[c.first] {
		dst.SetBad(c.first) // no tick has passed yet, or they ran backwards
	}
}

// readMemory reads the lines of /proc/meminfo, which count kB of 1,024 bytes.
func readMemory(s *Sensor, c *source, dst *drivers.Reading) {
	text, ok := s.text(c)
	available, has := kilobytes(text, "MemAvailable:")
	if ok && has {
		s.set(dst, c, 0, float64(available)*1024)
	} else {
		s.lack(dst, c, 0)
	}
	total, has := kilobytes(text, "SwapTotal:")
	free, hasFree := kilobytes(text, "SwapFree:")
	if ok && has && hasFree && free <= total {
		s.set(dst, c, 1, float64(total-free)*1024)
	} else {
		s.lack(dst, c, 1)
	}
}

func readUptime(s *Sensor, c *source, dst *drivers.Reading) {
	text, ok := s.text(c)
	if ok {
		var v float64
		if v, _, ok = decimal(text); ok {
			s.set(dst, c, 0, v)
			return
		}
	}
	s.lackAll(dst, c)
}

// readScaled reads a file with one number.
func readScaled(s *Sensor, c *source, dst *drivers.Reading) {
	if text, ok := s.text(c); ok {
		if n, ok := sysfs.Int(text); ok {
			s.set(dst, c, 0, float64(n)*c.scale)
			return
		}
	}
	s.lackAll(dst, c)
}

// absoluteZero is in m°C; lower values are the kernel's mark for "invalid".
const absoluteZero = -273150

func readTemperature(s *Sensor, c *source, dst *drivers.Reading) {
	text, ok := s.text(c)
	if !ok && !c.file.IsOpen() {
		s.lackAll(dst, c)
		return
	}
	if n, is := sysfs.Int(text); is && n >= absoluteZero {
		s.set(dst, c, 0, float64(n)/1000)
	} else if s.wanted[c.first] { // there is one, and it has no valid value
		dst.SetBad(c.first)
	}
}

// readLife reads "0x01 0x02": the tenth of its life that each type of memory
// is in, 11 for beyond; the higher one counts (JESD84-B51, 7.4.80 and 7.4.81).
func readLife(s *Sensor, c *source, dst *drivers.Reading) {
	text, _ := s.text(c)
	var worst uint64
	for len(text) > 0 {
		var n uint64
		var ok bool
		if n, text, ok = register(text); !ok {
			break
		}
		if n <= 0x0B {
			worst = max(worst, n)
		}
	}
	if worst == 0 { // not defined
		s.lackAll(dst, c)
		return
	}
	s.set(dst, c, 0, float64(worst)*10)
}

// readSpare reads how far the spare blocks are used: 1 normal, 2 80 %, 3 90 %
// (JESD84-B51, 7.4.82).
func readSpare(s *Sensor, c *source, dst *drivers.Reading) {
	text, _ := s.text(c)
	if n, _, ok := register(text); ok && 1 <= n && n <= 3 {
		s.set(dst, c, 0, float64(n))
		return
	}
	s.lackAll(dst, c)
}

// The bits of get_throttled, as Raspberry Pi documents them for vcgencmd: 0
// undervoltage, 1 frequency capped, 2 throttled, 3 soft limit of temperature;
// the same 16 bits higher since the boot.
const (
	throttledNow      = 1<<1 | 1<<2 | 1<<3
	throttledSince    = throttledNow << 16
	undervoltageSince = 1 << 16
)

func readThrottled(s *Sensor, c *source, dst *drivers.Reading) {
	text, _ := s.text(c)
	n, _, ok := register(text)
	if !ok {
		s.lackAll(dst, c)
		return
	}
	for k, bits := range [...]uint64{throttledNow, throttledSince, undervoltageSince} {
		v := 0.0
		if n&bits != 0 {
			v = 1
		}
		s.set(dst, c, k, v)
	}
}

// readDisk gives what df gives: what others than root may still write, and
// what is taken. Blocks are counted in fragments, as glibc's statvfs does it.
func readDisk(s *Sensor, c *source, dst *drivers.Reading) {
	mounted, err := s.path.Root(s.root).Add(c.path).Statfs(&s.fs, &s.above)
	if err != nil || !mounted && c.path != "/" {
		s.lackAll(dst, c)
		return
	}
	size := uint64(s.fs.Frsize) // their types differ by architecture
	if size == 0 {
		size = uint64(s.fs.Bsize)
	}
	s.set(dst, c, 0, float64(s.fs.Bavail*size))
	s.set(dst, c, 1, float64((s.fs.Blocks-s.fs.Bfree)*size))
}
