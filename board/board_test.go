package board

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// plant builds the file tree that testdata/<board>/tree.txt describes: a line
// `path "text"` is a file, `path -> target` a symlink.
func plant(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name, "tree.txt"))
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		path, rest, _ := strings.Cut(line, " ")
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(rest, "-> "); ok {
			err = os.Symlink(target, path)
		} else {
			var body string
			if body, err = strconv.Unquote(rest); err == nil {
				err = os.WriteFile(path, []byte(body), 0o644)
			}
		}
		if err != nil {
			t.Fatalf("%s: %q: %v", name, line, err)
		}
	}
	return root
}

func detect(t *testing.T, name string) *Board {
	t.Helper()
	b, err := Detect(plant(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDetectGolden(t *testing.T) {
	boards, err := filepath.Glob("testdata/*/tree.txt")
	if err != nil || len(boards) < 14 {
		t.Fatalf("found %d fixture trees, want at least 14 (%v)", len(boards), err)
	}
	for _, path := range boards {
		name := filepath.Base(filepath.Dir(path))
		t.Run(name, func(t *testing.T) {
			got, err := json.MarshalIndent(detect(t, name), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name, "golden.json")
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got)+"\n" != string(want) {
				t.Errorf("%s differs from its golden file:\ngot  %s\nwant %s", name, got, want)
			}
		})
	}
}

// TestFacts states by hand what a person at the bench needs, so that a golden
// file written anew cannot hide a mistake.
func TestFacts(t *testing.T) {
	tests := []struct {
		tree, name string
		known      bool
		bus        int    // the I2C bus for sensors, -1 = none present
		busLabel   string // a part of its label
		port       string // the UART for sensors, "" = none
		console    string // the console's ports
		watch      string // IDs in order
	}{
		{"raspberrypi-zero-2-w", "Raspberry Pi Zero 2 W", true, -1, "", "/dev/ttyS0", "tty1 ttyS0", "i2c-off console-on-sensor-uart mini-uart no-rtc"},
		{"raspberrypi-3", "Raspberry Pi 3", true, 1, "pins 3 (SDA) and 5", "/dev/ttyAMA0", "tty1", "clock-stretching"},
		{"raspberrypi-4", "Raspberry Pi 4", true, 1, "pins 3 (SDA) and 5", "/dev/ttyS0", "tty1", "clock-stretching mini-uart no-rtc"},
		{"raspberrypi-5", "Raspberry Pi 5", true, 1, "pins 3 (SDA) and 5", "/dev/ttyAMA0", "tty1 ttyAMA10", "rtc-without-battery"},
		{"beaglebone-black", "BeagleBone Black", true, 2, "P9_20 (SDA)", "/dev/ttyS1", "ttyS0", "rtc-without-battery"},
		{"beagleplay", "BeaglePlay", true, 1, "Grove", "/dev/ttyS0", "ttyS2", ""},
		{"jetson-orin-nano", "Jetson Orin Nano", true, 1, "pins 27 (SDA)", "/dev/ttyTHS1", "tty0 ttyTCU0", ""},
		{"imx8mp-evk", "NXP i.MX8M Plus EVK", true, 2, "I2C3", "/dev/ttymxc2", "ttymxc1", ""},
		{"rock-5b", "Radxa ROCK 5B", true, 7, "audio codec", "/dev/ttyS2", "ttyS2", "i2c-off console-on-sensor-uart"},
		{"qemu-raspi3b", "Raspberry Pi 3", true, 1, "pins 3 (SDA) and 5", "/dev/ttyAMA0", "ttyS1", "clock-stretching no-rtc"},
		{"qemu-virt", "QEMU virt", true, -1, "", "/dev/ttyAMA0", "ttyAMA0", "i2c-off console-on-sensor-uart"},
		{"qemu-imx8mp", "NXP i.MX8M Plus EVK", true, 2, "I2C3", "/dev/ttymxc0", "ttymxc1", "i2c-dev no-rtc"},
		{"unknown-arm", "Acme Widget 7", false, 3, "", "/dev/ttyS9", "ttySTM0", "console-on-sensor-uart shared-by-id no-rtc"},
		{"pc", "Dell Inc. Latitude 7390", false, 5, "", "/dev/ttyACM0", "tty0", ""},
	}
	for _, tt := range tests {
		t.Run(tt.tree, func(t *testing.T) {
			b := detect(t, tt.tree)
			if b.Name != tt.name || b.Known != tt.known {
				t.Errorf("got %q known=%v, want %q known=%v", b.Name, b.Known, tt.name, tt.known)
			}
			bus, label := -1, ""
			for _, a := range b.I2C {
				if a.Exposed {
					bus, label = a.Number, a.Label
					break
				}
			}
			if bus != tt.bus || !strings.Contains(label, tt.busLabel) {
				t.Errorf("first I2C bus for sensors is %d (%q), want %d (%q)", bus, label, tt.bus, tt.busLabel)
			}
			i := slices.IndexFunc(b.Serial, func(s Serial) bool { return s.Exposed })
			if i < 0 || b.Serial[i].Path != tt.port {
				t.Errorf("first port for sensors: got %+v, want %s", b.Serial, tt.port)
			}
			if got := strings.Join(b.Console.Ports, " "); got != tt.console {
				t.Errorf("console on %q, want %q", got, tt.console)
			}
			var ids []string
			for _, w := range b.WatchOuts {
				ids = append(ids, w.ID)
				if w.Text == "" || w.Do == "" {
					t.Errorf("watch-out %s lacks text or cure", w.ID)
				}
			}
			if got := strings.Join(ids, " "); got != tt.watch {
				t.Errorf("watch-outs %q, want %q", got, tt.watch)
			}
		})
	}
}

func TestPortsByEveryName(t *testing.T) {
	b := detect(t, "raspberrypi-3")
	byID := "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"
	for _, path := range []string{"/dev/ttyUSB0", byID, "/dev/serial/by-path/platform-3f980000.usb-usb-0:1.2:1.0-port0"} {
		s := b.Port(path)
		if s == nil || s.Path != "/dev/ttyUSB0" {
			t.Fatalf("Port(%q) = %+v, want /dev/ttyUSB0", path, s)
		}
		if s.Best() != byID {
			t.Errorf("best name %q, want %q", s.Best(), byID)
		}
	}
	if s := b.Port("/dev/serial0"); s == nil || s.Best() != "/dev/ttyAMA0" {
		t.Errorf("serial0 = %+v, want /dev/ttyAMA0", s)
	}
	if s := b.Port("/dev/ttyUSB7"); s != nil {
		t.Errorf("found %+v for a port that does not exist", s)
	}
}

func TestHereAndNowhere(t *testing.T) {
	if _, err := Detect("/"); err != nil {
		t.Errorf("this machine: %v", err)
	}
	b, err := Detect(t.TempDir())
	if err != nil || b.Name != "unknown board" || len(b.I2C)+len(b.Serial) != 0 {
		t.Errorf("empty root: got %+v, %v", b, err)
	}
	if _, err := Detect(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a root that does not exist gave no error")
	}
}

// TestTableIsSound: no compatible string selects two boards, and each board's
// first bus has a cure.
func TestTableIsSound(t *testing.T) {
	owner := map[string]string{}
	for _, f := range known() {
		for _, c := range f.compatible {
			if was := owner[c]; was != "" {
				t.Errorf("%q selects %s and %s", c, was, f.name)
			}
			owner[c] = f.name
		}
		if f.i2cCure == "" || f.cmdline == "" {
			t.Errorf("%s lacks i2cCure or cmdline", f.name)
		}
		if len(f.i2c) > 0 && f.i2c[0].internal {
			t.Errorf("%s: the first I2C bus is the one for sensors, but it is internal", f.name)
		}
	}
}
