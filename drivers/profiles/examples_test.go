package profiles

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/profile"
	"periph.io/x/conn/v3/physic"
)

// exchange is one transaction, bytes in hexadecimal.
type exchange struct{ w, r string }

// example is a measurement whose result somebody else has published.
type example struct {
	name   string
	init   []exchange // identity and configuration
	read   []exchange
	consts map[string]float64
	want   map[string]float64
	within float64
}

// The examples, each with where it stands. "formula" means that the data sheet
// gives no example but a formula or a layout, from which the numbers are made
// here on their own: such a case shows that a profile says what the sheet says,
// and that nothing in between turns it round, but not what a real chip sends.
var examples = []example{
	{ // SNOSD82 table 7-1: 25 degrees is 0x0C80.
		name: "tmp117", init: []exchange{{"0f", "1117"}, {"010220", ""}}, read: []exchange{{"00", "0c80"}},
		want: map[string]float64{"temperature": 25},
	},
	{ // SNOSD82 table 7-1: -0.0078125 degrees is 0xFFFF.
		name: "tmp117", init: []exchange{{"0f", "0117"}, {"010220", ""}}, read: []exchange{{"00", "ffff"}},
		want: map[string]float64{"temperature": -0.0078125},
	},
	{ // SBOS219, temperature data format: -25 degrees is 1110 0111 0000.
		name: "tmp105", init: []exchange{{"0160", ""}}, read: []exchange{{"00", "e700"}},
		want: map[string]float64{"temperature": -25},
	},
	{ // SBOS397 table 5: 25 degrees is 0x190.
		name: "tmp102", init: []exchange{{"01", "60a0"}, {"0160a0", ""}}, read: []exchange{{"00", "1900"}},
		want: map[string]float64{"temperature": 25},
	},
	{ // SNIS153, temperature data format: -0.5 degrees is 0x1FF; the undefined bits are set here.
		name: "lm75", init: []exchange{{"01", "1f"}, {"0100", ""}}, read: []exchange{{"00", "ffff"}},
		want: map[string]float64{"temperature": -0.5},
	},
	{ // NXP LM75B, table of Temp register values: -54.875 degrees is 110 0100 1001.
		name: "lm75b", init: []exchange{{"01", "00"}, {"0100", ""}}, read: []exchange{{"00", "c920"}},
		want: map[string]float64{"temperature": -54.875},
	},
	{ // Checksums BEEF 92 and ABAB 72: SCD4x v1.3 table 32, SGP40 v1.0 table 7. Values: formula.
		name: "sht4x", init: []exchange{{"89", ""}, {"", "beef92abab72"}},
		read: []exchange{{"fd", ""}, {"", "beef92abab72"}},
		want: map[string]float64{"temperature": -45 + 175*48879.0/65535, "humidity": -6 + 125*43947.0/65535}, within: 0.0006,
	},
	{ // As above; checksum 0000 81 in the status.
		name: "sht3x", init: []exchange{{"f32d", "000081"}, {"3093", ""}, {"30a2", ""}},
		read: []exchange{{"2400", ""}, {"", "beef92abab72"}},
		want: map[string]float64{"temperature": -45 + 175*48879.0/65535, "humidity": 100 * 43947.0 / 65535}, within: 0.0006,
	},
	{ // SBOS448 section 9.2: 2 milliohm, 10 A, 11.98 V. The power register's 119.8 W agrees.
		name: "ina219", init: []exchange{{"00", "399f"}, {"05", "5000"}, {"00399f", ""}},
		read: []exchange{{"01", "07d0"}, {"02", "5d98"}}, consts: map[string]float64{"shunt": 0.002},
		want: map[string]float64{"shunt_voltage": 0.02, "voltage": 11.98, "current": 10, "power": 119.8},
	},
	{ // SBOS547, "configure/measure/calculate example": 2 milliohm, shunt register 8000, 10 A, 11.98 V.
		name: "ina226", init: []exchange{{"fe", "5449"}, {"ff", "2260"}, {"004127", ""}},
		read: []exchange{{"01", "1f40"}, {"02", "2570"}}, consts: map[string]float64{"shunt": 0.002},
		want: map[string]float64{"shunt_voltage": 0.02, "voltage": 11.98, "current": 10, "power": 119.8},
	},
	{ // SBOS547, shunt voltage register: -80 mV is 0x8300.
		name: "ina226", init: []exchange{{"fe", "5449"}, {"ff", "2260"}, {"004127", ""}},
		read: []exchange{{"01", "8300"}, {"02", "0000"}},
		want: map[string]float64{"shunt_voltage": -0.08, "voltage": 0, "current": -0.8, "power": 0},
	},
	{ // DS25095 register 5-4, weights of the bits: 0xC194 is 25.25 degrees under two alert flags.
		name: "mcp9808", init: []exchange{{"06", "0054"}, {"07", "0400"}, {"010000", ""}, {"0803", ""}},
		read: []exchange{{"05", "c194"}}, want: map[string]float64{"temperature": 25.25},
	},
	{ // DS25095 equation 5-1: below zero, (upper × 16 + lower / 16) - 256.
		name: "mcp9808", init: []exchange{{"06", "0054"}, {"07", "0401"}, {"010000", ""}, {"0803", ""}},
		read: []exchange{{"05", "1ef8"}}, want: map[string]float64{"temperature": 14*16 + 248.0/16 - 256},
	},
	{ // 11046EDT01, "how to calculate": 1000 0011 1001 0000 is 28067 lux.
		name: "bh1750", init: []exchange{{"01", ""}, {"07", ""}}, read: []exchange{{"20", ""}, {"", "8390"}},
		want: map[string]float64{"illuminance": 28067}, within: 0.5,
	},
	{ // SNAS672 8.6.1 and 8.6.2: formula.
		name: "hdc1080", init: []exchange{{"fe", "5449"}, {"ff", "1050"}, {"021000", ""}},
		read: []exchange{{"00", ""}, {"", "66648000"}},
		want: map[string]float64{"temperature": 26212.0/65536*165 - 40, "humidity": 50}, within: 0.0006,
	},
	{ // Recording of a real chip, aht20 in i2c_playbacks.json.
		name: "aht20", init: []exchange{{"be0800", ""}}, read: []exchange{{"ac3300", ""}, {"", "187552058e407f"}},
		want: map[string]float64{"temperature": 19.445800781, "humidity": 45.82824}, within: 0.0006,
	},
	{ // Sensirion SCD4x, example of read_measurement: 500 ppm, 25 degrees, 37 %RH.
		name: "scd4x", init: []exchange{{"e4b8", ""}, {"", "8000a2"}, {"3f86", ""}, {"21b1", ""}},
		read: []exchange{{"e4b8", ""}, {"", "8000a2"}, {"e4b8", ""}, {"", "800604"}, {"ec05", ""}, {"", "01f4336667a25eb93c"}},
		want: map[string]float64{"co2": 500, "temperature": 25.0027, "humidity": 37.0016}, within: 0.0006,
	},
}

