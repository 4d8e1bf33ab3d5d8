package i2c

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Name gives the adapter's name as its kernel driver chose it, for example
// "bcm2835 (i2c@7e804000)", read from sysfs at each call.
func (b *Bus) Name() (string, error) {
	if b.number < 0 {
		return "", fmt.Errorf("%s: adapter name: the path does not end in i2c-N", b.path)
	}
	node := fmt.Sprintf("i2c-%d", b.number)
	// The class i2c-adapter is a compatibility option of the kernel; i2c-dev
	// is there whenever the device node is.
	text, err := os.ReadFile(filepath.Join(b.opts.Sysfs, "class/i2c-adapter", node, "name"))
	if err != nil {
		text, err = os.ReadFile(filepath.Join(b.opts.Sysfs, "class/i2c-dev", node, "name"))
	}
	if err != nil {
		return "", fmt.Errorf("%s: adapter name: %w", b.path, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// KernelOwned names the kernel driver that is bound to addr on this bus, or
// reports false. It asks sysfs and does not touch the bus.
func (b *Bus) KernelOwned(addr uint16) (driver string, ok bool) {
	if b.number < 0 {
		return "", false
	}
	device := fmt.Sprintf("%d-%04x", b.number, addr)
	target, err := os.Readlink(filepath.Join(b.opts.Sysfs, "bus/i2c/devices", device, "driver"))
	if err != nil {
		return "", false
	}
	return filepath.Base(target), true
}
