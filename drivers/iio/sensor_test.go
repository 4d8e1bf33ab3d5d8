package iio

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
)

const bme = `
	sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0076/iio:device0/name: bme280
	sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0076/iio:device0/in_temp_input: 23450
	sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0076/iio:device0/in_pressure_input: 100.653269531
	sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0076/iio:device0/in_humidityrelative_input: 52342
	sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0076/iio:device0/in_temp_oversampling_ratio: 2
	sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0077/iio:device2/name: bme280
	sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0077/iio:device2/label: outside
	sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0077/iio:device2/in_temp_input: -1250
	sys/bus/iio/devices/iio:device1/name: mcp3208
	sys/bus/iio/devices/iio:device1/in_voltage0_raw: 4095
	sys/bus/iio/devices/iio:device1/in_voltage1_raw: 1
	sys/bus/iio/devices/iio:device1/in_voltage0-voltage1_raw: -100
	sys/bus/iio/devices/iio:device1/in_voltage_scale: 0.805664062
	sys/bus/iio/devices/iio:device1/in_voltage-voltage_scale: 0.5
	sys/bus/iio/devices/iio:device1/in_voltage1_scale: 2
	sys/bus/iio/devices/iio:device1/in_voltage1_offset: 99
	sys/bus/iio/devices/iio:device1/in_temp_raw: 1000
	sys/bus/iio/devices/iio:device1/in_temp_offset: -600
	sys/bus/iio/devices/iio:device1/in_temp_scale: 62.5
	sys/bus/iio/devices/iio:device1/in_magn_x_raw: 1100
	sys/bus/iio/devices/iio:device1/in_magn_scale: 0.000909
	sys/bus/iio/devices/iio:device1/in_rot_quaternion_raw: 1 2 3 4
`

func bmes(t testing.TB) string {
	root := tree(t, bme)
	for at, to := range map[string]string{"iio:device0": "1-0076/iio:device0", "iio:device2": "1-0077/iio:device2"} {
		link(t, root, "../../../devices/platform/soc/fe804000.i2c/i2c-1/"+to, "sys/bus/iio/devices/"+at)
	}
	return root
}

