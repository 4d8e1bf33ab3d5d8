package drivertest

import (
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"periph.io/x/conn/v3/i2c"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/internal/toml"
)

// open makes a driver of the catalogue.
func open(t *testing.T, use string, addr uint16, o catalog.Options) func(i2c.Bus) (drivers.Sensor, error) {
	e, ok := catalog.Lookup(use, nil)
	if !ok {
		t.Fatalf("there is no %s", use)
	}
	return func(bus i2c.Bus) (drivers.Sensor, error) {
		return catalog.OpenSensor(bus, catalog.Spec{Name: "x", Engine: e, Addr: addr, Options: o})
	}
}

// Every driver that is shipped, of code and of profiles, whose chip is
// simulated.
func TestShippedDrivers(t *testing.T) {
	bosch := catalog.Options{"oversampling_temperature": int64(1), "oversampling_pressure": int64(1), "oversampling_humidity": int64(1),
		"iir_filter": int64(0), "power_mode": "forced"}
	dry := maps.Clone(bosch)
	delete(dry, "oversampling_humidity")
	for _, test := range []struct {
		use     string
		options catalog.Options
		d       Device
	}{
		{"bme280", bosch, Device{Addr: 0x76, Settle: 2 * time.Millisecond,
			Chip: func() sim.Chip { c := sim.NewBME280(sim.BMxTypical()); c.Set(23.4, 101325, 40); return c },
			Want: map[string]Near{"temperature": {23.4, 0.01}, "pressure": {101325, 2.7}, "humidity": {40, 0.1}}}},
		{"bmp280", dry, Device{Addr: 0x77, Settle: 2 * time.Millisecond,
			Chip: func() sim.Chip { c := sim.NewBMP280(sim.BMxTypical()); c.Set(-7.5, 99000, 0); return c },
			Want: map[string]Near{"temperature": {-7.5, 0.01}, "pressure": {99000, 2.7}}}},
		{"bmp180", catalog.Options{"oversampling": int64(1), "oversampling_pressure": int64(8)}, Device{Addr: 0x77, Settle: 20 * time.Millisecond,
			Chip: func() sim.Chip { c := sim.NewBMP180(sim.BMP180Typical()); c.Set(15, 69964); return c },
			Want: map[string]Near{"temperature": {15, 0.1}, "pressure": {69964, 6}}}},
		{"tmp117", nil, Device{Addr: 0x48, Settle: 20 * time.Millisecond,
			Chip: func() sim.Chip { c := sim.NewTMP117(); c.Set(61.25); return c }, Want: map[string]Near{"temperature": {61.25, 0.0079}}}},
		{"tmp102", nil, Device{Addr: 0x48, Settle: 50 * time.Millisecond, CannotTell: true,
			Chip: func() sim.Chip { c := sim.NewTMP102(); c.Set(-12.5); return c }, Want: map[string]Near{"temperature": {-12.5, 0.07}}}},
		{"lm75", nil, Device{Addr: 0x49, Settle: 400 * time.Millisecond, CannotTell: true,
			Chip: func() sim.Chip { c := sim.NewLM75(9); c.Set(12.5); return c }, Want: map[string]Near{"temperature": {12.5, 0.5}}}},
		{"ina219", catalog.Options{"shunt": 0.1}, Device{Addr: 0x40, Settle: 2 * time.Millisecond, CannotTell: true,
			Chip: func() sim.Chip { c := sim.NewINA219(0.1); c.Set(12, 1.5); return c }, Want: map[string]Near{"voltage": {12, 0.004}, "current": {1.5, 0.001}}}},
		{"sht4x", nil, Device{Addr: 0x44, Settle: 2 * time.Millisecond,
			Chip: func() sim.Chip { c := sim.NewSHT4x(7); c.Set(9.5, 71); return c }, Want: map[string]Near{"temperature": {9.5, 0.01}, "humidity": {71, 0.01}}}},
	} {
		t.Run(test.use, func(t *testing.T) {
			test.d.Open = open(t, test.use, test.d.Addr, test.options)
			Run(t, test.d)
		})
	}
}

// A chip that is not shipped, described in TOML as docs/drivers.md has it.
func TestProfileOfTheWalkthrough(t *testing.T) {
	var user catalog.Profiles
	if problems := user.Add("acme-t1", walkthrough()); len(problems) > 0 {
		t.Fatal(problems)
	}
	e, ok := catalog.Lookup("acme-t1", user)
	if !ok {
		t.Fatal("the profile is not found")
	}
	Run(t, Device{
		Addr: 0x4d, CannotTell: true,
		Chip: func() sim.Chip {
			c := sim.NewRegisters(2, map[byte]uint16{0x01: 0x0000, 0x0F: 0xA1C3})
			c.Set(0x00, 0x1770)
			return c
		},
		Open: func(bus i2c.Bus) (drivers.Sensor, error) {
			return catalog.OpenSensor(bus, catalog.Spec{Name: "x", Engine: e})
		},
		Want: map[string]Near{"temperature": {23.4375, 0.07}},
	})
}

// walkthrough is the profile that stands in docs/drivers.md.
func walkthrough() map[string]any {
	text, err := os.ReadFile("../../docs/drivers.md")
	if err != nil {
		panic(err)
	}
	_, rest, _ := strings.Cut(string(text), "[profile.acme-t1]\n")
	body, _, _ := strings.Cut(rest, "\n\n")
	root, mistakes, ok := toml.Read([]byte("[profile.acme-t1]\n" + body + "\n"))
	if !ok || len(mistakes) > 0 {
		panic(mistakes)
	}
	table, _ := root.Find("profile.acme-t1")
	return table.Plain().(map[string]any)
}
