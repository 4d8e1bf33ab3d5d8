package scan

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/drivers/sysfs"
)

// kernel lists what drivers of the kernel read already.
func (s *scanner) kernel() {
	if _, ok := catalog.Lookup("system", nil); ok {
		s.add(Kernel{Use: "system", Name: "the board's own health"})
	}
	s.thermal()
	s.hwmon()
	s.iio()
	s.w1()
	s.gpio()
}

func (s *scanner) add(k Kernel) { s.report.Kernel = append(s.report.Kernel, k) }

// text reads a small file; "" if it cannot be read.
func (s *scanner) text(path string) string {
	b, err := os.ReadFile(s.path(path))
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\n\x00")
}

// entries lists a directory's entries that begin with stem, in the order of
// the numbers behind it.
func (s *scanner) entries(dir, stem string) (names []string) {
	list, _ := os.ReadDir(s.path(dir)) // an absent class has no entries
	for _, e := range list {
		if strings.HasPrefix(e.Name(), stem) {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, natural)
	return names
}

// natural orders temp2 before temp10.
func natural(a, b string) int {
	cut := func(s string) (string, int) {
		stem := strings.TrimRight(s, "0123456789")
		n, _ := strconv.Atoi(s[len(stem):])
		return stem, n
	}
	sa, na := cut(a)
	sb, nb := cut(b)
	if sa != sb {
		return strings.Compare(sa, sb)
	}
	return na - nb
}

// leadsTo is the last part of a link, "" without one.
func (s *scanner) leadsTo(path string) string {
	to, err := os.Readlink(s.path(path))
	if err != nil {
		return ""
	}
	return filepath.Base(to)
}

// fits reports whether an engine of the catalogue takes these options.
func (s *scanner) fits(use string, o catalog.Options) bool {
	e, ok := catalog.Lookup(use, nil)
	if !ok {
		return false
	}
	_, err := catalog.Check(catalog.Spec{Name: use, Engine: e, Options: o, Root: s.o.Root})
	return err == nil
}

func quoted(list []string) string {
	q := make([]string, len(list))
	for i, v := range list {
		q[i] = strconv.Quote(v)
	}
	return "[" + strings.Join(q, ", ") + "]"
}

// thermal lists the zones: one sensor for all of them.
func (s *scanner) thermal() {
	var zones []string
	for _, z := range s.entries("/sys/class/thermal", "thermal_zone") {
		if kind := s.text("/sys/class/thermal/" + z + "/type"); kind != "" {
			zones = append(zones, kind)
		}
	}
	if len(zones) == 0 {
		return
	}
	k := Kernel{Use: "thermal", Name: strings.Join(zones, ", ")}
	one := slices.DeleteFunc(slices.Clone(zones), func(z string) bool { return count(zones, z) > 1 })
	if len(one) > 1 && s.fits("thermal", catalog.Options{"zones": one}) {
		k.Options = []string{"zones = " + quoted(one)}
	}
	s.add(k)
}

func count(list []string, v string) (n int) {
	for _, e := range list {
		if e == v {
			n++
		}
	}
	return n
}

// hwmon lists the chips, but for the thermal zones that the kernel shows as
// chips a second time.
func (s *scanner) hwmon() {
	const class = "/sys/class/hwmon/"
	all := s.entries(class, "hwmon")
	var names []string
	for _, h := range all {
		names = append(names, s.text(class+h+"/name"))
	}
	for i, h := range all {
		device := s.leadsTo(class + h + "/device")
		if names[i] == "" || strings.HasPrefix(device, "thermal_zone") {
			continue
		}
		k := Kernel{Use: "hwmon", Name: names[i], Device: device, Options: []string{"chip = " + strconv.Quote(names[i])}}
		if count(names, names[i]) > 1 {
			k.Options = append(k.Options, "device = "+strconv.Quote(device))
		}
		if !s.fits("hwmon", catalog.Options{"chip": names[i]}) {
			inputs := s.inputs(class+h, names[i])
			if len(inputs) == 0 {
				k.Note = "it has nothing to read"
			}
			k.Options = append(k.Options, "inputs = "+quoted(inputs))
		}
		s.add(k)
	}
}

// inputs lists the channels of a chip that telhub does not know.
func (s *scanner) inputs(dir, chip string) (inputs []string) {
	list, _ := os.ReadDir(s.path(dir))
	for _, e := range list {
		if stem, ok := strings.CutSuffix(e.Name(), "_input"); ok && s.fits("hwmon", catalog.Options{"chip": chip, "inputs": []string{stem}}) {
			inputs = append(inputs, stem)
		}
	}
	slices.SortFunc(inputs, natural)
	return inputs[:min(len(inputs), 32)]
}

// iio lists the devices of Industrial I/O.
func (s *scanner) iio() {
	const class = "/sys/bus/iio/devices/"
	all := s.entries(class, "iio:device")
	var names []string
	for _, d := range all {
		names = append(names, s.text(class+d+"/name"))
	}
	for i, d := range all {
		if names[i] == "" {
			continue
		}
		k := Kernel{Use: "iio", Name: names[i], Device: s.partOf(class + d), Options: []string{"chip = " + strconv.Quote(names[i])}}
		if count(names, names[i]) > 1 {
			k.Options = append(k.Options, "device = "+strconv.Quote(k.Device))
		}
		channels := s.channels(class+d, names[i])
		if len(channels) == 0 {
			k.Note = "it has no channel to read"
		}
		k.Options = append(k.Options, "channels = "+quoted(channels))
		s.add(k)
	}
}

// partOf is what an iio device hangs on: "1-0076".
func (s *scanner) partOf(path string) string {
	real, err := filepath.EvalSymlinks(s.path(path))
	if err != nil {
		return ""
	}
	return filepath.Base(filepath.Dir(real))
}

// channels lists a device's channels that an output can be named after.
func (s *scanner) channels(dir, chip string) (channels []string) {
	list, _ := os.ReadDir(s.path(dir))
	for _, e := range list {
		name, ok := strings.CutPrefix(e.Name(), "in_")
		bare := strings.TrimSuffix(strings.TrimSuffix(name, "_raw"), "_input")
		if !ok || bare == name || slices.Contains(channels, bare) || !sysfs.ValidName(bare) {
			continue
		}
		if s.fits("iio", catalog.Options{"chip": chip, "channels": []string{bare}}) {
			channels = append(channels, bare)
		}
	}
	slices.SortFunc(channels, natural)
	return channels[:min(len(channels), 32)]
}

// thermometers are the families of 1-Wire devices that w1_therm reads
// (Documentation/w1/slaves/w1_therm.rst).
func thermometers() []string { return []string{"10", "22", "28", "3b", "42"} }

// w1 lists what hangs on 1-Wire buses.
func (s *scanner) w1() {
	for _, d := range s.entries("/sys/bus/w1/devices", "") {
		family, number, _ := strings.Cut(d, "-")
		if len(family) != 2 || len(number) != 12 {
			continue // the bus's master
		}
		k := Kernel{Use: "w1", Name: d, Options: []string{"id = " + strconv.Quote(d)}}
		if !slices.Contains(thermometers(), family) {
			k.Note = fmt.Sprintf("family %s is no thermometer that telhub reads", family)
		}
		s.add(k)
	}
}

// gpio lists the chips with lines.
func (s *scanner) gpio() {
	for _, d := range s.entries("/sys/bus/gpio/devices", "gpiochip") {
		k := Kernel{Use: "gpio", Name: d, Note: "each line that counts or tells something is a sensor of its own"}
		for _, legacy := range s.entries("/sys/class/gpio", "gpiochip") {
			dir := "/sys/class/gpio/" + legacy
			if s.leadsTo(dir+"/device") != d {
				continue
			}
			k.Device = s.text(dir + "/label")
			if n := s.text(dir + "/ngpio"); n != "" {
				k.Note = n + " lines; " + k.Note
			}
		}
		s.add(k)
	}
}
