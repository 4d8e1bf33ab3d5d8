package profiles

import (
	"math"

	"github.com/telhub/telhub/drivers/sim"
)

// The examples of inverters.
var inverterExamples = []modbusExample{
	{
		name: "growatt", table: sim.ModbusInput,
		set: func(d device) {
			d.exists(0, 44)
			d.u16(0, 1)
			d.u32(1, 70001)
			d.u16(3, 3456)
			d.u32(9, 123)
			d.u32(11, 69000)
			d.u16(13, 4999)
			d.u16(14, 2301)
			d.u32(26, 101)
			d.u32(28, 123456)
			d.u16(32, 415)
		},
		want: map[string]float64{
			"status": 1, "pv_power": 7000.1, "pv1_voltage": 345.6, "pv2_power": 12.3, "grid_power": 6900, "frequency": 49.99, "voltage_l1": 230.1,
			"energy_today": 10.1 * kWh, "energy": 12345.6 * kWh, "temperature": 41.5,
		},
	},
	{
		name: "sunspec-inverter", table: sim.ModbusHolding,
		set: func(d device) {
			d.u32(40000, 0x53756E53) // "SunS"
			const model = 40069
			d.exists(model, model+51)
			d.Set(d.table, model, 101, 50, 873, 873, 0xFFFF, 0xFFFF)
			d.i16(model+6, -2)
			d.Set(d.table, model+10, 2301, 0xFFFF, 0xFFFF)
			d.i16(model+13, -1)
			d.i16(model+14, 2008)
			d.i16(model+15, 0)
			d.u16(model+16, 49987)
			d.i16(model+17, -3)
			d.i16(model+18, 201)
			d.i16(model+19, 1)
			d.i16(model+20, -32768)
			d.u32(model+24, 1234567)
			d.i16(model+26, 1)
			d.i16(model+31, 20600)
			d.i16(model+32, -1)
			d.i16(model+33, -32768)
			d.i16(model+34, 4375)
			d.i16(model+37, -2)
			d.u16(model+38, 4)
		},
		want: map[string]float64{
			"current": 8.73, "current_l1": 8.73, "current_l2": math.NaN(), "voltage_l1": 230.1, "voltage_l3": math.NaN(), "active_power": 2008, "frequency": 49.987,
			"apparent_power": 2010, "reactive_power": math.NaN(), "energy": 12345670 * wh, "dc_power": 2060, "temperature": math.NaN(),
			"heat_sink_temperature": 43.75, "status": 4,
		},
	},
	{ // A real SolarEdge SE5K's registers, as they were sent to the solaredge-modbus-multi project: volts times amperes are its VA.
		name: "sunspec-inverter", table: sim.ModbusHolding,
		set: func(d device) {
			d.u32(40000, 0x53756E53)
			const model = 40069
			d.exists(model, model+51)
			d.Set(d.table, model, 0x67, 0x32, 0x604, 0x202, 0x201, 0x200)
			d.i16(model+6, -0x2)
			d.Set(d.table, model+7, 0xFB2, 0xFD0, 0xFB6, 0x8E6, 0x92D, 0x933)
			d.i16(model+13, -0x1)
			d.u16(model+14, 0xE04)
			d.u16(model+16, 0x1386)
			d.i16(model+17, -0x2)
			d.u16(model+18, 0xE0A)
			d.i16(model+20, -0x571C)
			d.i16(model+21, -0x2)
			d.u32(model+24, 0xEEDD9D)
		},
		want: map[string]float64{
			"current": 15.4, "current_l1": 5.14, "current_l3": 5.12, "voltage_l1_l2": 401.8, "voltage_l2_l3": 404.8, "voltage_l3_l1": 402.2,
			"voltage_l1": 227.8, "voltage_l2": 234.9, "voltage_l3": 235.5, "active_power": 3588, "frequency": 49.98, "apparent_power": 3594,
			"reactive_power": -223, "energy": 15654301 * wh,
		},
	},
}
