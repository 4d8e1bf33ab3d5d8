package system_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/system"
)

// board is a tree as a Raspberry Pi Compute Module shows it: an eMMC, the
// firmware's throttling, a supply that is too weak.
func board(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{
		"proc/loadavg": "0.20 1.18 12.05 3/181 11206\n",
		"proc/stat":    "cpu  1000 100 400 8000 300 0 100 100 50 0\ncpu0 1000 100 400 8000 300 0 100 100 50 0\nintr 1 2 3\n",
		"proc/uptime":  "350735.47 234388.90\n",
		"proc/meminfo": "MemTotal:         945512 kB\nMemFree:          101232 kB\nMemAvailable:     500000 kB\nSwapCached: 0 kB\nSwapTotal:        102396 kB\nSwapFree:         102140 kB\n",
		"proc/1/stat":  "",
		"proc/42/stat": "",
		"proc/self/x":  "",
		"proc/cpuinfo": "",
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
		"sys/class/thermal/thermal_zone0/type":                 "gpu-thermal\n",
		"sys/class/thermal/thermal_zone0/temp":                 "51000\n",
		"sys/class/thermal/thermal_zone1/type":                 "cpu-thermal\n",
		"sys/class/thermal/thermal_zone1/temp":                 "48199\n",
		"sys/class/hwmon/hwmon0/name":                          "cpu_thermal\n",
		"sys/class/hwmon/hwmon1/name":                          "rpi_volt\n",
		"sys/class/hwmon/hwmon1/in0_lcrit_alarm":               "1\n",
		"sys/block/mmcblk0/device/life_time":                   "0x01 0x03\n",
		"sys/block/mmcblk0/device/pre_eol_info":                "0x02\n",
		"sys/class/net/eth0/statistics/rx_bytes":               "18446744073709\n",
		"sys/class/net/eth0/statistics/tx_bytes":               "1234\n",
		"sys/devices/platform/soc/soc:firmware/get_throttled":  "50005\n",
	} {
		write(t, root, path, text)
	}
	return root
}

func write(t testing.TB, root, path, text string) {
	t.Helper()
	path = filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, root, path string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(root, path)); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, o system.Options) *system.Sensor {
	t.Helper()
	s, err := system.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	return s
}