// chips gives the examples of all chips.
func chips() []example {
	return slices.Concat(examples, airExamples, lightExamples, powerExamples, motionExamples)
}

// refused stands for what a chip answers when it acknowledges nothing.
const refused = "refused"

// player is a bus that plays exchanges and refuses any other transaction.
type player struct {
	list []exchange
	next int
}

func (p *player) String() string                  { return "player" }
func (p *player) SetSpeed(physic.Frequency) error { return nil }

func (p *player) Tx(_ uint16, w, r []byte) error {
	if p.next == len(p.list) {
		return fmt.Errorf("transaction %d beyond the example: write %x, read %d", p.next, w, len(r))
	}
	e := p.list[p.next]
	p.next++
	if e.r == refused && hex.EncodeToString(w) == e.w {
		return drivers.ErrNACK
	}
	if hex.EncodeToString(w) != e.w || 2*len(r) != len(e.r) {
		return fmt.Errorf("transaction %d: write %x, read %d; the example writes %s, reads %s", p.next-1, w, len(r), e.w, e.r)
	}
	_, err := hex.Decode(r, []byte(e.r))
	return err
}

// play runs an example and gives what was measured, by output.
func play(e example) (map[string]float64, error) {
	p, ok, err := Lookup(e.name)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s: found %v: %w", e.name, ok, err)
	}
	bus := &player{list: slices.Concat(e.init, e.read)}
	d, err := profile.New(bus, 0, p, profile.Opts{Const: e.consts, Sleep: func(time.Duration) {}})
	if err != nil {
		return nil, err
	}
	if err := d.Init(); err != nil {
		return nil, err
	}
	var dst drivers.Reading
	for wait := time.Duration(1); wait > 0; {
		if wait, err = d.Read(&dst); err != nil {
			return nil, err
		}
	}
	if bus.next != len(bus.list) {
		return nil, fmt.Errorf("%d of %d transactions made", bus.next, len(bus.list))
	}
	got := map[string]float64{}
	for i, o := range d.Outputs() {
		if dst.Has(i) {
			got[o.Name] = dst.Values[i]
		}
	}
	return got, nil
}

