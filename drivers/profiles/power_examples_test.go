package profiles

// The examples of thermometers, converters, monitors of power, and inputs.
var powerExamples = []example{
	{ // SBOS576, shunt and bus voltage registers: 80 mV are 2000 steps, 12 V 1500; -80 mV is 0xC180.
		name: "ina3221", init: []exchange{{"fe", "5449"}, {"ff", "3220"}, {"007127", ""}},
		read: []exchange{{"01", "3e80"}, {"02", "2ee0"}, {"03", "c180"}, {"04", "2ee0"}, {"05", "0000"}, {"06", "0000"}},
		want: map[string]float64{"current_1": 0.8, "voltage_1": 12, "power_1": 9.6, "current_2": -0.8, "voltage_2": 12, "power_2": -9.6,
			"current_3": 0, "voltage_3": 0, "power_3": 0},
		within: 1e-9,
	},
	{ // SBOS656, 8.6: formula, 8000 × 1.25 mA, 9584 × 1.25 mV (0x2570 as in the INA226's example), 0x2ECC × 10 mW.
		name: "ina260", init: []exchange{{"fe", "5449"}, {"ff", "2270"}, {"006127", ""}},
		read: []exchange{{"01", "1f40"}, {"02", "2570"}, {"03", "2ecc"}},
		want: map[string]float64{"current": 10, "voltage": 11.98, "power": 119.8}, within: 1e-9,
	},
	{ // SBOSA20, 7.6: formula, steps of 312.5 nV, 195.3125 uV and 7.8125 millidegrees: 48 mV on 15 milliohm, 48 V, 25 degrees.
		name: "ina228", init: []exchange{{"3e", "5449"}, {"3f", "2281"}, {"000000", ""}, {"01fb68", ""}},
		read: []exchange{{"04", "258000"}, {"05", "3c0000"}, {"06", "0c80"}},
		want: map[string]float64{"shunt_voltage": 0.048, "current": 3.2, "voltage": 48, "power": 153.6, "die_temperature": 25}, within: 1e-9,
	},
	{ // SBAS444, table "input signal versus ideal output code": 0x0001 is one step, 0x8000 below the range, 0xFFFF minus one step.
		name: "ads1115", read: []exchange{{"01c383", ""}, {"01", "c383"}, {"00", "0001"}, {"01d383", ""}, {"01", "5383"}, {"01", "d383"}, {"00", "8000"},
			{"01e383", ""}, {"01", "e383"}, {"00", "ffff"}, {"01f383", ""}, {"01", "f383"}, {"00", "4000"}},
		want: map[string]float64{"voltage_0": 0.000125, "voltage_2": -0.000125, "voltage_3": 2.048}, within: 1e-12,
	},
	{ // SBAS473, the same table: twelve bits, left-aligned.
		name: "ads1015", read: []exchange{{"01c383", ""}, {"01", "c383"}, {"00", "0010"}, {"01d383", ""}, {"01", "d383"}, {"00", "7ff0"},
			{"01e383", ""}, {"01", "e383"}, {"00", "fff0"}, {"01f383", ""}, {"01", "f383"}, {"00", "4000"}},
		want: map[string]float64{"voltage_0": 0.002, "voltage_2": -0.002, "voltage_3": 2.048}, within: 1e-12,
	},
	{ // MAX17048 register summary: formula, 48000 × 78.125 uV, 0x5780 / 256.
		name: "max17048", init: []exchange{{"08", "0012"}}, read: []exchange{{"02", "bb805780"}},
		want: map[string]float64{"cell_voltage": 3.75, "charge": 87.5},
	},
	{ // DS20005426 equation for the hot junction: formula, 0x064A: 6 × 16 + 74 / 16; below zero: 0xFFF0 is -1.
		name: "mcp9600", init: []exchange{{"20", "40"}, {"0500", ""}, {"0600", ""}}, read: []exchange{{"00", "064a"}, {"02", "fff0"}},
		want: map[string]float64{"temperature": 6*16 + 74.0/16, "junction_temperature": -1},
	},
	{ // SBOS854, temperature data format: -25 degrees is 1110 0111 0000.
		name: "tmp1075", init: []exchange{{"0f", "7500"}, {"0100ff", ""}}, read: []exchange{{"00", "e700"}}, want: map[string]float64{"temperature": -25},
	},
	{ // PCT2075 table 9: -54.875 degrees is 110 0100 1001.
		name: "pct2075", init: []exchange{{"01", "00"}, {"0100", ""}}, read: []exchange{{"00", "c920"}}, want: map[string]float64{"temperature": -54.875},
	},
	{ // DS3231, temperature registers: 00011001 01b is 25.25 degrees.
		name: "ds3231", init: []exchange{{"0f", "88"}, {"12", "40"}, {"12", "4059592307"}}, read: []exchange{{"11", "1940"}}, want: map[string]float64{"temperature": 25.25},
	},
	{ // ADT7410 table 5: -40 degrees is 0xEC00.
		name: "adt7410", init: []exchange{{"0b", "cb"}, {"0380", ""}}, read: []exchange{{"00", "ec00"}}, want: map[string]float64{"temperature": -40},
	},
	{ // SBOS398, temperature data: -0.25 degrees is 0xFFC in twelve bits, 25.5 degrees 0x198.
		name: "tmp421", init: []exchange{{"fe", "55"}, {"ff", "21"}, {"0900", ""}}, read: []exchange{{"00", "19"}, {"10", "80"}, {"01", "ff"}, {"11", "c0"}},
		want: map[string]float64{"temperature": 25.5, "remote_temperature": -0.25},
	},
	{ // SBOS398: bit 0 says that the diode is open.
		name: "tmp421", init: []exchange{{"fe", "55"}, {"ff", "23"}, {"0900", ""}}, read: []exchange{{"00", "19"}, {"10", "80"}, {"01", "c0"}, {"11", "01"}},
		want: map[string]float64{"temperature": 25.5},
	},
	{ // SBOS398: bit 1 says that the value is not valid, as the kernel's driver has it.
		name: "tmp421", init: []exchange{{"fe", "55"}, {"ff", "22"}, {"0900", ""}}, read: []exchange{{"00", "19"}, {"10", "80"}, {"01", "20"}, {"11", "02"}},
		want: map[string]float64{"temperature": 25.5},
	},
	{ // DS20005272 table 5.3: 0.125 degrees is 000 0000 0001, 1 degree 000 0000 1000, and 000 0000 0000 an open diode.
		name: "emc1413", init: []exchange{{"fe", "5d"}, {"fd", "21"}, {"0300", ""}},
		read: []exchange{{"00", "00"}, {"29", "20"}, {"01", "01"}, {"10", "00"}, {"23", "00"}, {"24", "00"}},
		want: map[string]float64{"temperature": 0.125, "remote_temperature": 1},
	},
	{ // The same, 5.11: the default range ends at 127.875 degrees; a higher number is one of the extended range.
		name: "emc1413", init: []exchange{{"fe", "5d"}, {"fd", "25"}, {"0300", ""}},
		read: []exchange{{"00", "7f"}, {"29", "e0"}, {"01", "21"}, {"10", "00"}, {"23", "80"}, {"24", "00"}},
		want: map[string]float64{"temperature": 127.875, "remote_temperature": 33},
	},
	{ // DS22003 table 4-3: 18 bits, 0x000001 is 15.625 uV.
		name: "mcp3421", init: []exchange{{"1c", ""}}, read: []exchange{{"", "0000011c"}}, want: map[string]float64{"voltage": 0.000015625}, within: 1e-15,
	},
	{ // The same table: minus one step; the bit "not new" does not matter.
		name: "mcp3421", init: []exchange{{"1c", ""}}, read: []exchange{{"", "ffffff9c"}}, want: map[string]float64{"voltage": -0.000015625}, within: 1e-15,
	},
	{ // PCF8591, 8.4: formula, 128 / 256 of the reference; the byte of the conversion before is left out.
		name: "pcf8591", read: []exchange{{"44", "ff80004001"}}, consts: map[string]float64{"vref": 5},
		want: map[string]float64{"voltage_0": 2.5, "voltage_1": 0, "voltage_2": 1.25, "voltage_3": 5.0 / 256}, within: 1e-12,
	},
	{ // SCPS068, 8.1: pin P0 is the lowest bit.
		name: "pcf8574", read: []exchange{{"", "a1"}},
		want: map[string]float64{"input_0": 1, "input_1": 0, "input_2": 0, "input_3": 0, "input_4": 0, "input_5": 1, "input_6": 0, "input_7": 1},
	},
	{ // DS21919, register 1-10: GP0 is the lowest bit.
		name: "mcp23008", read: []exchange{{"09", "03"}},
		want: map[string]float64{"input_0": 1, "input_1": 1, "input_2": 0, "input_3": 0, "input_4": 0, "input_5": 0, "input_6": 0, "input_7": 0},
	},
	{ // DS20001952, register 3-10: GP0 of each port is the lowest bit.
		name: "mcp23017", read: []exchange{{"12", "0180"}},
		want: map[string]float64{
			"input_a0": 1, "input_a1": 0, "input_a2": 0, "input_a3": 0, "input_a4": 0, "input_a5": 0, "input_a6": 0, "input_a7": 0,
			"input_b0": 0, "input_b1": 0, "input_b2": 0, "input_b3": 0, "input_b4": 0, "input_b5": 0, "input_b6": 0, "input_b7": 1,
		},
	},
}
