package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/agent/config"
)

// FuzzLoad: whatever a file holds, Load neither panics nor fails without
// saying where, and what it accepts is complete.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "testdata/whole.toml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "TELEMETRY_QUEUE_CAPACITY", "1024")
	}
	for _, text := range []string{
		"every = \"1s\"\ntemperature = { scale = 2, unit = \"degF\", filter = [\"ewma 30s\", \"throttle 10s\", \"round 1\"], max_rate = 0.5 }\n",
		"[sensor.energy]\nvalue = \"integral(max(temperature, 0), 1000)\"\nunit = \"kWh\"\nresolution = 0.1\nsend = { every = \"1h\" }\n",
		"only = [\"pressure\"]\n[[sensor.temperature.aggregate]]\nwindow = \"1m\"\nof = [\"mean\", \"stddev\"]\n",
		"group = \"a\"\noversample = 4\npriority = \"high\"\nhumidity.alarm = { low = 20, high = 80, clear = [25, 75], stale = \"1m\", drive = [\"lamp\", \"siren\"] }\n",
		"x.value = \"y\"\ny.value = \"{greenhouse/x} - temperature\"\n",
	} {
		f.Add([]byte(greenhouse+text), "TELEMETRY_CLOCK_REQUIRE_SYNC", "true")
	}
	f.Fuzz(func(t *testing.T, data []byte, name, value string) {
		c, err := config.Parse("f.toml", data, []string{name + "=" + value})
		if err == nil {
			engineOf(t, c)
			for i := range c.Sensors {
				if c.BusOf(&c.Sensors[i]) == nil || c.Sensors[i].Engine.Name == "" || c.Sensors[i].Every <= 0 {
					t.Errorf("incomplete sensor accepted: %+v", c.Sensors[i])
				}
			}
			return
		}
		var ps config.Problems
		if !errors.As(err, &ps) || len(ps) == 0 || c != nil {
			t.Fatalf("got %+v, %v", c, err)
		}
		for _, p := range ps {
			if p.Source == "f.toml" && p.Line < 1 {
				t.Errorf("no line: %v", p)
			}
			if p.Source == "" || p.Msg == "" || strings.Contains(p.Error(), "\n") {
				t.Errorf("bad problem: %q", p.Error())
			}
		}
	})
}
