package profiles

import (
	"math"
	"slices"
	"testing"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/link"
	"github.com/telhub/telhub/drivers/modbus"
	"github.com/telhub/telhub/drivers/sim"
)

// device is a Modbus device's registers in the making, in the notation of its
// maker's table.
type device struct {
	*sim.ModbusSlave
	table byte
}

// exists makes registers from first to last that hold 0: those that a table
// leaves out, between others, are read along.
func (d device) exists(first, last int) {
	for a := first; a <= last; a++ {
		d.Set(d.table, uint16(a), 0)
	}
}

func (d device) float(addr int, v float64) { d.SetFloat(d.table, uint16(addr), v) }
func (d device) u16(addr int, v uint16)    { d.Set(d.table, uint16(addr), v) }
func (d device) i16(addr int, v int16)     { d.Set(d.table, uint16(addr), uint16(v)) }
func (d device) u32(addr int, v uint32)    { d.SetUint32(d.table, uint16(addr), v) }
func (d device) i32(addr int, v int32)     { d.SetUint32(d.table, uint16(addr), uint32(v)) }
func (d device) lowFirst(addr int, v int32) {
	d.Set(d.table, uint16(addr), uint16(v), uint16(uint32(v)>>16))
}
func (d device) u64(addr int, high, low uint32) { d.u32(addr, high); d.u32(addr+2, low) }
func (d device) floats(addr int, values ...float64) {
	for i, v := range values {
		d.float(addr+2*i, v)
	}
}

// modbusExample is a device whose registers were set by its maker's table, and
// what they mean. within is what a float of 32 bits rounds away.
type modbusExample struct {
	name   string
	table  byte
	set    func(d device)
	want   map[string]float64
	within float64
}

// kWh and Wh in joules.
const (
	kWh = 3.6e6
	wh  = 3600
)

// eastron sets the registers that all Eastron meters have in common.
func eastron(d device) {
	d.exists(0, 79)
	d.exists(0x156, 0x16B)
	d.u32(0, 0x43663334) // 230.2 V: the example of Eastron's protocol document
	d.float(6, 4.5)
	d.float(0xC, -1031.25)
	d.float(0x12, 1035.5)
	d.float(0x18, 94)
	d.float(0x1E, -0.995)
	d.float(0x46, 49.98)
	d.floats(0x48, 1234.5, 67.25, 12, 3)
	d.floats(0x156, 1301.75, 15)
}