func TestWorkedExamples(t *testing.T) {
	for _, e := range chips() {
		t.Run(e.name, func(t *testing.T) { check(t, e) })
	}
}

func check(t *testing.T, e example) {
	t.Helper()
	got, err := play(e)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(e.want) {
		t.Errorf("measured %v, want %v", got, e.want)
	}
	for name, want := range e.want {
		if math.Abs(got[name]-want) > e.within {
			t.Errorf("%s: %v, want %v within %v", name, got[name], want, e.within)
		}
	}
}

// vectors decodes one entry of a file in testdata.
func vectors(t *testing.T, file, entry string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(all[entry], v); err != nil {
		t.Fatal(err)
	}
}

// The temperature tables of the data sheets, row by row.
func TestTemperatureTables(t *testing.T) {
	for _, tt := range []struct{ chip, entry string }{
		{"tmp102", "tmp102_12bit"}, {"tmp105", "tmp102_12bit"}, {"lm75", "lm75_9bit"},
	} {
		var table struct {
			Shift int `json:"left_shift_in_register"`
			Cases []struct {
				Raw  string  `json:"raw"`
				Temp float64 `json:"temp_c"`
			} `json:"cases"`
		}
		vectors(t, "datasheet_vectors.json", tt.entry, &table)
		if len(table.Cases) < 7 {
			t.Fatalf("%s has %d rows", tt.entry, len(table.Cases))
		}
		i := slices.IndexFunc(examples, func(e example) bool { return e.name == tt.chip })
		for _, c := range table.Cases {
			raw, err := strconv.ParseUint(c.Raw, 16, 16)
			if err != nil {
				t.Fatal(err)
			}
			e := examples[i]
			e.read = []exchange{{"00", fmt.Sprintf("%04x", raw<<table.Shift&0xffff)}}
			e.want = map[string]float64{"temperature": c.Temp}
			check(t, e)
		}
	}
}

// The published INA219 example, from the file.
func TestINA219Vector(t *testing.T) {
	var v struct {
		Shunt    float64 `json:"r_shunt_ohm"`
		ShuntReg string  `json:"shunt_reg"`
		BusReg   string  `json:"bus_reg"`
		ShuntV   float64 `json:"shunt_v"`
		BusV     float64 `json:"bus_v"`
		Current  float64 `json:"current_a"`
		Power    float64 `json:"power_w"`
	}
	vectors(t, "datasheet_vectors.json", "ina219_worked_example", &v)
	check(t, example{
		name: "ina219", init: []exchange{{"00", "399f"}, {"05", "0000"}, {"00399f", ""}},
		read:   []exchange{{"01", v.ShuntReg}, {"02", lower(v.BusReg)}},
		consts: map[string]float64{"shunt": v.Shunt},
		want:   map[string]float64{"shunt_voltage": v.ShuntV, "voltage": v.BusV, "current": v.Current, "power": v.Power},
	})
}

