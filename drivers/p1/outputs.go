package p1

import (
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/obis"
)

// Codes that are no plain values. P1 Companion Standard 5.0.2, chapter 6.
const (
	codeVersion   obis.Code = 1<<32 | 3<<24 | 0<<16 | 2<<8 | 8
	codeVersionBE obis.Code = 96<<16 | 1<<8 | 4
	codeTime      obis.Code = 1 << 16
	codeKind      obis.Code = 24<<16 | 1<<8 // this and those below without their channel
	codeValue     obis.Code = 24<<16 | 2<<8 | 1
	codeRawValue  obis.Code = 24<<16 | 2<<8 | 3 // e-MUCS P1: gas, not converted to normal temperature
	codeOldValue  obis.Code = 24<<16 | 3<<8     // DSMR 2.2 and 3
)

// Resolutions, as hints: the finest that the companion standards have.
const (
	stepEnergy   = 3600  // J: 0.001 kWh
	stepPower    = 1     // W
	stepVolume   = 0.001 // m3
	stepHeat     = 1e6   // J: 0.001 GJ
	stepReactive = 3600
)

// Outputs that are not plain lines stand behind those of lines.
const (
	outGas = iota
	outGasTime
	outWater
	outWaterTime
	outHeat
	outHeatTime
	outMeterTime
	numDerived
)

// derived are the outputs of the M-Bus meters and the meter's clock.
func derived() []drivers.Output {
	return []drivers.Output{
		outGas:       {Name: "gas_volume", Unit: "m3", Resolution: stepVolume},
		outGasTime:   {Name: "gas_time", Unit: "s", Resolution: 1},
		outWater:     {Name: "water_volume", Unit: "m3", Resolution: stepVolume},
		outWaterTime: {Name: "water_time", Unit: "s", Resolution: 1},
		outHeat:      {Name: "heat_energy", Unit: "J", Resolution: stepHeat},
		outHeatTime:  {Name: "heat_time", Unit: "s", Resolution: 1},
		outMeterTime: {Name: "meter_time", Unit: "s", Resolution: 1},
	}
}

// lines are the outputs that one line of the telegram gives. Import is what
// the customer takes from the grid (+A), export what he gives (-A).
func lines() []obis.Known {
	energy := func(name string, c, e uint8) obis.Known {
		return obis.At(obis.Of(1, 0, c, 8, e), drivers.Output{Name: name, Unit: "J", Resolution: stepEnergy})
	}
	power := func(name string, c uint8) obis.Known {
		return obis.At(obis.Of(1, 0, c, 7, 0), drivers.Output{Name: name, Unit: "W", Resolution: stepPower})
	}
	reactive := func(name string, c uint8) obis.Known {
		return obis.At(obis.Of(1, 0, c, 7, 0), drivers.Output{Name: name, Unit: "var", Resolution: stepPower})
	}
	voltage := func(name string, c uint8) obis.Known {
		return obis.At(obis.Of(1, 0, c, 7, 0), drivers.Output{Name: name, Unit: "V", Resolution: 0.1})
	}
	current := func(name string, c uint8) obis.Known {
		return obis.At(obis.Of(1, 0, c, 7, 0), drivers.Output{Name: name, Unit: "A", Resolution: 0.01})
	}
	count := func(name string, at obis.Code) obis.Known {
		return obis.At(at, drivers.Output{Name: name, Unit: "count", Resolution: 1})
	}
	return []obis.Known{
		energy("energy_import", 1, 0), energy("energy_import_t1", 1, 1), energy("energy_import_t2", 1, 2),
		energy("energy_import_t3", 1, 3), energy("energy_import_t4", 1, 4),
		energy("energy_export", 2, 0), energy("energy_export_t1", 2, 1), energy("energy_export_t2", 2, 2),
		energy("energy_export_t3", 2, 3), energy("energy_export_t4", 2, 4),
		obis.At(obis.Of(1, 0, 3, 8, 0), drivers.Output{Name: "reactive_energy_import", Unit: "vars", Resolution: stepReactive}),
		obis.At(obis.Of(1, 0, 4, 8, 0), drivers.Output{Name: "reactive_energy_export", Unit: "vars", Resolution: stepReactive}),
		power("power_import", 1), power("power_export", 2),
		reactive("reactive_power_import", 3), reactive("reactive_power_export", 4),
		power("power_import_l1", 21), power("power_import_l2", 41), power("power_import_l3", 61),
		power("power_export_l1", 22), power("power_export_l2", 42), power("power_export_l3", 62),
		reactive("reactive_power_import_l1", 23), reactive("reactive_power_import_l2", 43), reactive("reactive_power_import_l3", 63),
		reactive("reactive_power_export_l1", 24), reactive("reactive_power_export_l2", 44), reactive("reactive_power_export_l3", 64),
		voltage("voltage_l1", 32), voltage("voltage_l2", 52), voltage("voltage_l3", 72),
		current("current_l1", 31), current("current_l2", 51), current("current_l3", 71),
		obis.At(obis.Of(1, 0, 14, 7, 0), drivers.Output{Name: "frequency", Unit: "Hz", Resolution: 0.01}),
		obis.At(obis.Of(1, 0, 13, 7, 0), drivers.Output{Name: "power_factor", Resolution: 0.001}),
		obis.At(obis.Of(0, 0, 96, 14, 0), drivers.Output{Name: "tariff", Resolution: 1}),
		obis.At(obis.Of(0, 0, 96, 3, 10), drivers.Output{Name: "breaker", Resolution: 1}), // 0 open, 1 closed, 2 ready to close
		obis.At(obis.Of(0, 0, 17, 0, 0), drivers.Output{Name: "power_limit", Unit: "W", Resolution: 100}),
		obis.At(obis.Of(1, 0, 31, 4, 0), drivers.Output{Name: "current_limit", Unit: "A", Resolution: 1}),
		obis.At(obis.Of(1, 0, 1, 4, 0), drivers.Output{Name: "demand", Unit: "W", Resolution: stepPower}),     // of the quarter of an hour under way
		obis.At(obis.Of(1, 0, 1, 6, 0), drivers.Output{Name: "demand_max", Unit: "W", Resolution: stepPower}), // of the month
		count("power_failures", obis.Of(0, 0, 96, 7, 21)), count("long_power_failures", obis.Of(0, 0, 96, 7, 9)),
		count("voltage_sags_l1", obis.Of(1, 0, 32, 32, 0)), count("voltage_sags_l2", obis.Of(1, 0, 52, 32, 0)), count("voltage_sags_l3", obis.Of(1, 0, 72, 32, 0)),
		count("voltage_swells_l1", obis.Of(1, 0, 32, 36, 0)), count("voltage_swells_l2", obis.Of(1, 0, 52, 36, 0)), count("voltage_swells_l3", obis.Of(1, 0, 72, 36, 0)),
	}
}
