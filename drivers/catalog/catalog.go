package catalog

import (
	"maps"
	"slices"
	"time"

	"github.com/telhub/telhub/drivers/bmp180"
	"github.com/telhub/telhub/drivers/bmx280"
	"github.com/telhub/telhub/drivers/profiles"
)

// engines are the engines that are written in Go, by the name that a sensor's
// "use" calls them. It is never changed.
var engines = map[string]Engine{
	"bme280": {
		Name: "bme280", Kind: I2C, Addrs: []uint16{0x76, 0x77},
		Doc:     "Bosch BME280: temperature, pressure and humidity of the air.",
		Options: bmx280Options(bmx280.BME280),
		sensor:  newBMX280(bmx280.BME280),
	},
	"bme680": {
		Name: "bme680", Kind: I2C, Addrs: []uint16{0x76, 0x77},
		Doc:     "Bosch BME680: temperature, pressure and humidity of the air, and the resistance of its gas sensor.",
		Options: bme680Options(),
		sensor:  newBME680,
	},
	"bmp180": {
		Name: "bmp180", Kind: I2C, Addrs: []uint16{bmp180.Addr},
		Doc:     "Bosch BMP180 and BMP085: temperature and pressure of the air.",
		Options: bmp180Options,
		sensor:  newBMP180,
	},
	"bmp280": {
		Name: "bmp280", Kind: I2C, Addrs: []uint16{0x76, 0x77},
		Doc:     "Bosch BMP280: temperature and pressure of the air.",
		Options: bmx280Options(bmx280.BMP280),
		sensor:  newBMX280(bmx280.BMP280),
	},
	"gpio": {
		Name: "gpio", Kind: Local,
		Doc:     "GPIO lines: pulses of meters, rain gauges and wind counted, levels of contacts read.",
		Options: gpioOptions,
		local:   newGPIO,
	},
	"hwmon": {
		Name: "hwmon", Kind: Local,
		Doc: "Chips that a driver of the kernel watches: voltages, currents, powers, temperatures, humidities, fans. " +
			"Without inputs and out, the outputs are those that telhub knows of the chip.",
		Options: hwmonOptions,
		local:   newHwmon,
	},
	"iio": {
		Name: "iio", Kind: Local,
		Doc:     "Chips and ADCs that a driver of the kernel's Industrial I/O reads, asked or through the kernel's buffer with its time stamps.",
		Options: iioOptions,
		local:   newIIO,
	},
	"line": {
		Name: "line", Kind: Serial, Mode: "9600 8N1",
		Doc:     "Lines of text, as Arduinos, ESP boards, scales and many instruments print them.",
		Options: lineOptions,
		stream:  newLine,
	},
	"nmea": {
		Name: "nmea", Kind: Serial, Mode: "9600 8N1",
		Doc: "NMEA-0183 from GNSS receivers, echo sounders, compasses and weather stations. " +
			"Receivers mostly send at 9600 baud, marine instruments at 4800.",
		stream: newNMEA,
	},
	"p1": {
		Name: "p1", Kind: Serial, Mode: "115200 8N1",
		Doc: "Smart meters with a P1 customer port: DSMR and ESMR, Belgium, Luxembourg, Sweden, Hungary. " +
			"DSMR 2.2 and 3 send at 9600 7E1.",
		Options: p1Options,
		stream:  newP1,
	},
	"sml": {
		Name: "sml", Kind: Serial, Mode: "9600 8N1",
		Doc:     "German electricity meters that push SML through their optical interface.",
		Options: smlOptions,
		stream:  newSML,
	},
	"system": {
		Name: "system", Kind: Local,
		Doc: "The board's own health: load, processor, memory, disks, network, uptime, temperature, undervoltage, wear of the eMMC. " +
			"What a board does not have stays silent; choose with only.",
		Options: systemOptions,
		local:   newSystem,
	},
	"thermal": {
		Name: "thermal", Kind: Local,
		Doc:     "The kernel's thermal zones: temperatures of the processor and of other parts of the board.",
		Options: thermalOptions,
		local:   newThermal,
	},
	"vedirect": {
		Name: "vedirect", Kind: Serial, Mode: "19200 8N1",
		Doc:     "Victron's VE.Direct text: solar chargers, battery monitors, inverters, converters.",
		Options: vedirectOptions,
		stream:  newVEDirect,
	},
	"w1": {
		Name: "w1", Kind: Local, Time: 94 * time.Millisecond, // of 9 bits
		Doc: "Thermometers on a 1-Wire bus: DS18B20, DS18S20, DS1822, DS1825, MAX31850. " +
			"A measurement takes 94 ms with 9 bits and 750 ms with 12, as they come.",
		Options: w1Options,
		local:   newW1,
	},
}

// Lookup finds what a sensor's "use" names: an engine, a profile of the
// configuration, or a profile that telhub ships, in this order. A user's
// profile may thus replace a shipped one.
func Lookup(use string, user Profiles) (Engine, bool) {
	if e, ok := engines[use]; ok {
		return e, true
	}
	if p, ok := user[use]; ok {
		return profileEngine(p), true
	}
	return shipped(use)
}

// Names lists everything that Lookup finds, in alphabetical order.
func Names(user Profiles) []string {
	names := slices.Collect(maps.Keys(engines))
	names = append(names, profiles.Names()...)
	names = append(names, slices.Collect(maps.Keys(user))...)
	slices.Sort(names)
	return slices.Compact(names)
}
