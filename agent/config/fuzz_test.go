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
	f.Fuzz(func(t *testing.T, data []byte, name, value string) {
		c, err := config.Parse("f.toml", data, []string{name + "=" + value})
		if err == nil {
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
