package hwmon_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/hwmon"
)

// tree is a directory that stands for the machine's root.
type tree struct {
	t    testing.TB
	root string
}

func newTree(t testing.TB) *tree { return &tree{t, t.TempDir()} }

func (r *tree) write(path, text string) {
	r.t.Helper()
	path = filepath.Join(r.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// chip adds a chip; files are pairs of name and text.
func (r *tree) chip(number int, name, device string, files ...string) {
	r.t.Helper()
	dir := "sys/class/hwmon/hwmon" + strconv.Itoa(number)
	r.write(dir+"/name", name)
	if device != "" {
		if err := os.Symlink("../../../"+device, filepath.Join(r.root, dir, "device")); err != nil {
			r.t.Fatal(err)
		}
	}
	for i := 0; i < len(files); i += 2 {
		r.write(dir+"/"+files[i], files[i+1])
	}
}

func (r *tree) remove(number int) {
	r.t.Helper()
	if err := os.RemoveAll(filepath.Join(r.root, "sys/class/hwmon/hwmon"+strconv.Itoa(number))); err != nil {
		r.t.Fatal(err)
	}
}

func open(t testing.TB, o hwmon.Options) *hwmon.Sensor {
	t.Helper()
	s, err := hwmon.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func initialized(t testing.TB, o hwmon.Options) *hwmon.Sensor {
	t.Helper()
	s := open(t, o)
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	return s
}

// read gives the values by name; bad ones are NaN.
func read(t testing.TB, s *hwmon.Sensor) map[string]float64 {
	t.Helper()
	var r drivers.Reading
	if wait, err := s.Read(&r); err != nil || wait != 0 {
		t.Fatalf("read: %v, %v", wait, err)
	}
	got := make(map[string]float64)
	for i, o := range s.Outputs() {
		switch {
		case r.Has(i):
			got[o.Name] = r.Values[i]
		case r.IsBad(i):
			got[o.Name] = math.NaN()
		}
	}
	return got
}

// Units as Documentation/hwmon/sysfs-interface.rst defines them.
func TestEveryKindHasTheKernelsUnit(t *testing.T) {
	r := newTree(t)
	r.chip(3, "board", "",
		"temp1_input", "-25500", "temp1_max", "80000", "in0_input", "11987", "curr1_input", "-1234", "power1_input", "12345678",
		"power1_average", "12000000", "energy1_input", "3600000000", "humidity1_input", "45678", "fan1_input", "1350",
		"freq1_input", "500000000", "pwm1", "255", "in0_lcrit_alarm", "1")
	s := initialized(t, hwmon.Options{Root: r.root, Chip: "board", Inputs: []string{
		"temp1", "temp1_max", "in0", "curr1", "power1", "power1_average", "energy1", "humidity1", "fan1", "freq1", "pwm1", "in0_lcrit_alarm",
	}})
	got := read(t, s)
	for i, want := range []struct {
		name, unit string
		value      float64
	}{
		{"temp1", "Cel", -25.5},
		{"temp1_max", "Cel", 80},
		{"in0", "V", 11.987},
		{"curr1", "A", -1.234},
		{"power1", "W", 12.345678},
		{"power1_average", "W", 12},
		{"energy1", "J", 3600},
		{"humidity1", "%RH", 45.678},
		{"fan1", "1/min", 1350},
		{"freq1", "Hz", 5e8},
		{"pwm1", "%", 100},
		{"in0_lcrit_alarm", "", 1},
	} {
		o := s.Outputs()[i]
		if o.Name != want.name || o.Unit != want.unit || got[want.name] != want.value {
			t.Errorf("got %s = %v %q, want %s = %v %q", o.Name, got[want.name], o.Unit, want.name, want.value, want.unit)
		}
	}
}

// The LM75's data sheet, table "temperature and digital value", as the kernel
// shows it (lm75.c rounds to millidegrees): known by its name alone.
func TestKnownChips(t *testing.T) {
	r := newTree(t)
	r.chip(0, "cpu_thermal", "", "temp1_input", "48199")
	r.chip(1, "rpi_volt", "soc:firmware:hwmon", "in0_lcrit_alarm", "0")
	r.chip(2, "lm75", "1-0048", "temp1_input", "25500", "temp1_max", "80000", "temp1_max_hyst", "75000")
	r.chip(3, "ina219", "1-0040", "in0_input", "10", "in1_input", "11980", "curr1_input", "1000", "power1_input", "11980000")
	for chip, want := range map[string]map[string]float64{
		"cpu_thermal": {"temperature": 48.199},
		"rpi_volt":    {"undervoltage": 0},
		"lm75":        {"temperature": 25.5},
		"ina219":      {"shunt_voltage": 0.010, "voltage": 11.98, "current": 1, "power": 11.98},
	} {
		s := initialized(t, hwmon.Options{Root: r.root, Chip: chip})
		got := read(t, s)
		for name, v := range want {
			if got[name] != v || len(got) != len(want) {
				t.Errorf("%s: got %v, want %v", chip, got, want)
			}
		}
	}
	s := open(t, hwmon.Options{Root: "/nowhere", Chip: "sht4x"})
	if got := s.Outputs(); len(got) != 2 || got[1] != (drivers.Output{Name: "humidity", Unit: "%RH", Resolution: 0.001}) {
		t.Errorf("outputs without the machine: %+v", got)
	}
}

// A chip of the table may lack some of what others of its name have, but not all.
func TestKnownChipWithFewerChannels(t *testing.T) {
	r := newTree(t)
	r.chip(0, "ina3221", "1-0040", "in1_input", "5000", "curr1_input", "20")
	known, declared := initialized(t, hwmon.Options{Root: r.root, Chip: "ina3221"}), open(t, hwmon.Options{Chip: "ina3221", Inputs: []string{"in1"}})
	if !known.Varies() || declared.Varies() {
		t.Errorf("varies: known %v, declared %v", known.Varies(), declared.Varies())
	}
	got := read(t, known)
	if len(got) != 2 || got["voltage1"] != 5 || got["current1"] != 0.02 {
		t.Errorf("got %v", got)
	}
	r.chip(1, "lm75", "1-0048", "update_interval", "100")
	if err := open(t, hwmon.Options{Root: r.root, Chip: "lm75"}).Init(); !errors.Is(err, drivers.ErrIdentity) {
		t.Errorf("got %v", err)
	}
}

func TestLabels(t *testing.T) {
	r := newTree(t)
	r.chip(4, "k10temp", "0000:00:18.3", "temp1_label", "Tctl", "temp1_input", "41000", "temp10_label", "Tccd 8", "temp10_input", "39500",
		"temp4_label", "twice", "temp5_label", "twice")
	s := initialized(t, hwmon.Options{Root: r.root, Chip: "k10temp", Inputs: []string{"temp:Tccd 8"}, Outputs: []hwmon.Output{{Name: "control", Key: "temp:Tctl", Resolution: 0.125}}})
	if got := read(t, s); got["tccd_8"] != 39.5 || got["control"] != 41 {
		t.Errorf("got %v", got)
	}
	if got := s.Outputs()[1]; got != (drivers.Output{Name: "control", Unit: "Cel", Resolution: 0.125}) {
		t.Errorf("got %+v", got)
	}
	for _, label := range []string{"Tdie", "twice"} {
		err := open(t, hwmon.Options{Root: r.root, Chip: "k10temp", Inputs: []string{"temp:" + label}}).Init()
		if !errors.Is(err, drivers.ErrIdentity) || !strings.Contains(err.Error(), "Tctl (temp1)") || !strings.Contains(err.Error(), "temp:"+label) {
			t.Errorf("%s: got %v", label, err)
		}
	}
}

// hwmon numbers change: what counts is the name, and the device where several
// chips share it.
func TestChipsAreKnownByNameAndDevice(t *testing.T) {
	r := newTree(t)
	r.chip(0, "lm75", "1-0048", "temp1_input", "20000")
	r.chip(1, "cpu_thermal", "", "temp1_input", "60000")
	s := initialized(t, hwmon.Options{Root: r.root, Chip: "lm75"})
	second := open(t, hwmon.Options{Root: r.root, Chip: "lm75", Device: "1-0049"})
	if err := second.Init(); !errors.Is(err, drivers.ErrUnplugged) || !strings.Contains(err.Error(), "lm75 (1-0048)") || !strings.Contains(err.Error(), "cpu_thermal") {
		t.Errorf("got %v", err)
	}
	r.chip(2, "lm75", "1-0049", "temp1_input", "30000")
	if err := second.Init(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, second)["temperature"]; got != 30 {
		t.Errorf("got %v", got)
	}
	if err := s.Init(); !errors.Is(err, drivers.ErrIdentity) || !strings.Contains(err.Error(), "device") || !strings.Contains(err.Error(), "1-0049") {
		t.Errorf("two chips of one name: got %v", err)
	}
	// It vanishes and comes back under another number.
	r.remove(0)
	r.remove(2)
	var reading drivers.Reading
	if _, err := second.Read(&reading); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("got %v", err)
	}
	if err := second.Init(); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("got %v", err)
	}
	r.chip(7, "lm75", "1-0049", "temp1_input", "31000")
	if err := second.Init(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, second)["temperature"]; got != 31 {
		t.Errorf("got %v", got)
	}
}

func TestFaultsAndNonsenseAreBad(t *testing.T) {
	r := newTree(t)
	r.chip(0, "board", "", "temp1_input", "127875", "temp1_fault", "1", "temp2_input", "21000", "temp2_fault", "0", "fan1_input", "", "in0_input", "12 V")
	s := initialized(t, hwmon.Options{Root: r.root, Chip: "board", Inputs: []string{"temp1", "temp2", "fan1", "in0"}})
	got := read(t, s)
	if got["temp2"] != 21 || len(got) != 4 || !math.IsNaN(got["temp1"]) || !math.IsNaN(got["fan1"]) || !math.IsNaN(got["in0"]) {
		t.Errorf("got %v", got)
	}
	r.write("sys/class/hwmon/hwmon0/temp1_fault", "0")
	if got := read(t, s)["temp1"]; got != 127.875 {
		t.Errorf("the fault has gone: got %v", got)
	}
}

func TestOnlyWhatIsWantedIsRead(t *testing.T) {
	r := newTree(t)
	r.chip(0, "sht4x", "1-0044", "temp1_input", "21000")
	s := initialized(t, hwmon.Options{Root: r.root, Chip: "sht4x", Inputs: []string{"temp1", "humidity1"}, Only: []string{"temp1"}})
	if got := read(t, s); len(got) != 1 || len(s.Outputs()) != 2 {
		t.Errorf("got %v of %v", got, s.Outputs())
	}
	all := open(t, hwmon.Options{Root: r.root, Chip: "sht4x", Inputs: []string{"temp1", "humidity1"}})
	if err := all.Init(); !errors.Is(err, drivers.ErrIdentity) || !strings.Contains(err.Error(), "humidity1") {
		t.Errorf("a declared channel is missing: got %v", err)
	}
}

func TestComplaints(t *testing.T) {
	for _, test := range []struct {
		o    hwmon.Options
		want string
	}{
		{hwmon.Options{}, `chip "": want what the file name`},
		{hwmon.Options{Chip: "lm75", Device: "/sys/x"}, "only the last part"},
		{hwmon.Options{Chip: "nct6775"}, "inputs: is missing"},
		{hwmon.Options{Chip: "lm75", Inputs: []string{"temperature"}}, `inputs: "temperature" is no key`},
		{hwmon.Options{Chip: "lm75", Inputs: []string{"temp1_input_"}}, "is no key"},
		{hwmon.Options{Chip: "lm75", Inputs: []string{"temp1", "temp1"}}, "two outputs called temp1"},
		{hwmon.Options{Chip: "lm75", Inputs: []string{"temp:°"}}, "is no name"},
		{hwmon.Options{Chip: "lm75", Outputs: []hwmon.Output{{Name: "t", Key: "temp1", Unit: "V"}}}, `out: t is in "Cel" and not in "V"`},
		{hwmon.Options{Chip: "lm75", Outputs: []hwmon.Output{{Name: "T", Key: "temp1"}}}, `out: "T" is no name`},
	} {
		if _, err := hwmon.New(test.o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %q", test.o, err, test.want)
		}
	}
	if err := open(t, hwmon.Options{Root: t.TempDir(), Chip: "lm75"}).Init(); !errors.Is(err, drivers.ErrUnplugged) || !strings.Contains(err.Error(), "/sys/class/hwmon") {
		t.Errorf("got %v", err)
	}
}

func TestNothingAllocates(t *testing.T) {
	r := newTree(t)
	r.chip(0, "k10temp", "0-1", "temp1_label", "Tctl", "temp1_input", "41000", "temp1_fault", "0", "in0_input", "nonsense")
	s := initialized(t, hwmon.Options{Root: r.root, Chip: "k10temp", Inputs: []string{"temp:Tctl", "in0"}})
	gone := open(t, hwmon.Options{Root: r.root, Chip: "lm75"})
	var reading drivers.Reading
	measure := func() {
		reading.Reset()
		_, _ = s.Read(&reading)
		_ = gone.Init()
		_, _ = gone.Read(&reading)
	}
	if n := testing.AllocsPerRun(200, measure); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if n := testing.AllocsPerRun(20, func() { _ = s.Init() }); n != 0 {
		t.Errorf("Init: %v allocations", n)
	}
	r.remove(0)
	if n := testing.AllocsPerRun(200, measure); n != 0 {
		t.Errorf("gone: %v allocations", n)
	}
}

// The machine's own chips, where it has any: each is found, and temperatures
// are what the file says.
func TestThisMachine(t *testing.T) {
	names, _ := filepath.Glob("/sys/class/hwmon/hwmon*/name")
	t.Logf("%d chips", len(names))
	for _, file := range names {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		device, _ := os.Readlink(filepath.Join(filepath.Dir(file), "device"))
		inputs, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "temp*_input"))
		if device == "" || len(inputs) == 0 {
			continue
		}
		key := strings.TrimSuffix(filepath.Base(inputs[0]), "_input")
		s, err := hwmon.New(hwmon.Options{Chip: strings.TrimSpace(string(text)), Device: filepath.Base(device), Inputs: []string{key}})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if err := s.Init(); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		t.Logf("%s: %v", text, read(t, s))
	}
}