// The examples. Registers are set by the sheets' tables, independently of the
// profiles: "formula" as with the chips, unless a real device's answers or an
// example of the sheet's own are named.
var modbusExamples = []modbusExample{
	{
		name: "eastron-sdm120", table: sim.ModbusInput, set: eastron, within: 2e-5,
		want: map[string]float64{
			"voltage": 230.2, "current": 4.5, "active_power": -1031.25, "apparent_power": 1035.5, "reactive_power": 94, "power_factor": -0.995,
			"frequency": 49.98, "import_energy": 1234.5 * kWh, "export_energy": 67.25 * kWh, "import_reactive_energy": 12 * kWh,
			"export_reactive_energy": 3 * kWh, "total_energy": 1301.75 * kWh, "total_reactive_energy": 15 * kWh,
		},
	},
	{
		name: "eastron-sdm230", table: sim.ModbusInput, set: eastron, within: 2e-5,
		want: map[string]float64{"voltage": 230.2, "current": 4.5, "frequency": 49.98, "total_energy": 1301.75 * kWh},
	},
	{
		name: "eastron-sdm630", table: sim.ModbusInput, within: 2e-5,
		set: func(d device) {
			eastron(d)
			d.floats(0x22, 0.75)
			d.floats(2, 231, 232)
			d.float(0x10, 500)
			d.float(0x34, -31)
			d.float(0x3E, 0.5)
			d.floats(0x15A, 1, 2, 3, 4, 5, 6)
		},
		want: map[string]float64{
			"voltage_l1": 230.2, "voltage_l2": 231, "voltage_l3": 232, "active_power_l3": 500, "power_factor_l3": 0.75, "active_power": -31,
			"power_factor": 0.5, "import_energy": 1234.5 * kWh, "import_energy_l3": 3 * kWh, "export_energy_l1": 4 * kWh, "export_energy_l3": 6 * kWh,
		},
	},
	{
		name: "eastron-sdm72", table: sim.ModbusInput, within: 2e-5, set: func(d device) { eastron(d); d.float(0x34, 250.5) },
		want: map[string]float64{"voltage_l1": 230.2, "current_l1": 4.5, "active_power": 250.5, "export_energy": 67.25 * kWh},
	},
	{ // The answer of a real meter, 01 04 14 08D1 006C 0000 00F4 0000 0026 0000 01F4 0064 0000.
		name: "pzem-004t", table: sim.ModbusInput,
		set: func(d device) { d.Set(d.table, 0, 0x08D1, 0x006C, 0, 0x00F4, 0, 0x0026, 0, 0x01F4, 0x0064, 0) },
		want: map[string]float64{
			"voltage": 225.7, "current": 0.108, "active_power": 24.4, "energy": 38 * wh, "frequency": 50, "power_factor": 1, "alarm": 0,
		},
	},
	{ // The answer of a real meter, 01 04 10 0540 000A 000D 0000 0002 0000 0000 0000.
		name: "pzem-017", table: sim.ModbusInput,
		set:  func(d device) { d.Set(d.table, 0, 0x0540, 0x000A, 0x000D, 0, 0x0002, 0, 0xFFFF, 0) },
		want: map[string]float64{"voltage": 13.44, "current": 0.1, "power": 1.3, "energy": 2 * wh, "high_voltage_alarm": 1, "low_voltage_alarm": 0},
	},
	{ // 0190 is the answer of SenseAir's document.
		name: "senseair-s8", table: sim.ModbusInput, set: func(d device) { d.exists(0, 3); d.u16(3, 0x0190) },
		want: map[string]float64{"co2": 400, "status": 0},
	},
	{ // 0131, 0222 and FF33 are the manual's: 30.5 Cel, 54.6 %RH, -20.5 Cel.
		name: "xy-md02", table: sim.ModbusInput, set: func(d device) { d.Set(d.table, 1, 0xFF33, 0x0222) },
		want: map[string]float64{"temperature": -20.5, "humidity": 54.6},
	},
	{
		name: "carlo-gavazzi-em340", table: sim.ModbusInput,
		set: func(d device) {
			d.exists(0, 0x4F)
			d.lowFirst(0x00, 2301)
			d.lowFirst(0x04, 2312)
			d.lowFirst(0x0E, -70123)
			d.lowFirst(0x16, -25005)
			d.lowFirst(0x28, 70000)
			d.i16(0x2E, -999)
			d.i16(0x31, 871)
			d.u16(0x33, 499)
			d.lowFirst(0x34, 123456)
			d.lowFirst(0x44, 777)
			d.lowFirst(0x4E, 65537)
		},
		want: map[string]float64{
			"voltage_l1": 230.1, "voltage_l3": 231.2, "current_l2": -70.123, "active_power_l3": -2500.5, "active_power": 7000, "power_factor_l1": -0.999,
			"power_factor": 0.871, "frequency": 49.9, "import_energy": 12345.6 * kWh, "import_energy_l3": 77.7 * kWh, "export_energy": 6553.7 * kWh,
		},
	},
	{
		name: "carlo-gavazzi-em24", table: sim.ModbusInput,
		set: func(d device) {
			d.exists(0, 0x5F)
			d.lowFirst(0x02, 2301)
			d.lowFirst(0x10, 70123)
			d.lowFirst(0x12, -25005)
			d.i16(0x34, -999)
			d.i16(0x35, 871)
			d.u16(0x37, 499)
			d.lowFirst(0x3E, 123456)
			d.lowFirst(0x42, 1) // since the last reset: not the total
			d.lowFirst(0x4A, 777)
			d.lowFirst(0x5C, 65537)
		},
		want: map[string]float64{
			"voltage_l2": 230.1, "current_l3": 70.123, "active_power_l1": -2500.5, "power_factor_l3": -0.999, "power_factor": 0.871, "frequency": 49.9,
			"import_energy": 12345.6 * kWh, "import_energy_l3": 77.7 * kWh, "export_energy": 6553.7 * kWh,
		},
	},
	{ // 0x01B3 and the 0x7FFF of a phase that is not measured are a real meter's answers, as they were sent to the gosdm630 project.
		name: "abb-b23", table: sim.ModbusHolding,
		set: func(d device) {
			d.exists(0x5000, 0x5007)
			d.exists(0x5B00, 0x5B3D)
			d.u32(0x5B00, 2305)
			d.u32(0x5B04, 0xFFFFFFFF)
			d.u32(0x5B0E, 100001)
			d.i32(0x5B14, -123456)
			d.i32(0x5B1A, 0x7FFFFFFF)
			d.u16(0x5B2C, 5002)
			d.u16(0x5B3A, 0x01B3)
			d.i16(0x5B3B, -950)
			d.i16(0x5B3D, 0x7FFF)
			d.u64(0x5000, 1, 2)
			d.u64(0x5004, 0xFFFFFFFF, 0xFFFFFFFF)
		},
		want: map[string]float64{
			"voltage_l1": 230.5, "voltage_l3": math.NaN(), "current_l2": 1000.01, "active_power": -1234.56, "active_power_l3": math.NaN(), "frequency": 50.02,
			"power_factor": 0.435, "power_factor_l1": -0.95, "power_factor_l3": math.NaN(), "import_energy": (1<<32 + 2) * 0.01 * kWh, "export_energy": math.NaN(),
		},
	},
	{
		name: "schneider-iem3155", table: sim.ModbusHolding, within: 2e-5,
		set: func(d device) {
			for _, a := range [][2]int{{0x0BB7, 0x0BBC}, {0x0BD3, 0x0BD8}, {0x0BED, 0x0BF4}, {0x0BFB, 0x0BFC}, {0x0C03, 0x0C04}, {0x0C25, 0x0C26}, {0x0C83, 0x0C8A}, {0x0C93, 0x0C9A}} {
				d.exists(a[0], a[1]) // those that the list has, and no others
			}
			d.float(0x0BD3, 230.5)
			d.float(0x0BBB, 5.25)
			d.float(0x0BF3, -3.5)
			d.float(0x0BFB, 0.25)
			d.Set(d.table, 0x0C03, 0xFFC0, 0)
			d.float(0x0C25, 50.0625)
			d.u64(0x0C83, 0, 12345678)
			d.u64(0x0C87, 0x80000000, 0)
		},
		want: map[string]float64{
			"voltage_l1": 230.5, "current_l3": 5.25, "active_power": -3500, "reactive_power": 250, "apparent_power": math.NaN(), "frequency": 50.0625,
			"import_energy": 12345678 * wh, "export_energy": math.NaN(),
		},
	},
	{
		name: "finder-7m24", table: sim.ModbusInput, within: 2e-5,
		set: func(d device) {
			d.exists(2500, 2599)
			d.exists(2752, 2759)
			d.float(2500, 229.5)
			d.float(2516, 1.5)
			d.float(2536, -344.25)
			d.float(2560, -0.5)
			d.float(2584, 50.125)
			d.floats(2752, 1000, 2000, 3000, 4000)
		},
		want: map[string]float64{
			"voltage": 229.5, "current": 1.5, "active_power": -344.25, "power_factor": -0.5, "frequency": 50.125,
			"import_energy": 1000 * wh, "import_reactive_energy": 2000 * wh, "export_energy": 3000 * wh, "export_reactive_energy": 4000 * wh,
		},
	},
	{
		name: "finder-7m38", table: sim.ModbusInput, within: 2e-5,
		set: func(d device) {
			d.exists(2500, 2599)
			d.exists(2752, 2759)
			d.floats(2500, 229.5, 230.5, 231.5)
			d.floats(2516, 1, 2, 3)
			d.floats(2530, 10, 20, 30, 60, 1, 2, 3, 6)
			d.float(2558, 0.25)
			d.float(2756, 3000)
		},
		want: map[string]float64{
			"voltage_l3": 231.5, "current_l2": 2, "active_power_l1": 10, "active_power": 60, "reactive_power_l3": 3, "reactive_power": 6,
			"power_factor_l3": 0.25, "export_energy": 3000 * wh,
		},
	},
	{
		name: "chint-dtsu666", table: sim.ModbusHolding, within: 2e-5,
		set: func(d device) {
			for _, a := range [][2]int{{0x101E, 0x102F}, {0x2006, 0x2021}, {0x202A, 0x2031}, {0x2044, 0x2045}} {
				d.exists(a[0], a[1]) // those that the list has, and no others
			}
			d.floats(0x2006, 2305, 2315, 2325)
			d.floats(0x200C, 5250)
			d.floats(0x2012, -12345, 4000)
			d.float(0x201A, 500)
			d.floats(0x202A, 980, 970)
			d.float(0x2044, 5002)
			d.float(0x101E, 123.5)
			d.float(0x1028, 0.5)
		},
		want: map[string]float64{
			"voltage_l1": 230.5, "voltage_l3": 232.5, "current_l1": 5.25, "active_power": -1234.5, "active_power_l1": 400, "reactive_power": 50,
			"power_factor": 0.98, "power_factor_l1": 0.97, "frequency": 50.02, "import_energy": 123.5 * kWh, "export_energy": 0.5 * kWh,
		},
	},
	{
		// A real WE-514's answers, as they were sent to the mbmd project: volts times amperes are its VA,
		// watts by VA its power factor. Registers between these are not known to exist.
		name: "orno-we-514", table: sim.ModbusHolding,
		set: func(d device) {
			d.u16(0x0130, 0x1389)
			d.u16(0x0131, 0x5A66)
			d.u32(0x0139, 0x05C1)
			d.u32(0x0140, 0x0147)
			d.u32(0x0148, 0x0062)
			d.u32(0x0150, 0x0155)
			d.u16(0x0158, 0x03BF)
			d.u32(0xA000, 0x00030530)
			d.u32(0xA01E, 0x00018FCC)
		},
		want: map[string]float64{
			"frequency": 50.01, "voltage": 231.42, "current": 1.473, "active_power": 327, "reactive_power": 98, "apparent_power": 341, "power_factor": 0.959,
			"energy": 1979.36 * kWh, "reactive_energy": 1023.48 * kWh,
		},
	},
}

