package frame

import "strings"

// Words and units that a dictionary names by number; docs/wire.md lists them.
// The order is part of the format: new entries go to the free places at the
// end, and only together with a new version.

const tableBits = 6 // both tables have 64 places; number 0 means "none of these"

var words = [1 << tableBits]string{
	1: "temperature", "humidity", "pressure", "lat", "lon", "alt", "speed", "course",
	"satellites", "hdop", "vdop", "pdop", "fix", "depth", "water_temperature", "heading",
	"voltage", "current", "power", "energy", "frequency", "power_factor", "active_power", "reactive_power",
	"apparent_power", "import_energy", "export_energy", "co2", "pm1", "pm2_5", "pm4", "pm10",
	"voc", "nox", "illuminance", "distance", "level", "flow", "weight", "count",
	"state", "x", "y", "z", "accel_x", "accel_y", "accel_z", "gyro_x",
	"gyro_y", "gyro_z", "magn_x", "magn_y", "magn_z", "dew_point", "moisture", "conductivity",
	"ph", "rain", "wind_speed", "wind_direction", "battery", "rate_of_turn", "value",
}

// Unit number 1 is the empty one. The others are from RFC 8428 section 12.1
// and RFC 8798.
var units = [1 << tableBits]string{
	1: "", "Cel", "%RH", "Pa", "hPa", "lat", "lon", "m",
	"m/s", "m/s2", "rad", "deg", "V", "A", "W", "J",
	"Wh", "kWh", "VA", "VAh", "var", "varh", "Hz", "/",
	"%", "ppm", "ppb", "ug/m3", "lx", "count", "s", "ms",
	"kg", "g", "K", "mV", "mA", "mW", "kW", "kVA",
	"kvar", "kvarh", "dB", "dBm", "Ohm", "S/m", "pH", "l",
	"m3", "l/s", "m3/s", "mm", "cm", "km", "km/h", "1/min",
	"T", "N", "cd", "lm", "W/m2", "%EL", "EL",
}

// wordOf returns the number of the longest word that ends name.
func wordOf(name string) (best uint8) {
	for i := 1; i < len(words); i++ {
		if words[i] != "" && len(words[i]) > len(words[best]) && strings.HasSuffix(name, words[i]) {
			best = uint8(i)
		}
	}
	return best
}

// unitOf returns the number of unit, 0 when it must be spelt out.
func unitOf(unit string) uint8 {
	for i := 1; i < len(units); i++ {
		if units[i] == unit {
			return uint8(i)
		}
	}
	return 0
}