// read measures once; between is called while the sensor waits. Bad values
// are NaN.
func read(t testing.TB, s *system.Sensor, between func()) map[string]float64 {
	t.Helper()
	var r drivers.Reading
	wait, err := s.Read(&r)
	if err == nil && wait > 0 {
		if !r.Empty() {
			t.Error("values before the end of the wait")
		}
		between()
		wait, err = s.Read(&r)
	}
	if err != nil || wait != 0 {
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

func compare(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for name, v := range want {
		if g, ok := got[name]; !ok || g != v && !(math.IsNaN(v) && math.IsNaN(g)) {
			t.Errorf("%s: got %v (%v), want %v", name, g, ok, v)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s = %v is not wanted", name, got[name])
		}
	}
}

func TestBoard(t *testing.T) {
	root := board(t)
	s := open(t, system.Options{Root: root, Interfaces: []string{"eth0", "wlan0"}, Throttled: true, Mounts: []string{}})
	got := read(t, s, func() {
		// 100 ticks, of which 60 idle and 15 waiting for I/O: 25 % busy. Guest
		// time is a part of user's and counts once.
		write(t, root, "proc/stat", "cpu  1010 100 410 8060 315 0 105 100 60 0\n")
	})
	compare(t, got, map[string]float64{
		"load1": 0.20, "load5": 1.18, "load15": 12.05, "threads": 181, "processes": 2,
		"cpu_usage": 25, "cpu_frequency": 1.5e9, "temperature": 48.199,
		"memory_available": 500000 * 1024, "swap_used": 256 * 1024, "uptime": 350735.47,
		"undervoltage": 1, "emmc_life_used": 30, "emmc_pre_eol": 2,
		"throttled": 1, "throttled_since_boot": 1, "undervoltage_since_boot": 1, // 0x50005: bits 0, 2, 16, 18
		"network_eth0_rx": 18446744073709, "network_eth0_tx": 1234,
		"network_wlan0_rx": math.NaN(), "network_wlan0_tx": math.NaN(), // the user named it
	})
	units := map[string]string{}
	for _, o := range s.Outputs() {
		units[o.Name] = o.Unit
	}
	for name, want := range map[string]string{
		"load1": "", "processes": "count", "cpu_usage": "%", "cpu_frequency": "Hz", "temperature": "Cel", "memory_available": "B",
		"uptime": "s", "undervoltage": "", "emmc_life_used": "%", "network_eth0_rx": "B",
	} {
		if units[name] != want {
			t.Errorf("%s is in %q, want %q", name, units[name], want)
		}
	}
}

// What a board does not have is silent, and bad only where it was asked for.
func TestWhatIsMissing(t *testing.T) {
	root := t.TempDir()
	write(t, root, "proc/uptime", "12.50 1.00\n")
	compare(t, read(t, open(t, system.Options{Root: root, Mounts: []string{}}), nil), map[string]float64{"uptime": 12.5})
	s := open(t, system.Options{Root: root, Mounts: []string{}, Only: []string{"uptime", "temperature", "cpu_usage", "processes", "load1", "swap_used", "emmc_life_used"}})
	nan := math.NaN()
	compare(t, read(t, s, nil), map[string]float64{
		"uptime": 12.5, "temperature": nan, "cpu_usage": nan, "processes": nan, "load1": nan, "swap_used": nan, "emmc_life_used": nan,
	})
	remove(t, root, "proc/uptime")
	var r drivers.Reading
	if _, err := open(t, system.Options{Root: root, Mounts: []string{}}).Read(&r); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("an empty tree: got %v", err)
	}
}

// What appears later is found, and what vanishes is told at once.
func TestThingsComeAndGo(t *testing.T) {
	root := board(t)
	remove(t, root, "sys/class/thermal/thermal_zone1")
	s := open(t, system.Options{Root: root, Mounts: []string{}, Interfaces: []string{"wlan0"}, Zone: "cpu-thermal", Only: []string{"temperature", "network_wlan0_rx"}})
	nan := math.NaN()
	compare(t, read(t, s, nil), map[string]float64{"temperature": nan, "network_wlan0_rx": nan})
	write(t, root, "sys/class/thermal/thermal_zone9/type", "cpu-thermal\n")
	write(t, root, "sys/class/thermal/thermal_zone9/temp", "50000\n")
	write(t, root, "sys/class/net/wlan0/statistics/rx_bytes", "5\n")
	compare(t, read(t, s, nil), map[string]float64{"temperature": nan, "network_wlan0_rx": 5}) // zones are looked for now and then
	for range 64 {
		_ = read(t, s, nil)
	}
	compare(t, read(t, s, nil), map[string]float64{"temperature": 50, "network_wlan0_rx": 5})
	remove(t, root, "sys/class/net/wlan0")
	remove(t, root, "sys/class/thermal/thermal_zone9")
	compare(t, read(t, s, nil), map[string]float64{"temperature": nan, "network_wlan0_rx": nan})
	write(t, root, "sys/class/net/wlan0/statistics/rx_bytes", "7\n")
	write(t, root, "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	compare(t, read(t, s, nil), map[string]float64{"temperature": 51, "network_wlan0_rx": 7})
}

func TestUsageOverTime(t *testing.T) {
	root := board(t)
	s := open(t, system.Options{Root: root, Only: []string{"cpu_usage"}})
	want := func(stat string, v float64) {
		t.Helper()
		write(t, root, "proc/stat", stat+"\n")
		compare(t, read(t, s, func() {}), map[string]float64{"cpu_usage": v})
	}
	want("cpu  1000 100 400 8000 300 0 100 100 0 0", math.NaN()) // nothing has passed
	want("cpu  1100 100 400 8000 300 0 100 100 0 0", 100)
	want("cpu  1100 100 400 8000 300 0 100 100 0 0", 100) // no tick since
	want("cpu  1101 100 400 8002 300 0 100 100 0 0", 33.3)
	want("cpu  1101 100 400 8102 290 0 100 100 0 0", 0)   // iowait ran backwards
	want("cpu  101 10 40 810 29 0 10 10 0 0", math.NaN()) // all of them did
	want("cpu  101 10 40 811 29 0 10 10 0 0", 0)
	want("cpu  2000 10 40 811", 100) // four fields, as very old kernels have them
	want("cpu  garbage", math.NaN())
}

// What stands in testdata/meminfo, in kB.
const wantAvailable, wantSwapUsed = 24007828, 0

// The whole /proc/meminfo and the beginning of /proc/stat of a real machine.
func TestRealFiles(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"meminfo", "stat"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, root, "proc/"+name, string(b))
	}
	s := open(t, system.Options{Root: root, Mounts: []string{}})
	got := read(t, s, func() {})
	if got["memory_available"] != wantAvailable*1024 || got["swap_used"] != wantSwapUsed*1024 {
		t.Errorf("got %v", got)
	}
}