// meters gives the examples of all Modbus devices.
func meters() []modbusExample { return slices.Concat(modbusExamples, inverterExamples) }

// Each device is read over a line, request by request, as the agent does.
func TestModbusExamples(t *testing.T) {
	for _, e := range meters() {
		t.Run(e.name, func(t *testing.T) {
			p, ok, err := Lookup(e.name)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			slave := sim.NewModbusSlave()
			e.set(device{slave, e.table})
			line := sim.NewModbusLine(0)
			line.Attach(p.Unit(), slave)
			l, err := link.New(line, link.Options{Name: "bus x"})
			if err != nil {
				t.Fatal(err)
			}
			d, err := modbus.New(l, p, modbus.Opts{Unit: p.Unit()})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Init(); err != nil {
				t.Fatal(err)
			}
			var r drivers.Reading
			if _, err := d.Read(&r); err != nil {
				t.Fatal(err)
			}
			e.check(t, d.Outputs(), &r)
		})
	}
}

// check compares; NaN stands for a value that the device marks as not measured.
func (e *modbusExample) check(t *testing.T, outputs []drivers.Output, r *drivers.Reading) {
	t.Helper()
	for name, want := range e.want {
		i := slices.IndexFunc(outputs, func(o drivers.Output) bool { return o.Name == name })
		switch {
		case i < 0:
			t.Errorf("no output %s", name)
		case math.IsNaN(want):
			if !r.IsBad(i) {
				t.Errorf("%s = %v, want it marked bad", name, r.Values[i])
			}
		case !r.Has(i) || math.Abs(r.Values[i]-want) > max(e.within, 1e-12)*max(1, math.Abs(want)):
			t.Errorf("%s = %v, %v, want %v", name, r.Values[i], r.Has(i), want)
		}
	}
}
