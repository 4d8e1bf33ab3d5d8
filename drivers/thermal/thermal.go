package thermal

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// class is where the kernel lists the zones, and stem what their names begin
// with; the class has cooling devices, too.
const class, stem = "/sys/class/thermal", "thermal_zone"

// absoluteZero in m°C. The kernel marks an invalid temperature by -274000
// (THERMAL_TEMP_INVALID of include/linux/thermal.h).
const absoluteZero = -273150

// Options say which zones.
type Options struct {
	Root    string   // where /sys is; "" is /
	Zones   []string // types; the outputs are called like them, a single one "temperature"
	Outputs []Output // zones under names of the user's
	Only    []string // outputs that somebody wants; nil is all
}

// Output is a zone under a name of the user's.
type Output struct {
	Name       string
	Key        string  // the zone's type; "" = Name
	Unit       string  // "" or "Cel"
	Resolution float64 // 0 = 0.001
}

// Sensor is some zones of one machine. It satisfies drivers.Sensor.
type Sensor struct {
	root    string
	zones   []zone
	outputs []drivers.Output
	files   []sysfs.File

	walk sysfs.Class
	err  sysfs.Error
	buf  [64]byte
}

// zone is how an output is read.
type zone struct {
	kind, device string // kind "" is the processor's
	step         string // for errors
	file         *sysfs.File
	wanted       bool
	found, rank  int // while Init looks for it
}

var _ drivers.Sensor = (*Sensor)(nil)

// New makes the sensor. It opens nothing.
func New(o Options) (*Sensor, error) {
	s := &Sensor{root: o.Root}
	s.err.Subject = "thermal"
	for _, text := range o.Zones {
		name := sysfs.Name(text)
		if len(o.Zones) == 1 && len(o.Outputs) == 0 {
			name = "temperature"
		}
		if err := s.add("zones", Output{Name: name, Key: text}); err != nil {
			return nil, err
		}
	}
	for _, out := range o.Outputs {
		if out.Key == "" {
			out.Key = out.Name
		}
		if err := s.add("out", out); err != nil {
			return nil, err
		}
	}
	if len(s.zones) == 0 {
		s.zones = []zone{{step: "read temperature"}}
		s.outputs = []drivers.Output{{Name: "temperature", Unit: "Cel", Resolution: 0.001}}
	}
	s.files = make([]sysfs.File, len(s.zones))
	for i := range s.zones {
		s.zones[i].file = &s.files[i]
		s.zones[i].wanted = o.Only == nil || slices.Contains(o.Only, s.outputs[i].Name)
	}
	sysfs.Own(s, s.files)
	return s, nil
}

func (s *Sensor) add(option string, out Output) error {
	kind, device, _ := strings.Cut(out.Key, "@")
	switch {
	case kind == "" || strings.ContainsAny(out.Key, "/\n"):
		return fmt.Errorf("thermal: %s: %q is no zone; want the text of its file type, as in cpu-thermal; cat /sys/class/thermal/thermal_zone*/type lists them", option, out.Key)
	case !sysfs.ValidName(out.Name):
		return fmt.Errorf("thermal: %s: %q is no name for an output; give it one in out, as in out = { cpu = { key = %q } }", option, out.Name, out.Key)
	case out.Unit != "" && out.Unit != "Cel":
		return fmt.Errorf("thermal: %s: %s is in \"Cel\" and not in %q; convert it below [sensor.%s] with unit = %q", option, out.Name, out.Unit, out.Name, out.Unit)
	case len(s.zones) == drivers.MaxOutputs:
		return fmt.Errorf("thermal: %s: more than %d outputs; make two sensors of it", option, drivers.MaxOutputs)
	case slices.ContainsFunc(s.outputs, func(o drivers.Output) bool { return o.Name == out.Name }):
		return fmt.Errorf("thermal: %s: there are two outputs called %s; give one another name in out", option, out.Name)
	}
	if out.Resolution == 0 {
		out.Resolution = 0.001
	}
	s.zones = append(s.zones, zone{kind: kind, device: device, step: "read " + out.Key})
	s.outputs = append(s.outputs, drivers.Output{Name: out.Name, Unit: "Cel", Resolution: out.Resolution})
	return nil
}

// Outputs implements drivers.Sensor.
func (s *Sensor) Outputs() []drivers.Output { return s.outputs }

// Init implements drivers.Sensor: it finds the zones and opens their files.
func (s *Sensor) Init() error {
	for i := range s.zones {
		s.zones[i].file.Close()
		s.zones[i].found, s.zones[i].rank = 0, math.MaxInt
	}
	s.err.There.Reset()
	if err := Walk(&s.walk, s.root); err != nil {
		return s.err.Set("find", sysfs.Sentinel(err), "there is no "+class+"; this kernel shows no thermal zones")
	}
	for s.walk.Next() {
		s.err.There.Add(s.walk.Value, s.walk.Device)
		for i := range s.zones {
			if z := &s.zones[i]; z.wanted {
				z.offer(&s.walk)
			}
		}
	}
	for i := range s.zones {
		z := &s.zones[i]
		switch {
		case !z.wanted || z.found == 1 && z.file.IsOpen():
		case z.found > 1:
			return s.err.Set(z.step, drivers.ErrIdentity, "several zones have this type; write type@device with what stands in brackets, where the kernel shows it: ")
		default:
			return s.err.Set(z.step, drivers.ErrUnplugged, "no such zone, or it has no temp; the kernel has "+s.none())
		}
	}
	return nil
}

// none is what stands for an empty list.
func (s *Sensor) none() string {
	if s.err.There.Empty() {
		return "none"
	}
	return ""
}

// offer lets z take the zone that the walk is at, if it is z's.
func (z *zone) offer(at *sysfs.Class) {
	if z.kind == "" {
		if r := Order(at); r < z.rank {
			z.rank, z.found = r, 1
			z.take(at)
		}
		return
	}
	if at.Is(z.kind, z.device) {
		z.take(at)
		z.found++
	}
}

func (z *zone) take(at *sysfs.Class) {
	n := at.Path.Len()
	_ = z.file.Open(at.Path.Add("/temp")) // Init looks whether it is open
	at.Path.Cut(n)
}

// Read implements drivers.Sensor.
func (s *Sensor) Read(dst *drivers.Reading) (time.Duration, error) {
	for i := range s.zones {
		z := &s.zones[i]
		if !z.wanted {
			continue
		}
		m, err := z.file.Int(s.buf[:])
		switch {
		case err == nil && m >= absoluteZero:
			dst.Set(i, float64(m)/1000)
		case err == nil || sysfs.Sentinel(err) == drivers.ErrInvalid:
			dst.SetBad(i)
		default:
			return 0, s.err.Fail(z.step, err)
		}
	}
	return 0, nil
}
