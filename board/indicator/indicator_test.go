package indicator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree makes /sys/class/leds/NAME as the kernel shows it. Its files are plain:
// what is written replaces what was there.
func tree(t *testing.T, files map[string]string) (root string, read func(string) string) {
	t.Helper()
	root = t.TempDir()
	dir := filepath.Join(root, "sys/class/leds/ACT")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root, func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

func TestLED(t *testing.T) {
	for name, tc := range map[string]struct {
		max       string
		activeLow bool
		off, on   string
	}{
		"plain":      {"1\n", false, "0", "1"},
		"dimmable":   {"255\n", false, "0", "255"},
		"active low": {"255\n", true, "255", "0"},
		"odd file":   {"many\n", false, "0", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			root, read := tree(t, map[string]string{
				"brightness": "1\n", "max_brightness": tc.max, "trigger": "none kbd-scrolllock [mmc0] timer\n",
			})
			l, err := OpenLED(root, "ACT", tc.activeLow)
			if err != nil {
				t.Fatal(err)
			}
			if got := read("trigger"); got != "none" {
				t.Errorf("trigger is %q while open, want none", got)
			}
			if got := read("brightness"); got != tc.off {
				t.Errorf("brightness is %q after open, want %q", got, tc.off)
			}
			if err := l.Set(true); err != nil {
				t.Fatal(err)
			}
			if got := read("brightness"); got != tc.on {
				t.Errorf("brightness is %q when on, want %q", got, tc.on)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if got := read("brightness"); got != tc.off {
				t.Errorf("brightness is %q after close, want %q", got, tc.off)
			}
			if got := read("trigger"); got != "mmc0" {
				t.Errorf("trigger is %q after close, want mmc0", got)
			}
		})
	}
}

func TestLEDErrors(t *testing.T) {
	root, _ := tree(t, nil)
	if _, err := OpenLED(root, "PWR", false); err == nil || !strings.Contains(err.Error(), `led "PWR": there is none of this name (there are ACT)`) {
		t.Errorf("OpenLED gave %v", err)
	}
	if _, err := OpenLED(root, "ACT", false); err == nil || !strings.Contains(err.Error(), "brightness") {
		t.Errorf("OpenLED without a brightness gave %v", err)
	}
}

func TestLineErrors(t *testing.T) {
	_, err := OpenLine("gpiochip-none", 3, false)
	if err == nil || !strings.Contains(err.Error(), "gpio gpiochip-none/3: ") {
		t.Errorf("OpenLine gave %v", err)
	}
}
