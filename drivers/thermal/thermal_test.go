package thermal_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/thermal"
)

// zone adds a zone below root.
func zone(t testing.TB, root string, number int, kind, temp, device string) {
	t.Helper()
	dir := filepath.Join(root, "sys/class/thermal/thermal_zone"+strconv.Itoa(number))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"type": kind, "temp": temp, "mode": "enabled"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if device != "" {
		if err := os.Symlink("../../../LNXSYSTM:00/"+device, filepath.Join(dir, "device")); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(t testing.TB, root string, number int) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(root, "sys/class/thermal/thermal_zone"+strconv.Itoa(number))); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, o thermal.Options) *thermal.Sensor {
	t.Helper()
	s, err := thermal.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t testing.TB, s *thermal.Sensor) map[string]float64 {
	t.Helper()
	var r drivers.Reading
	if _, err := s.Read(&r); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for i, o := range s.Outputs() {
		switch {
		case r.Has(i):
			got[o.Name] = r.Values[i]
		case r.IsBad(i):
			got[o.Name] = math.NaN()
		}
		if o.Unit != "Cel" {
			t.Errorf("%s is in %q", o.Name, o.Unit)
		}
	}
	return got
}

// The zones of real boards, as their device trees call them: the one of the
// processor is found without being named.
func TestTheProcessorsZoneIsFound(t *testing.T) {
	for board, zones := range map[string][]string{ // the right one first
		"Raspberry Pi": {"cpu-thermal"},
		"RK3588":       {"soc-thermal", "bigcore0-thermal", "littlecore-thermal", "gpu-thermal", "npu-thermal"},
		"Jetson Nano":  {"CPU-therm", "AO-therm", "GPU-therm", "PLL-therm", "PMIC-Die", "thermal-fan-est"},
		"i.MX8MP":      {"cpu-thermal", "soc-thermal"},
		"i.MX6":        {"imx_thermal_zone"},
		"AM62":         {"main0-thermal", "main1-thermal"},
		"PC":           {"x86_pkg_temp", "acpitz", "iwlwifi_1"},
		"unknown":      {"zone-a", "zone-b"},
	} {
		root := t.TempDir()
		for i, kind := range zones {
			number := len(zones) - i // the right one has the highest number
			if board == "unknown" {
				number = i
			}
			zone(t, root, number, kind, strconv.Itoa(48199+1000*i), "")
		}
		s := open(t, thermal.Options{Root: root})
		if err := s.Init(); err != nil {
			t.Errorf("%s: %v", board, err)
			continue
		}
		if got := read(t, s)["temperature"]; got != 48.199 {
			t.Errorf("%s: got %v", board, got)
		}
	}
}

func TestSeveralZones(t *testing.T) {
	root := t.TempDir()
	zone(t, root, 0, "CPU-therm", "41500", "")
	zone(t, root, 1, "GPU-therm", "-1500", "")
	zone(t, root, 2, "PMIC-Die", "-274000", "") // THERMAL_TEMP_INVALID
	zone(t, root, 3, "odd", "", "")
	s := open(t, thermal.Options{Root: root, Zones: []string{"CPU-therm", "PMIC-Die", "odd"}, Outputs: []thermal.Output{{Name: "gpu", Key: "GPU-therm", Resolution: 0.5}}})
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	got := read(t, s)
	if got["cpu_therm"] != 41.5 || got["gpu"] != -1.5 || !math.IsNaN(got["pmic_die"]) || !math.IsNaN(got["odd"]) || len(got) != 4 {
		t.Errorf("got %v", got)
	}
	one := open(t, thermal.Options{Root: root, Zones: []string{"GPU-therm"}})
	if err := one.Init(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, one)["temperature"]; got != -1.5 {
		t.Errorf("got %v", got)
	}
	only := open(t, thermal.Options{Root: root, Zones: []string{"CPU-therm", "none"}, Only: []string{"cpu_therm"}})
	if err := only.Init(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, only); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

func TestZonesOfOneType(t *testing.T) {
	root := t.TempDir()
	zone(t, root, 0, "acpitz", "27800", "LNXTHERM:00")
	zone(t, root, 1, "acpitz", "29800", "LNXTHERM:01")
	err := open(t, thermal.Options{Root: root, Zones: []string{"acpitz"}}).Init()
	if !errors.Is(err, drivers.ErrIdentity) || !strings.Contains(err.Error(), "acpitz (LNXTHERM:01)") {
		t.Errorf("got %v", err)
	}
	s := open(t, thermal.Options{Root: root, Zones: []string{"acpitz@LNXTHERM:01"}})
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s)["temperature"]; got != 29.8 {
		t.Errorf("got %v", got)
	}
}

