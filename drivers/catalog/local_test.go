package catalog_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers/catalog"
)

// local opens a Local engine below root.
func local(t *testing.T, root, use string, o catalog.Options, only ...string) catalog.Device {
	t.Helper()
	d, err := catalog.OpenLocal(catalog.Spec{Name: "x", Engine: lookup(t, use), Options: o, Root: root, Only: only})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Options arrive at the engines, and values below Root come from there.
func TestWhatTheKernelReads(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"sys/class/hwmon/hwmon5/name":                         "lm75\n",
		"sys/class/hwmon/hwmon5/temp1_input":                  "25500\n",
		"sys/class/hwmon/hwmon5/temp1_max":                    "80000\n",
		"sys/class/thermal/thermal_zone2/type":                "gpu-thermal\n",
		"sys/class/thermal/thermal_zone2/temp":                "51000\n",
		"sys/bus/w1/devices/28-0316a2795dff/temperature":      "21062\n",
		"sys/bus/w1/devices/28-0316a2795dfe/temperature":      "1000\n",
		"sys/class/net/eth0/statistics/rx_bytes":              "77\n",
		"sys/devices/platform/soc/soc:firmware/get_throttled": "4\n",
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := []catalog.Channel{{Name: "limit", Key: "temp1_max"}}
	for _, test := range []struct {
		use    string
		o      catalog.Options
		output string
		want   float64
	}{
		{"hwmon", catalog.Options{"chip": "lm75"}, "temperature", 25.5},
		{"hwmon", catalog.Options{"chip": "lm75", "inputs": []string{"temp1"}, "out": out}, "limit", 80},
		{"thermal", catalog.Options{"zones": []string{"gpu-thermal"}}, "temperature", 51},
		{"thermal", catalog.Options{"out": []catalog.Channel{{Name: "gpu", Key: "gpu-thermal"}}}, "gpu", 51},
		{"w1", catalog.Options{"id": "28-0316a2795dff"}, "temperature", 21.0625},
		{"system", catalog.Options{"interfaces": []string{"eth0"}, "mounts": []string{"/"}}, "network_eth0_rx", 77},
		{"system", catalog.Options{"throttled": true, "zone": "gpu-thermal"}, "throttled", 1},
	} {
		if got := read(t, local(t, root, test.use, test.o).Sensor, test.output); got != test.want {
			t.Errorf("%s %v: %s = %v, want %v", test.use, test.o, test.output, got, test.want)
		}
	}
	// Only reaches the engine: what nobody wants is not read.
	s := local(t, root, "hwmon", catalog.Options{"chip": "lm75", "inputs": []string{"temp1", "in0"}}, "temp1").Sensor
	if got := read(t, s, "temp1"); got != 25.5 {
		t.Errorf("got %v", got)
	}
}

// Outputs do not depend on the machine.
func TestLocalEnginesAreCheckedWithoutTheMachine(t *testing.T) {
	for use, o := range map[string]catalog.Options{
		"hwmon": {"chip": "sht4x", "device": "1-0044"}, "thermal": nil, "w1": nil, "system": nil,
	} {
		facts, err := catalog.Check(catalog.Spec{Engine: lookup(t, use), Options: o, Root: "/nowhere"})
		if err != nil || len(facts.Outputs) == 0 || facts.Speaks {
			t.Errorf("%s: %+v, %v", use, facts, err)
		}
	}
}

func TestComplaintsOfLocalEnginesNameTheOption(t *testing.T) {
	for _, test := range []struct {
		use, option, msg string
		o                catalog.Options
	}{
		{"hwmon", "chip", "is missing", nil},
		{"hwmon", "chip", "want what the file name", catalog.Options{"chip": "a/b"}},
		{"hwmon", "device", "only the last part", catalog.Options{"chip": "lm75", "device": "/sys/x"}},
		{"hwmon", "inputs", "is missing", catalog.Options{"chip": "nct6775"}},
		{"hwmon", "inputs", "is no key", catalog.Options{"chip": "lm75", "inputs": []string{"temperature"}}},
		{"hwmon", "out", "and not in", catalog.Options{"chip": "lm75", "out": []catalog.Channel{{Name: "temp1", Unit: "V"}}}},
		{"thermal", "zones", "is no zone", catalog.Options{"zones": []string{""}}},
		{"w1", "id", "ROM number", catalog.Options{"id": "28-1"}},
		{"system", "mounts", "absolute path", catalog.Options{"mounts": []string{"data"}}},
		{"system", "interfaces", "network interface", catalog.Options{"interfaces": []string{"a/b"}}},
	} {
		_, err := catalog.Check(catalog.Spec{Engine: lookup(t, test.use), Options: test.o})
		var oe *catalog.OptionError
		if !errors.As(err, &oe) || oe.Option != test.option || !strings.Contains(oe.Msg, test.msg) {
			t.Errorf("%s %v: got %v, want %s: %s", test.use, test.o, err, test.option, test.msg)
		}
	}
}
