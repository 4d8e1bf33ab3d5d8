package config

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"

	"github.com/telhub/telhub/drivers/catalog"
)

// CheckAdapters reports chips that stretch the clock on an adapter that cannot
// bear it. The BCM2835's I2C controller, in every Raspberry Pi up to the 4,
// goes on too early then and delivers wrong bits without an error, unless it
// runs at 10 kHz. root is where /sys is; what is not there, or on another
// machine, is not reported.
func (c *Config) CheckAdapters(root string) (ps Problems) {
	for i := range c.Sensors {
		s := &c.Sensors[i]
		e, ok := catalog.Lookup(s.Use, c.Profiles)
		if !ok || !e.Stretches {
			continue
		}
		if b := c.bus(s.Bus); b != nil && b.Path != "" && losesStretches(root, b.Path) {
			ps = append(ps, Problem{
				Source: c.file, Path: "sensor[" + s.Name + "].bus", Value: s.Bus,
				Msg: s.Use + " stretches the clock, and the bcm2835 I2C controller then delivers wrong bits without an error",
				Cure: "put dtoverlay=i2c-gpio into the board's config.txt and move the chip to that bus, " +
					"or slow this one down with dtparam=i2c_arm_baudrate=10000",
			})
		}
	}
	return ps
}

// losesStretches reports whether the adapter at path is a bcm2835 that is
// clocked faster than 10 kHz.
func losesStretches(root, path string) bool {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	node := filepath.Join(root, "sys/bus/i2c/devices", filepath.Base(path))
	name, err := os.ReadFile(filepath.Join(node, "name"))
	if err != nil || !strings.HasPrefix(string(name), "bcm2835") {
		return false
	}
	for _, below := range []string{"of_node", "device/of_node"} {
		raw, err := os.ReadFile(filepath.Join(node, below, "clock-frequency"))
		if err == nil && len(raw) == 4 { // a cell, big-endian (Devicetree Specification v0.4, 2.2.4)
			return binary.BigEndian.Uint32(raw) > 10_000
		}
	}
	return true
}