func open(t testing.TB, o Options) *Sensor {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSensor(t *testing.T) {
	root := bmes(t)
	for _, test := range []struct {
		o    Options
		want map[string]float64
		unit map[string]string
	}{
		{
			Options{Chip: "bme280", Device: "1-0076", Channels: []string{"temp", "pressure", "humidityrelative"}},
			map[string]float64{"temp": 23.45, "pressure": 100653.269531, "humidityrelative": 52.342},
			map[string]string{"temp": "Cel", "pressure": "Pa", "humidityrelative": "%RH"},
		},
		{Options{Chip: "bme280", Device: "outside", Channels: []string{"temp"}}, map[string]float64{"temp": -1.25}, nil},
		{Options{Chip: "bme280", Device: "iio:device2", Channels: []string{"temp"}}, map[string]float64{"temp": -1.25}, nil},
		{
			Options{
				Chip: "mcp3208", Channels: []string{"voltage0", "voltage1", "temp"},
				Outputs: []Output{{Name: "between", Key: "voltage0-voltage1"}, {Name: "field", Key: "magn_x", Unit: "T"}},
			},
			// 4095 · 0.805664062 mV; (1+99) · 2 mV; (1000−600) · 62.5 m°C; −100 · 0.5 mV; 1100 · 0.000909 G
			map[string]float64{"voltage0": 3.29919433389, "voltage1": 0.2, "temp": 25, "between": -0.05, "field": 0.00009999},
			map[string]string{"voltage0": "V", "between": "V", "field": "T"},
		},
	} {
		test.o.Root = root
		s := open(t, test.o)
		var r drivers.Reading
		if wait, err := s.Read(&r); err != nil || wait != 0 {
			t.Fatal(wait, err)
		}
		for i, out := range s.Outputs() {
			if got, want := r.Values[i], test.want[out.Name]; !r.Has(i) || math.Abs(got-want) > 1e-12*max(1, math.Abs(want)) {
				t.Errorf("%s: %s = %v, want %v", test.o.Chip, out.Name, got, want)
			}
			if want, is := test.unit[out.Name]; is && out.Unit != want {
				t.Errorf("%s: %s is in %q, want %q", test.o.Chip, out.Name, out.Unit, want)
			}
		}
	}
}

// Settings are written before anything is read; the raw value follows them.
func TestSet(t *testing.T) {
	root := bmes(t)
	o := Options{Root: root, Chip: "mcp3208", Channels: []string{"voltage0"}, Set: []string{"in_voltage_scale = 2"}}
	var r drivers.Reading
	if _, err := open(t, o).Read(&r); err != nil || r.Values[0] != 8.19 {
		t.Errorf("got %v, %v", r.Values[0], err)
	}
	o.Set = []string{"in_voltage_gain = 2"}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Init(); !errors.Is(err, drivers.ErrIdentity) || !strings.Contains(err.Error(), "set in_voltage_gain") {
		t.Errorf("got %v", err)
	}
}

func TestSensorErrors(t *testing.T) {
	root := bmes(t)
	for _, test := range []struct {
		o    Options
		is   error
		want string
	}{
		{Options{Chip: "bme280", Channels: []string{"temp"}}, drivers.ErrIdentity, "choose one with device, what stands in brackets: bme280 (1-0076), bme280 (1-0077)"},
		{Options{Chip: "bmp280", Channels: []string{"temp"}}, drivers.ErrUnplugged, "load its driver (a dtoverlay, or modprobe); the kernel has "},
		{Options{Chip: "bme280", Device: "1-0070", Channels: []string{"temp"}}, drivers.ErrUnplugged, "iio bme280 1-0070: find"},
		{Options{Chip: "mcp3208", Channels: []string{"voltage9"}}, drivers.ErrIdentity, "read voltage9: wrong device: the device has no such channel"},
		{Options{Root: "/nonexistent", Chip: "x", Channels: []string{"temp"}}, drivers.ErrUnplugged, "there is no /sys/bus/iio/devices"},
	} {
		if test.o.Root == "" {
			test.o.Root = root
		}
		s, err := New(test.o)
		if err != nil {
			t.Fatal(err)
		}
		if err = s.Init(); !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %v with %q", err, test.is, test.want)
		}
	}
	for want, o := range map[string]Options{
		`chip "": want`:                        {},
		`device "a/b": want`:                   {Chip: "x", Device: "a/b"},
		"channels []: is missing":              {Chip: "x"},
		`key "in_temp_raw": write "temp"`:      {Chip: "x", Channels: []string{"in_temp_raw"}},
		`key "temp_input": write "temp"`:       {Chip: "x", Channels: []string{"temp_input"}},
		`key "warmth": is no channel of iio`:   {Chip: "x", Channels: []string{"warmth"}},
		`channels: "voltage0-voltage1" cannot`: {Chip: "x", Channels: []string{"voltage0-voltage1"}},
		`"temp" is there twice`:                {Chip: "x", Channels: []string{"temp", "temp"}},
		`output "a": unit "K": temp is in Cel`: {Chip: "x", Outputs: []Output{{Name: "a", Key: "temp", Unit: "K"}}},
		`output "A": want a name`:              {Chip: "x", Outputs: []Output{{Name: "A", Key: "temp"}}},
		`resolution -1: want`:                  {Chip: "x", Outputs: []Output{{Name: "a", Key: "temp", Resolution: -1}}},
		`set "a/b = 1": want`:                  {Chip: "x", Channels: []string{"temp"}, Set: []string{"a/b = 1"}},
		`set "a": want`:                        {Chip: "x", Channels: []string{"temp"}, Set: []string{"a"}},
		`key "rot_quaternion[x]": want`:        {Chip: "x", Outputs: []Output{{Name: "a", Key: "rot_quaternion[x]"}}},
		`a file has no parts`:                  {Chip: "x", Outputs: []Output{{Name: "a", Key: "rot_quaternion[1]"}}},
	} {
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), "iio: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A channel that fails while others do not is bad; when all fail, or the
// device has gone, that is an error, and Init finds it again elsewhere.
func TestFaults(t *testing.T) {
	root := bmes(t)
	s := open(t, Options{Root: root, Chip: "mcp3208", Channels: []string{"temp"}, Outputs: []Output{{Name: "q", Key: "rot_quaternion"}}})
	var r drivers.Reading
	if _, err := s.Read(&r); err != nil || r.Values[0] != 25 || !r.IsBad(1) {
		t.Errorf("got %v, %v, bad %v", r.Values[0], err, r.IsBad(1))
	}
	plant(t, root, "sys/bus/iio/devices/iio:device1/in_temp_raw: broken")
	if _, err := s.Read(&r); !errors.Is(err, drivers.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	if err := os.RemoveAll(filepath.Join(root, "sys/bus/iio/devices/iio:device1")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(&r); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("got %v", err)
	}
	if err := s.Init(); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("got %v", err)
	}
	plant(t, root, strings.ReplaceAll(bme, "iio:device1", "iio:device9"))
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(&r); err != nil || r.Values[0] != 25 {
		t.Errorf("got %v, %v", r.Values[0], err)
	}
}

func TestSensorAllocatesNothing(t *testing.T) {
	root := bmes(t)
	good := open(t, Options{Root: root, Chip: "mcp3208", Channels: []string{"voltage0", "voltage1", "temp"}, Set: []string{"in_magn_scale = 1"}})
	bad := open(t, Options{Root: root, Chip: "mcp3208", Outputs: []Output{{Name: "q", Key: "rot_quaternion"}}})
	gone, err := New(Options{Root: root, Chip: "nothing", Channels: []string{"temp"}})
	if err != nil {
		t.Fatal(err)
	}
	lacks, err := New(Options{Root: root, Chip: "mcp3208", Channels: []string{"voltage7"}})
	if err != nil {
		t.Fatal(err)
	}
	var r drivers.Reading
	for name, f := range map[string]func() bool{
		"Read":           func() bool { _, err := good.Read(&r); return err == nil },
		"Init":           func() bool { return good.Init() == nil },
		"bad Read":       func() bool { _, err := bad.Read(&r); return err != nil },
		"absent":         func() bool { return gone.Init() != nil },
		"absent Read":    func() bool { _, err := gone.Read(&r); return err != nil },
		"absent channel": func() bool { return lacks.Init() != nil },
	} {
		if n := testing.AllocsPerRun(50, func() {
			if !f() {
				t.Fatal(name)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestAttributeThatCannotBeWritten(t *testing.T) {
	s := &Sensor{}
	s.err.Subject = "iio x"
	root := t.TempDir()
	if err := unix.Mkdir(filepath.Join(root, "in_scale"), 0o700); err != nil { // a directory cannot be written, by root neither
		t.Fatal(err)
	}
	s.dir.Root(root)
	set := newSetting("in_scale", "1")
	if err := s.write(&set); err == nil || !strings.Contains(err.Error(), "set in_scale") {
		t.Errorf("got %v", err)
	}
}