func TestComplaints(t *testing.T) {
	for _, test := range []struct {
		o    system.Options
		want string
	}{
		{system.Options{Mounts: []string{"data"}}, `mounts: "data": want the absolute path`},
		{system.Options{Mounts: []string{"/data/"}}, "want the absolute path"},
		{system.Options{Mounts: []string{"/a/b", "/a_b"}}, "mounts: two of them have the output disk_a_b_free"},
		{system.Options{Interfaces: []string{"../x"}}, `interfaces: "../x": want the name`},
		{system.Options{Interfaces: []string{"eth0.1", "eth0_1"}}, "interfaces: two of them have the output network_eth0_1_rx"},
		{system.Options{Mounts: strings.Fields(strings.Repeat("/x", 30) + " " + many())}, "at most 64"},
	} {
		if _, err := system.New(test.o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %q", test.o, err, test.want)
		}
	}
}

// many names 40 mount points.
func many() string {
	var b strings.Builder
	for i := range 40 {
		b.WriteString(" /m" + strings.Repeat("x", i))
	}
	return b.String()
}

func TestNothingAllocates(t *testing.T) {
	root := board(t)
	s := open(t, system.Options{Root: root, Interfaces: []string{"eth0", "wlan0"}, Throttled: true, Mounts: []string{"/", "/proc", "/nothing"}})
	empty := open(t, system.Options{Root: t.TempDir(), Mounts: []string{}, Throttled: true})
	var r drivers.Reading
	measure := func() {
		r.Reset()
		_, _ = s.Read(&r)
		r.Reset()
		_, _ = empty.Read(&r)
	}
	if n := testing.AllocsPerRun(200, measure); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if n := testing.AllocsPerRun(20, func() { _ = s.Init(); measure() }); n != 0 {
		t.Errorf("Init: %v allocations", n)
	}
	remove(t, root, "sys/class/net/eth0")
	write(t, root, "proc/meminfo", "garbage")
	if n := testing.AllocsPerRun(200, measure); n != 0 {
		t.Errorf("gone: %v allocations", n)
	}
}

func BenchmarkRead(b *testing.B) {
	s := open(b, system.Options{Interfaces: []string{"lo"}})
	var r drivers.Reading
	b.ReportAllocs()
	for b.Loop() {
		r.Reset()
		_, _ = s.Read(&r)
	}
}

// Whatever the files say, values are finite and where they can be.
func FuzzRead(f *testing.F) {
	root := board(f)
	s := open(f, system.Options{Root: root, Throttled: true, Mounts: []string{}})
	files := []string{"proc/loadavg", "proc/stat", "proc/uptime", "proc/meminfo", "sys/block/mmcblk0/device/life_time", "sys/devices/platform/soc/soc:firmware/get_throttled"}
	for i, name := range files {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), string(b))
	}
	f.Add(uint8(1), "cpu  18446744073709551615 1 1 1 1 1 1 1")
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		write(t, root, files[int(which)%len(files)], text)
		got := read(t, s, func() {})
		if v := got["cpu_usage"]; v < 0 || v > 100 {
			t.Errorf("cpu_usage = %v", v)
		}
		for name, v := range got {
			if v < -273.15 || math.IsInf(v, 0) {
				t.Errorf("%s = %v", name, v)
			}
		}
	})
}
