package iio

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tree makes files below a root: "path: text" lines. A path that ends with |
// is a named pipe.
func tree(t testing.TB, text string) (root string) {
	t.Helper()
	root = t.TempDir()
	plant(t, root, text)
	return root
}

func plant(t testing.TB, root, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		path, content, _ := strings.Cut(line, ": ")
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if pipe, is := strings.CutSuffix(path, "|"); is {
			if err := unix.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, []byte(content+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func link(t testing.TB, root, to, at string) {
	t.Helper()
	at = filepath.Join(root, at)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

func content(t testing.TB, root, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// accel is an ADXL345-like accelerometer with a data-ready trigger, as the
// kernel shows it: 16 bytes a scan, three of 16 bits, a gap, the time.
const accel = `
	sys/bus/iio/devices/iio:device0/name: adxl345
	sys/bus/iio/devices/iio:device0/in_accel_scale: 0.038300
	sys/bus/iio/devices/iio:device0/in_accel_x_offset: 10
	sys/bus/iio/devices/iio:device0/sampling_frequency: 100.000000
	sys/bus/iio/devices/iio:device0/current_timestamp_clock: realtime
	sys/bus/iio/devices/iio:device0/trigger/current_trigger: adxl345-dev0
	sys/bus/iio/devices/iio:device0/buffer/enable: 0
	sys/bus/iio/devices/iio:device0/buffer/length: 2
	sys/bus/iio/devices/iio:device0/buffer/watermark: 1
	sys/bus/iio/devices/iio:device0/scan_elements/in_accel_x_en: 0
	sys/bus/iio/devices/iio:device0/scan_elements/in_accel_x_index: 0
	sys/bus/iio/devices/iio:device0/scan_elements/in_accel_x_type: le:s13/16>>0
	sys/bus/iio/devices/iio:device0/scan_elements/in_accel_y_en: 0
	sys/bus/iio/devices/iio:device0/scan_elements/in_accel_y_index: 1
	sys/bus/iio/devices/iio:device0/scan_elements/in_accel_y_type: le:s13/16>>0
	sys/bus/iio/devices/iio:device0/scan_elements/in_accel_z_en: 0
	sys/bus/iio/devices/iio:device0/scan_elements/in_accel_z_index: 2
	sys/bus/iio/devices/iio:device0/scan_elements/in_accel_z_type: be:s12/16>>4
	sys/bus/iio/devices/iio:device0/scan_elements/in_temp_en: 1
	sys/bus/iio/devices/iio:device0/scan_elements/in_temp_index: 3
	sys/bus/iio/devices/iio:device0/scan_elements/in_temp_type: le:s16/16>>0
	sys/bus/iio/devices/iio:device0/scan_elements/in_timestamp_en: 0
	sys/bus/iio/devices/iio:device0/scan_elements/in_timestamp_index: 4
	sys/bus/iio/devices/iio:device0/scan_elements/in_timestamp_type: le:s64/64>>0
	sys/bus/iio/devices/trigger0/name: adxl345-dev0
	dev/iio:device0|
`