// A zone that goes and comes back under another number is found again.
func TestZoneComesBack(t *testing.T) {
	root := t.TempDir()
	zone(t, root, 0, "cpu-thermal", "40000", "")
	s := open(t, thermal.Options{Root: root, Zones: []string{"cpu-thermal"}})
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	remove(t, root, 0)
	var r drivers.Reading
	if _, err := s.Read(&r); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("got %v", err)
	}
	zone(t, root, 4, "gpu-thermal", "50000", "")
	if err := s.Init(); !errors.Is(err, drivers.ErrUnplugged) || !strings.Contains(err.Error(), "the kernel has gpu-thermal") {
		t.Errorf("got %v", err)
	}
	zone(t, root, 5, "cpu-thermal", "41000", "")
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s)["temperature"]; got != 41 {
		t.Errorf("got %v", got)
	}
}

func TestComplaints(t *testing.T) {
	for _, test := range []struct {
		o    thermal.Options
		want string
	}{
		{thermal.Options{Zones: []string{""}}, `zones: "" is no zone`},
		{thermal.Options{Zones: []string{"a/b"}}, "is no zone"},
		{thermal.Options{Zones: []string{"cpu", "cpu"}}, "two outputs called cpu"},
		{thermal.Options{Zones: []string{"--", "a"}}, "is no name"},
		{thermal.Options{Outputs: []thermal.Output{{Name: "cpu", Unit: "K"}}}, `"Cel"`},
	} {
		if _, err := thermal.New(test.o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %q", test.o, err, test.want)
		}
	}
	root := t.TempDir()
	if err := open(t, thermal.Options{Root: root}).Init(); !errors.Is(err, drivers.ErrUnplugged) || !strings.Contains(err.Error(), "/sys/class/thermal") {
		t.Errorf("got %v", err)
	}
	if err := os.MkdirAll(root+"/sys/class/thermal/cooling_device0", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := open(t, thermal.Options{Root: root}).Init(); !errors.Is(err, drivers.ErrUnplugged) || !strings.Contains(err.Error(), "the kernel has none") {
		t.Errorf("got %v", err)
	}
}

func TestNothingAllocates(t *testing.T) {
	root := t.TempDir()
	zone(t, root, 0, "cpu-thermal", "40000", "x")
	zone(t, root, 1, "odd", "nonsense", "")
	s := open(t, thermal.Options{Root: root, Zones: []string{"cpu-thermal", "odd"}})
	gone := open(t, thermal.Options{Root: root, Zones: []string{"gpu"}})
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	var r drivers.Reading
	measure := func() {
		r.Reset()
		_, _ = s.Read(&r)
		_ = gone.Init()
		_, _ = gone.Read(&r)
	}
	if n := testing.AllocsPerRun(200, measure); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if n := testing.AllocsPerRun(20, func() { _ = s.Init() }); n != 0 {
		t.Errorf("Init: %v allocations", n)
	}
	remove(t, root, 0)
	if n := testing.AllocsPerRun(200, measure); n != 0 {
		t.Errorf("gone: %v allocations", n)
	}
}

// The machine's own zones, where it has any, are what their files say.
func TestThisMachine(t *testing.T) {
	files, _ := filepath.Glob("/sys/class/thermal/thermal_zone*/type")
	t.Logf("%d zones", len(files))
	s := open(t, thermal.Options{})
	switch err := s.Init(); {
	case len(files) == 0 && !errors.Is(err, drivers.ErrUnplugged):
		t.Errorf("got %v", err)
	case len(files) > 0 && err == nil:
		t.Logf("%v", read(t, s))
	case len(files) > 0:
		t.Errorf("got %v", err)
	}
}

// What a file says is a temperature above absolute zero, or bad.
func FuzzRead(f *testing.F) {
	root := f.TempDir()
	zone(f, root, 0, "cpu-thermal", "40000", "")
	s := open(f, thermal.Options{Root: root})
	if err := s.Init(); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"48199\n", "-274000", "", "x", "999999999999999999999", "1 2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(root+"/sys/class/thermal/thermal_zone0/temp", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s)["temperature"]; got < -273.15 {
			t.Errorf("%q: got %v", text, got)
		}
	})
}
