package serial

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// tree builds a file system root: "path" is a directory, "path=text" a file,
// "path>target" a link.
func tree(t *testing.T, entries ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, e := range entries {
		path, target, isLink := strings.Cut(e, ">")
		path, content, isFile := strings.Cut(path, "=")
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case isLink:
			err = os.Symlink(target, full)
		case isFile:
			err = os.WriteFile(full, []byte(content+"\n"), 0o644)
		default:
			err = os.MkdirAll(full, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestListFindsPortsWithHardware(t *testing.T) {
	const usb = "sys/devices/pci0/usb1/1-1"
	root := tree(t,
		usb+"/product=FT232R USB UART",
		"sys/bus/usb-serial/drivers/ftdi_sio",
		usb+"/1-1:1.0/ttyUSB0/driver>../../../../../../bus/usb-serial/drivers/ftdi_sio",
		usb+"/1-1:1.0/ttyUSB0/tty/ttyUSB0/device>../../../ttyUSB0",
		"sys/class/tty/ttyUSB0>../../devices/pci0/usb1/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0",
		"dev/serial/by-id/usb-FTDI_FT232R_A1>../../ttyUSB0",
		"dev/serial/by-path/platform-usb-0:1.2:1.0-port0>../../ttyUSB0",
		// A CH340 without serial number: its twin has the by-id link.
		usb+"/1-2:1.0/ttyUSB1/tty/ttyUSB1/device>../../../ttyUSB1",
		"sys/class/tty/ttyUSB1>../../devices/pci0/usb1/1-1/1-2:1.0/ttyUSB1/tty/ttyUSB1",
		"dev/serial/by-path/platform-usb-0:1.3:1.0-port0>../../ttyUSB1",
		// Jetson's UART, a name that no list of prefixes has.
		"sys/devices/platform/3100000.serial/tty/ttyTHS1/device>../../../3100000.serial",
		"sys/class/tty/ttyTHS1>../../devices/platform/3100000.serial/tty/ttyTHS1",
		// Announced by the 8250 driver, no chip behind it.
		"sys/devices/platform/serial8250/tty/ttyS2/type=0",
		"sys/devices/platform/serial8250/tty/ttyS2/device>../../../serial8250",
		"sys/class/tty/ttyS2>../../devices/platform/serial8250/tty/ttyS2",
		// A virtual console has no device.
		"sys/class/tty/tty1",
	)
	got, err := List(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []Info{
		{Path: "/dev/ttyTHS1", Device: "/dev/ttyTHS1"},
		{
			Path: "/dev/serial/by-id/usb-FTDI_FT232R_A1", Device: "/dev/ttyUSB0",
			ByID:   []string{"/dev/serial/by-id/usb-FTDI_FT232R_A1"},
			ByPath: []string{"/dev/serial/by-path/platform-usb-0:1.2:1.0-port0"},
			Driver: "ftdi_sio", Product: "FT232R USB UART",
		},
		{
			Path: "/dev/serial/by-path/platform-usb-0:1.3:1.0-port0", Device: "/dev/ttyUSB1",
			ByPath:  []string{"/dev/serial/by-path/platform-usb-0:1.3:1.0-port0"},
			Product: "FT232R USB UART",
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("List:\n got %+v\nwant %+v", got, want)
	}
}

func TestListOfARootWithoutSysfs(t *testing.T) {
	if _, err := List(t.TempDir()); err == nil {
		t.Error("List = nil error, want one: sysfs is not mounted")
	}
}
