package serial

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Info describes a port that is present.
type Info struct {
	Path    string   // the name to configure: by-id if there is one, else by-path, else Device
	Device  string   // what the kernel calls it now, as in /dev/ttyUSB0
	ByID    []string // links that follow the adapter's serial number
	ByPath  []string // links that follow the socket it is plugged into
	Driver  string   // kernel driver, as in "ftdi_sio"; "" when unknown
	Product string   // what the adapter calls itself; "" when unknown
}

// List gives the ports that have hardware behind them, sorted by device,
// without opening any: opening has side effects. root is the file system's
// root, "/" outside tests; the paths in the result are without it.
func List(root string) ([]Info, error) {
	const class = "sys/class/tty"
	entries, err := os.ReadDir(filepath.Join(root, class))
	if err != nil {
		return nil, err
	}
	byID := links(root, "dev/serial/by-id")
	byPath := links(root, "dev/serial/by-path")
	var ports []Info
	for _, e := range entries {
		dir := filepath.Join(root, class, e.Name())
		hardware, err := filepath.EvalSymlinks(filepath.Join(dir, "device"))
		if err != nil || placeholder(dir) {
			continue
		}
		p := Info{
			Device:  "/dev/" + e.Name(),
			ByID:    byID[e.Name()],
			ByPath:  byPath[e.Name()],
			Driver:  driver(hardware),
			Product: product(root, hardware),
		}
		p.Path = stable(p)
		ports = append(ports, p)
	}
	return ports, nil
}

// placeholder reports whether dir is one of the ports that the 8250 driver
// announces without having found a chip: their type is 0, PORT_UNKNOWN.
func placeholder(dir string) bool { return text(filepath.Join(dir, "type")) == "0" }

func stable(p Info) string {
	switch {
	case len(p.ByID) > 0:
		return p.ByID[0]
	case len(p.ByPath) > 0:
		return p.ByPath[0]
	}
	return p.Device
}

// links maps a device's name to the links in dir that point to it.
func links(root, dir string) map[string][]string {
	found := map[string][]string{}
	entries, _ := os.ReadDir(filepath.Join(root, dir))
	for _, e := range entries {
		to, err := os.Readlink(filepath.Join(root, dir, e.Name()))
		if err != nil {
			continue
		}
		name := filepath.Base(to)
		found[name] = append(found[name], "/"+dir+"/"+e.Name())
	}
	for _, l := range found {
		slices.Sort(l)
	}
	return found
}

func driver(hardware string) string {
	to, err := os.Readlink(filepath.Join(hardware, "driver"))
	if err != nil {
		return ""
	}
	return filepath.Base(to)
}

// product looks for the USB device above a port; its name stands a few levels up.
func product(root, hardware string) string {
	top := filepath.Clean(root)
	for dir, levels := hardware, 0; levels < 5 && len(dir) > len(top); dir, levels = filepath.Dir(dir), levels+1 {
		if s := text(filepath.Join(dir, "product")); s != "" {
			return s
		}
	}
	return ""
}

func text(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
