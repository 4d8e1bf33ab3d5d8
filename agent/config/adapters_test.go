package config_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/telhub/telhub/agent/config"
)

// A chip that stretches the clock on a Raspberry Pi's own controller is warned
// of, and one that does not bear the clock of its bus; other adapters, other
// chips, a slow clock and a missing adapter are not.
func TestStretchingOnBCM2835IsWarnedOf(t *testing.T) {
	root := write(t, map[string]string{
		"sys/bus/i2c/devices/i2c-1/name":                    "bcm2835 (i2c@7e804000)\n",
		"sys/bus/i2c/devices/i2c-1/of_node/clock-frequency": "\x00\x01\x86\xa0", // 100 kHz
		"sys/bus/i2c/devices/i2c-2/name":                    "bcm2835 (i2c@7e805000)\n",
		"sys/bus/i2c/devices/i2c-2/of_node/clock-frequency": "\x00\x00\x27\x10", // 10 kHz
		"sys/bus/i2c/devices/i2c-3/name":                    "i2c-gpio0\n",
		"sys/bus/i2c/devices/i2c-4/name":                    "bcm2835 I2C adapter\n",
	})
	var text strings.Builder
	for _, n := range []string{"1", "2", "3", "4", "5"} {
		text.WriteString("[bus.i2c" + n + "]\npath = \"/dev/i2c-" + n + "\"\n")
		text.WriteString("[[sensor]]\nname = \"air" + n + "\"\nuse = \"scd30\"\nbus = \"i2c" + n + "\"\nevery = \"10s\"\n")
		text.WriteString("[[sensor]]\nname = \"box" + n + "\"\nuse = \"sht4x\"\nbus = \"i2c" + n + "\"\nevery = \"10s\"\n")
	}
	cfg, err := config.Parse("telhub.toml", []byte(text.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := cfg.CheckAdapters(root)
	if len(got) != 3 {
		t.Fatalf("got %v, want two warnings of air1 and one of air4", got)
	}
	want := "telhub.toml: sensor[air1].bus = i2c1: scd30 bears a bus clock of 50 kHz at most, and this bus runs at 100 kHz; lower"
	if p := got[1].Error(); !strings.HasPrefix(p, want) || !strings.Contains(p, "i2c_arm_baudrate=50000") {
		t.Errorf("got %s\nwant %s… and the cure", p, want)
	}
	got = slices.Delete(got, 1, 2)
	for i, name := range []string{"air1", "air4"} {
		want := `telhub.toml: sensor[` + name + `].bus = i2c` + name[3:] + `: scd30 stretches the clock, and the bcm2835`
		if p := got[i].Error(); !strings.HasPrefix(p, want) || !strings.Contains(p, "dtoverlay=i2c-gpio") {
			t.Errorf("got %s\nwant %s… and the cure", p, want)
		}
	}
	if p := got[1].Error(); strings.Contains(p, "bears") {
		t.Errorf("got %s of an adapter whose clock is not known", p)
	}
	if got := cfg.CheckAdapters(filepath.Join(root, "nothing")); len(got) != 0 {
		t.Errorf("without /sys: %v", got)
	}
}
