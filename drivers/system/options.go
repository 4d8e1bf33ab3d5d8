package system

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// Options say what to read beside what every board has.
type Options struct {
	Root       string   // where /proc and /sys are; "" is /
	Mounts     []string // mount points whose file systems are measured; nil is "/"
	Interfaces []string // of the network: "eth0"
	Zone       string   // type of the thermal zone of temperature; "" is the processor's
	Throttled  bool     // Raspberry Pi: ask the firmware what it throttles
	Only       []string // outputs that somebody wants; nil is all
}

// New makes the sensor. It opens nothing.
func New(o Options) (*Sensor, error) {
	if o.Mounts == nil {
		o.Mounts = []string{"/"}
	}
	s := &Sensor{root: o.Root, zone: o.Zone, only: o.Only}
	s.err.Subject = "system"
	s.add(source{path: "/proc/loadavg", read: readLoad},
		drivers.Output{Name: "load1", Resolution: 0.01}, drivers.Output{Name: "load5", Resolution: 0.01}, drivers.Output{Name: "load15", Resolution: 0.01},
		drivers.Output{Name: "threads", Unit: "count", Resolution: 1})
	s.add(source{read: readProcesses}, drivers.Output{Name: "processes", Unit: "count", Resolution: 1})
	s.add(source{path: "/proc/stat", read: readUsage}, drivers.Output{Name: "cpu_usage", Unit: "%", Resolution: 0.1})
	s.add(source{path: "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", read: readScaled, scale: 1000},
		drivers.Output{Name: "cpu_frequency", Unit: "Hz", Resolution: 1000})
	s.add(source{find: findZone, read: readTemperature}, drivers.Output{Name: "temperature", Unit: "Cel", Resolution: 0.001})
	s.add(source{path: "/proc/meminfo", read: readMemory},
		drivers.Output{Name: "memory_available", Unit: "B", Resolution: 1024}, drivers.Output{Name: "swap_used", Unit: "B", Resolution: 1024})
	s.add(source{path: "/proc/uptime", read: readUptime}, drivers.Output{Name: "uptime", Unit: "s", Resolution: 0.01})
	s.add(source{find: findVoltage, read: readScaled, scale: 1}, drivers.Output{Name: "undervoltage", Resolution: 1})
	s.add(source{find: findLife, read: readLife}, drivers.Output{Name: "emmc_life_used", Unit: "%", Resolution: 10})
	s.add(source{find: findSpare, read: readSpare}, drivers.Output{Name: "emmc_pre_eol", Resolution: 1})
	if o.Throttled {
		s.add(source{find: findThrottled, read: readThrottled}, drivers.Output{Name: "throttled", Resolution: 1},
			drivers.Output{Name: "throttled_since_boot", Resolution: 1}, drivers.Output{Name: "undervoltage_since_boot", Resolution: 1})
	}
	if err := s.disks(o.Mounts); err != nil {
		return nil, err
	}
	if err := s.networks(o.Interfaces); err != nil {
		return nil, err
	}
	return s, s.finish()
}

func (s *Sensor) disks(mounts []string) error {
	for _, m := range mounts {
		if !strings.HasPrefix(m, "/") || path.Clean(m) != m || len(m) > 255 {
			return fmt.Errorf("system: mounts: %q: want the absolute path of a mount point, as in /data", m)
		}
		prefix := "disk_"
		if name := sysfs.Name(m); name != "" {
			prefix += name + "_"
		}
		s.add(source{path: m, read: readDisk, explicit: true},
			drivers.Output{Name: prefix + "free", Unit: "B", Resolution: 512}, drivers.Output{Name: prefix + "used", Unit: "B", Resolution: 512})
	}
	return nil
}

func (s *Sensor) networks(interfaces []string) error {
	for _, name := range interfaces {
		if name == "" || len(name) > 15 || strings.ContainsAny(name, "/ \n") || name[0] == '.' { // IFNAMSIZ, dev_valid_name
			return fmt.Errorf("system: interfaces: %q: want the name of a network interface, as in eth0; ls /sys/class/net lists them", name)
		}
		for _, way := range []string{"rx", "tx"} {
			s.add(source{path: "/sys/class/net/" + name + "/statistics/" + way + "_bytes", read: readScaled, scale: 1, explicit: true},
				drivers.Output{Name: "network_" + sysfs.Name(name) + "_" + way, Unit: "B", Resolution: 1})
		}
	}
	return nil
}

// add appends a source and its outputs; one of which nobody wants anything is
// left out.
func (s *Sensor) add(c source, outputs ...drivers.Output) {
	c.first, c.n = len(s.outputs), len(outputs)
	s.outputs = append(s.outputs, outputs...)
	used := false
	for _, o := range outputs {
		w := s.only == nil || slices.Contains(s.only, o.Name)
		s.wanted = append(s.wanted, w)
		used = used || w
	}
	if used {
		s.sources = append(s.sources, c)
	}
}

// finish checks the outputs and gives each source its file.
func (s *Sensor) finish() error {
	names := make(map[string]bool)
	for _, o := range s.outputs {
		if names[o.Name] {
			option := "mounts"
			if strings.HasPrefix(o.Name, "network_") {
				option = "interfaces"
			}
			return fmt.Errorf("system: %s: two of them have the output %s; make two sensors of it", option, o.Name)
		}
		names[o.Name] = true
	}
	if len(s.outputs) > drivers.MaxOutputs {
		return fmt.Errorf("system: mounts: with interfaces there are %d outputs, and at most %d are possible; make two sensors of it", len(s.outputs), drivers.MaxOutputs)
	}
	s.files = make([]sysfs.File, len(s.sources))
	for i := range s.sources {
		s.sources[i].file = &s.files[i]
	}
	sysfs.Own(s, s.files)
	return nil
}
