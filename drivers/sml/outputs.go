package sml

import (
	"math"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/obis"
)

// codeSerial is 1-0:96.1.0, the meter's serial number.
const codeSerial obis.Code = 1<<32 | 96<<16 | 1<<8

// Outputs that are not entries stand behind those of entries.
const (
	outSeconds = iota
	outTime
	numDerived
)

func derived() []drivers.Output {
	return []drivers.Output{
		outSeconds: {Name: "meter_seconds", Unit: "s", Resolution: 1},
		outTime:    {Name: "meter_time", Unit: "s", Resolution: 1},
	}
}

// entries are the outputs that an entry of the list gives. Import is what the
// customer takes from the grid (+A), export what he gives (-A); power is
// positive for import. Codes are those of the FNN requirements for basic
// meters and of IEC 62056-6-1. Resolutions are those of common meters.
func entries() []obis.Known {
	at := func(name, unit string, step float64, c, d, e uint8) obis.Known {
		return obis.At(obis.Of(1, 0, c, d, e), drivers.Output{Name: name, Unit: unit, Resolution: step})
	}
	energy := func(name string, c, e uint8) obis.Known { return at(name, "J", 360, c, 8, e) } // 0.1 Wh
	power := func(name string, c uint8) obis.Known { return at(name, "W", 0.01, c, 7, 0) }
	return []obis.Known{
		energy("energy_import", 1, 0), energy("energy_import_t1", 1, 1), energy("energy_import_t2", 1, 2),
		energy("energy_import_t3", 1, 3), energy("energy_import_t4", 1, 4),
		energy("energy_export", 2, 0), energy("energy_export_t1", 2, 1), energy("energy_export_t2", 2, 2),
		energy("energy_export_t3", 2, 3), energy("energy_export_t4", 2, 4),
		power("power", 16), power("power_l1", 36), power("power_l2", 56), power("power_l3", 76),
		power("power_import", 1), power("power_export", 2), power("power_absolute", 15),
		power("power_import_l1", 21), power("power_import_l2", 41), power("power_import_l3", 61),
		power("power_export_l1", 22), power("power_export_l2", 42), power("power_export_l3", 62),
		at("reactive_energy_import", "vars", 360, 3, 8, 0), at("reactive_energy_export", "vars", 360, 4, 8, 0),
		at("reactive_power_import", "var", 0.01, 3, 7, 0), at("reactive_power_export", "var", 0.01, 4, 7, 0),
		at("voltage_l1", "V", 0.1, 32, 7, 0), at("voltage_l2", "V", 0.1, 52, 7, 0), at("voltage_l3", "V", 0.1, 72, 7, 0),
		at("current_l1", "A", 0.01, 31, 7, 0), at("current_l2", "A", 0.01, 51, 7, 0), at("current_l3", "A", 0.01, 71, 7, 0),
		at("frequency", "Hz", 0.1, 14, 7, 0), at("power_factor", "", 0.001, 13, 7, 0),
		at("voltage_angle_l2", "deg", 1, 81, 7, 1), at("voltage_angle_l3", "deg", 1, 81, 7, 2), // to L1
		at("current_angle_l1", "deg", 1, 81, 7, 4), at("current_angle_l2", "deg", 1, 81, 7, 15), at("current_angle_l3", "deg", 1, 81, 7, 26),
	}
}

// unit says how a DLMS unit becomes SenML's: the value times factor·10^exp is
// in base.
type unit struct {
	base   string
	factor float64
	exp    int
}

// unitOf finds a unit by its number in IEC 62056-6-2's enumeration. 255, and a
// unit that is left out, stand for a bare number.
func unitOf(n int) (u unit, ok bool) {
	switch n {
	case 255:
		return unit{"", 1, 0}, true
	case 7:
		return unit{"s", 1, 0}, true
	case 8:
		return unit{"deg", 1, 0}, true
	case 9:
		return unit{"Cel", 1, 0}, true
	case 13, 14: // volume, corrected volume
		return unit{"m3", 1, 0}, true
	case 27:
		return unit{"W", 1, 0}, true
	case 28:
		return unit{"VA", 1, 0}, true
	case 29:
		return unit{"var", 1, 0}, true
	case 30:
		return unit{"J", 36, 2}, true
	case 31:
		return unit{"VAs", 36, 2}, true
	case 32:
		return unit{"vars", 36, 2}, true
	case 33:
		return unit{"A", 1, 0}, true
	case 35:
		return unit{"V", 1, 0}, true
	case 44:
		return unit{"Hz", 1, 0}, true
	}
	return unit{}, false
}

// fits reports whether an output in the given SenML unit takes values in base.
func (u unit) fits(output string) bool {
	return u.base == output || u.base == "" && output == "count"
}

// in gives v·10^scaler in u's base: the one division or multiplication of
// exact operands, as long as v·factor is below 2^53, makes it the float64
// next to the decimal value.
func (v integer) in(u unit, scaler int) float64 {
	x, e := float64(v.mag)*u.factor, u.exp+scaler
	if e >= 0 {
		x *= math.Pow10(e)
	} else {
		x /= math.Pow10(-e)
	}
	if v.negative {
		x = -x
	}
	return x
}