// What a file says is a number that is in range of its kind, or bad; nothing
// panics.
func FuzzRead(f *testing.F) {
	r := newTree(f)
	r.chip(0, "board", "", "temp1_input", "1", "temp1_fault", "0")
	s := initialized(f, hwmon.Options{Root: r.root, Chip: "board", Inputs: []string{"temp1"}})
	for _, seed := range []string{"23125", "-55000", "", "x", "9223372036854775808", "1\n2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(r.root+"/sys/class/hwmon/hwmon0/temp1_input", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		got := read(t, s)
		want, err := strconv.ParseInt(strings.TrimRight(text, "\n\r \t\x00"), 10, 64)
		switch {
		case len(text) > 64 || want == math.MinInt64: // longer than any the kernel prints
		case err == nil && got["temp1"] != float64(want)/1000, err != nil && !math.IsNaN(got["temp1"]):
			t.Errorf("%q: got %v, want %d, %v", text, got, want, err)
		}
	})
}

// Keys never panic, and those that are taken come back as they were written.
func FuzzKey(f *testing.F) {
	for _, seed := range []string{"temp1", "in0_lcrit_alarm", "temp:Tctl", "pwm1", "temp", "temp1_", "pwm1_enable", "in99999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := hwmon.New(hwmon.Options{Chip: "c", Inputs: []string{text}})
		if err == nil && !slices.ContainsFunc([]string{"temp", "in", "curr", "power", "energy", "humidity", "fan", "freq", "pwm"}, func(stem string) bool { return strings.HasPrefix(text, stem) }) {
			t.Errorf("%q is taken as %+v", text, s.Outputs())
		}
	})
}
