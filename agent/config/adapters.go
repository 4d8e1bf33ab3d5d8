package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/telhub/telhub/board"
)

// CheckAdapters reports chips that do not go with their adapter: that stretch
// the clock on one that cannot bear it, or do not bear its clock. root is where
// /sys is; what is not there, or on another machine, is not reported.
func (c *Config) CheckAdapters(root string) (ps Problems) {
	for i := range c.Sensors {
		s := &c.Sensors[i]
		b := c.bus(s.Bus)
		if b == nil || b.Path == "" {
			continue
		}
		warn := func(msg, cure string) {
			ps = append(ps, Problem{Source: c.file, Path: "sensor[" + s.Name + "].bus", Value: s.Bus, Msg: msg, Cure: cure})
		}
		name, clock := adapter(root, b.Path)
		if s.Engine.Stretches && losesStretches(name, clock) {
			warn(s.Use+" stretches the clock, and the bcm2835 I2C controller then delivers wrong bits without an error",
				"put dtoverlay=i2c-gpio into the board's config.txt and move the chip to that bus, "+
					"or slow this one down with dtparam=i2c_arm_baudrate=10000")
		}
		if most := s.Engine.MaxSpeed; most > 0 && clock > most {
			warn(fmt.Sprintf("%s bears a bus clock of %d kHz at most, and this bus runs at %d kHz", s.Use, most/1000, clock/1000), SlowerBus(most))
		}
	}
	return ps
}

// SlowerBus says how a bus gets a clock of at most hz.
func SlowerBus(hz uint32) string {
	return fmt.Sprintf("lower clock-frequency of the bus in the device tree to %d (on a Raspberry Pi dtparam=i2c_arm_baudrate=%d in config.txt), or move the chip to a slower bus", hz, hz)
}

// adapter gives what the kernel calls the adapter at path, and its clock in
// Hz, 0 when that is not known.
func adapter(root, path string) (name string, clock uint32) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	node := filepath.Base(path)
	text, err := os.ReadFile(filepath.Join(root, "sys/bus/i2c/devices", node, "name"))
	if err != nil {
		return "", 0
	}
	n, err := strconv.Atoi(strings.TrimPrefix(node, "i2c-"))
	if err != nil {
		return string(text), 0
	}
	return string(text), board.BusClock(root, n)
}

// losesStretches reports whether an adapter is a bcm2835 that is clocked faster
// than 10 kHz: the controller, in every Raspberry Pi up to the 4, goes on too
// early when a chip stretches the clock, and delivers wrong bits without an
// error.
func losesStretches(name string, clock uint32) bool {
	return strings.HasPrefix(name, "bcm2835") && (clock == 0 || clock > 10_000)
}