func lower(s string) string {
	b, _ := hex.DecodeString(s)
	return hex.EncodeToString(b)
}

// playback is a recording of a real chip.
type playback struct {
	Ops []struct {
		W string `json:"w"`
		R string `json:"r"`
	} `json:"ops"`
	Expect struct {
		CO2  float64 `json:"co2_ppm"`
		Temp float64 `json:"temp_c"`
		RH   float64 `json:"rh_pct"`
	} `json:"expect"`
}

func (p *playback) from(n int) (list []exchange) {
	for _, op := range p.Ops[n:] {
		list = append(list, exchange{op.W, op.R})
	}
	return list
}

// stopped gives exchanges as they are with a stop between write and read.
func stopped(list []exchange) (out []exchange) {
	for _, e := range list {
		out = append(out, exchange{e.w, ""}, exchange{"", e.r})
	}
	return out
}

// The recordings of real chips: what the measurement sends and gets must be
// what was recorded; how the chip was set up before is ours.
func TestRecordings(t *testing.T) {
	var aht, scd playback
	vectors(t, "i2c_playbacks.json", "aht20", &aht)
	vectors(t, "i2c_playbacks.json", "scd4x_periodic", &scd)
	check(t, example{
		name: "aht20", init: []exchange{{"be0800", ""}}, read: aht.from(0),
		want: map[string]float64{"temperature": aht.Expect.Temp, "humidity": aht.Expect.RH}, within: 0.0006,
	})
	check(t, example{
		name: "scd4x", init: []exchange{{"e4b8", ""}, {"", "8000a2"}, {"3f86", ""}, {"21b1", ""}}, read: stopped(scd.from(2)),
		want:   map[string]float64{"co2": scd.Expect.CO2, "temperature": scd.Expect.Temp, "humidity": scd.Expect.RH},
		within: 0.0006,
	})
}

func TestTMP117BeforeItsFirstConversionIsBad(t *testing.T) {
	got, err := play(example{name: "tmp117", init: examples[0].init, read: []exchange{{"00", "8000"}}})
	if err != nil || len(got) != 0 {
		t.Errorf("0x8000: %v, %v; want nothing", got, err)
	}
}

// Another chip at the address must be refused, before anything is written.
func TestOtherChipsAreRefused(t *testing.T) {
	for _, e := range []example{
		{name: "tmp117", init: []exchange{{"0f", "0118"}}},
		{name: "tmp102", init: []exchange{{"01", "ffff"}}},
		{name: "tmp102", init: []exchange{{"01", "0000"}}},
		{name: "lm75", init: []exchange{{"01", "60"}}},
		{name: "ina219", init: []exchange{{"00", "ffff"}}},
		{name: "ina226", init: []exchange{{"fe", "5449"}, {"ff", "2270"}}},
		{name: "mcp9808", init: []exchange{{"06", "0054"}, {"07", "0200"}}},
		{name: "hdc1080", init: []exchange{{"fe", "5449"}, {"ff", "1000"}}},
		{name: "sht4x", init: []exchange{{"89", ""}, {"", "ffffffffffff"}}},
		{name: "sht3x", init: []exchange{{"f32d", "ffffff"}}},
		{name: "scd4x", init: []exchange{{"e4b8", ""}, {"", "000000"}}},
	} {
		if _, err := play(e); !errors.Is(err, drivers.ErrIdentity) {
			t.Errorf("%s %v: got %v, want %v", e.name, e.init, err, drivers.ErrIdentity)
		}
	}
}
