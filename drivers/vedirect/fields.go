package vedirect

import "github.com/telhub/telhub/drivers"

// The kinds of device, as Options.Device says them.
const (
	Any       = "any"
	MPPT      = "mppt"      // solar chargers: BlueSolar, SmartSolar
	BMV       = "bmv"       // battery monitors: BMV-60x, BMV-70x, BMV-712, SmartShunt
	Inverter  = "inverter"  // Phoenix Inverter, Phoenix Smart, inverter RS
	Charger   = "charger"   // Phoenix Smart IP43 and Smart battery chargers
	Converter = "converter" // Orion XS and Smart DC/DC converters, Smart BuckBoost
)

// devices as a set of bits, one for each field's column in the protocol's table.
type devices uint8

const (
	mppt devices = 1 << iota
	bmv
	inverter
	charger
	converter
	all = mppt | bmv | inverter | charger | converter
)

// form is how a field's value is written.
type form uint8

const (
	decimal form = iota // [-]digits
	hexa                // 0x and hexadecimal digits
	onOff               // ON or OFF, in any case
)

// field is a field of the text protocol with its output: the value times
// factor·10^exp is in the output's unit.
type field struct {
	label  string
	of     devices
	form   form
	factor uint64
	exp    int
	drivers.Output
}

// scaled makes a decimal field in steps of 10^exp.
func scaled(label, name, unit string, exp int, step float64, of devices) field {
	return field{label: label, of: of, factor: 1, exp: exp, Output: drivers.Output{Name: name, Unit: unit, Resolution: step}}
}

func milli(label, name, unit string, of devices) field {
	return scaled(label, name, unit, -3, 0.001, of)
}

func plain(label, name, unit string, of devices) field { return scaled(label, name, unit, 0, 1, of) }

// charge is in mAh: 3.6 C.
func charge(label, name string, of devices) field {
	return field{label: label, of: of, factor: 36, exp: -1, Output: drivers.Output{Name: name, Unit: "C", Resolution: 3.6}}
}

// energy is in 0.01 kWh: 36 kJ.
func energy(label, name string, of devices) field {
	return field{label: label, of: of, factor: 36, exp: 3, Output: drivers.Output{Name: name, Unit: "J", Resolution: 36000}}
}

func state(label, name string, form form, of devices) field {
	return field{label: label, of: of, form: form, factor: 1, Output: drivers.Output{Name: name, Resolution: 1}}
}

// infinite is the label of the time to go, whose -1 is no time.
const infinite = "TTG"

// fields are the protocol's table of fields, but those for texts: PID, FW,
// FWE, SER#, BMV.
func fields() []field {
	minutes := plain(infinite, "time_to_go", "s", bmv)
	minutes.factor, minutes.Resolution = 60, 60
	return []field{
		milli("V", "battery_voltage", "V", all),
		milli("V2", "battery2_voltage", "V", charger), milli("V3", "battery3_voltage", "V", charger),
		milli("VS", "starter_voltage", "V", bmv), milli("VM", "midpoint_voltage", "V", bmv),
		scaled("DM", "midpoint_deviation", "/", -3, 0.001, bmv),
		milli("VPV", "pv_voltage", "V", mppt), plain("PPV", "pv_power", "W", mppt),
		milli("I", "battery_current", "A", all),
		milli("I2", "battery2_current", "A", charger), milli("I3", "battery3_current", "A", charger),
		milli("IL", "load_current", "A", mppt), state("LOAD", "load", onOff, mppt),
		plain("T", "temperature", "Cel", bmv|charger), plain("P", "power", "W", bmv),
		charge("CE", "consumed_charge", bmv), scaled("SOC", "soc", "%EL", -1, 0.1, bmv), minutes,
		state("Alarm", "alarm", onOff, bmv|inverter), state("Relay", "relay", onOff, mppt|bmv|inverter|charger),
		state("AR", "alarm_reason", decimal, bmv|inverter), state("OR", "off_reason", hexa, mppt|inverter|converter),
		charge("H1", "deepest_discharge", bmv), charge("H2", "last_discharge", bmv), charge("H3", "average_discharge", bmv),
		plain("H4", "charge_cycles", "count", bmv), plain("H5", "full_discharges", "count", bmv),
		charge("H6", "cumulative_discharge", bmv),
		milli("H7", "battery_voltage_min", "V", bmv), milli("H8", "battery_voltage_max", "V", bmv),
		plain("H9", "since_full_charge", "s", bmv), plain("H10", "synchronisations", "count", bmv),
		plain("H11", "low_voltage_alarms", "count", bmv), plain("H12", "high_voltage_alarms", "count", bmv),
		plain("H13", "low_starter_alarms", "count", bmv), plain("H14", "high_starter_alarms", "count", bmv),
		milli("H15", "starter_voltage_min", "V", bmv), milli("H16", "starter_voltage_max", "V", bmv),
		energy("H17", "discharged_energy", bmv), energy("H18", "charged_energy", bmv),
		energy("H19", "yield_total", mppt), energy("H20", "yield_today", mppt), plain("H21", "power_max_today", "W", mppt),
		energy("H22", "yield_yesterday", mppt), plain("H23", "power_max_yesterday", "W", mppt),
		state("ERR", "error", decimal, mppt|charger|converter), state("CS", "state", decimal, all&^bmv),
		plain("HSDS", "day", "count", mppt), state("MODE", "device_mode", decimal, inverter|charger|converter),
		scaled("AC_OUT_V", "ac_voltage", "V", -2, 0.01, inverter), scaled("AC_OUT_I", "ac_current", "A", -1, 0.1, inverter),
		plain("AC_OUT_S", "ac_apparent_power", "VA", inverter), state("WARN", "warning", decimal, inverter),
		state("MPPT", "tracker", decimal, mppt), state("MON", "monitor", decimal, bmv),
		scaled("DC_IN_V", "input_voltage", "V", -2, 0.01, converter), scaled("DC_IN_I", "input_current", "A", -1, 0.1, converter),
		plain("DC_IN_P", "input_power", "W", converter),
	}
}
