package catalog_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/internal/secret"
)

// lookup finds an engine that has to exist.
func lookup(t *testing.T, use string) catalog.Engine {
	t.Helper()
	e, ok := catalog.Lookup(use, nil)
	if !ok {
		t.Fatalf("no engine %s", use)
	}
	return e
}

// read measures once, as a bus's owner does, and returns one output.
func read(t *testing.T, s drivers.Sensor, output string) float64 {
	t.Helper()
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	var r drivers.Reading
	for {
		wait, err := s.Read(&r)
		if err != nil {
			t.Fatal(err)
		}
		if wait <= 0 {
			break
		}
		time.Sleep(wait)
	}
	i := slices.IndexFunc(s.Outputs(), func(o drivers.Output) bool { return o.Name == output })
	if i < 0 || !r.Has(i) {
		t.Fatalf("no value of %s", output)
	}
	return r.Values[i]
}

func TestEveryNameIsFound(t *testing.T) {
	names := catalog.Names(nil)
	for _, want := range []string{"bme280", "bme680", "bmp180", "bmp280", "ina219", "line", "nmea", "p1", "sht4x", "sml", "tmp102", "tmp117", "vedirect"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing among %v", want, names)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("not sorted: %v", names)
	}
	for _, name := range names {
		e := lookup(t, name)
		if e.Name != name || e.Doc == "" || (e.Kind == catalog.Serial || e.Kind == catalog.Link) != (e.Mode != "") {
			t.Errorf("%s: incomplete: %+v", name, e)
		}
	}
	if e, ok := catalog.Lookup("bmx280", nil); ok {
		t.Errorf("a chip must be promised by its name, got %s", e.Name)
	}
}

// What simulated chips hold arrives through the catalogue's constructors, with
// the options that it hands on.
func TestSensorsReadTheTruth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := sim.NewI2CBus("sim")
		air, pipe, battery := sim.NewBME280(sim.BMxTypical()), sim.NewTMP117(), sim.NewINA219(0.01)
		bus.Attach(0x77, air)
		bus.Attach(0x48, pipe)
		bus.Attach(0x41, battery)
		air.Set(23.4, 101325, 40)
		pipe.Set(-12.25)
		gas := sim.NewBME680(sim.BME680Typical())
		bus.Attach(0x76, gas)
		gas.Set(20, 101325, 50, 100000)
		time.Sleep(10 * time.Millisecond) // since power-on
		battery.Set(12, 2.5)
		for _, test := range []struct {
			use          string
			addr         uint16
			options      catalog.Options
			output       string
			want, within float64
		}{
			{"bme280", 0x77, catalog.Options{
				"oversampling_temperature": int64(2), "oversampling_pressure": int64(16), "oversampling_humidity": int64(1),
				"iir_filter": int64(0), "power_mode": "forced",
			}, "temperature", 23.4, 0.01},
			{"tmp117", 0x48, nil, "temperature", -12.25, 0.0078125},
			{"bme680", 0x76, catalog.Options{
				"oversampling_temperature": int64(2), "oversampling_pressure": int64(4), "oversampling_humidity": int64(1),
				"iir_filter": int64(0), "heater_temperature": int64(300), "heater_duration": 100 * time.Millisecond,
			}, "gas_resistance", 100000, 200},
			{"ina219", 0x41, catalog.Options{"shunt": 0.01}, "current", 2.5, 0.001},
		} {
			s, err := catalog.OpenSensor(bus, catalog.Spec{Name: "x", Engine: lookup(t, test.use), Addr: test.addr, Options: test.options})
			if err != nil {
				t.Errorf("%s: %v", test.use, err)
				continue
			}
			if got := read(t, s, test.output); math.Abs(got-test.want) > test.within {
				t.Errorf("%s: %s = %v, want %v", test.use, test.output, got, test.want)
			}
		}
	})
}

// feed gives a stream its bytes and returns the first reading.
func feed(t *testing.T, s drivers.Stream, text string) *drivers.Reading {
	t.Helper()
	r := new(drivers.Reading)
	s.Idle(time.Minute, r)
	p := []byte(text)
	for len(p) > 0 {
		n, ok := s.Feed(p, 1, r)
		if ok {
			return r
		}
		p = p[n:]
	}
	if s.Idle(time.Minute, r) {
		return r
	}
	t.Fatal("no reading")
	return nil
}

func TestStreamsDecode(t *testing.T) {
	s, err := catalog.OpenStream(catalog.Spec{Engine: lookup(t, "nmea")})
	if err != nil {
		t.Fatal(err)
	}
	r := feed(t, s, "$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n")
	if got, want := r.Values[0], 48.1173; math.Abs(got-want) > 1e-7 {
		t.Errorf("lat = %v, want %v", got, want)
	}

	s, err = catalog.OpenStream(catalog.Spec{Engine: lookup(t, "line"), Options: catalog.Options{
		"match":    "W={W:f} T={temp:f}",
		"out":      []catalog.Channel{{Name: "weight", Key: "W", Unit: "kg", Resolution: 0.1}},
		"max_line": int64(64),
	}})
	if err != nil {
		t.Fatal(err)
	}
	r = feed(t, s, "W=12.5 T=-3\n")
	if got, want := s.Outputs()[0], (drivers.Output{Name: "weight", Unit: "kg", Resolution: 0.1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if r.Values[0] != 12.5 || r.Values[1] != -3 {
		t.Errorf("got %v, %v", r.Values[0], r.Values[1])
	}
}

// The engines of meters get their options.
func TestMetersDecode(t *testing.T) {
	open := func(use string, o catalog.Options) (s drivers.Stream, last int) {
		t.Helper()
		s, err := catalog.OpenStream(catalog.Spec{Engine: lookup(t, use), Options: o})
		if err != nil {
			t.Fatal(err)
		}
		return s, len(s.Outputs()) - 1
	}
	total := []catalog.Channel{{Name: "total", Key: "1-0:15.8.0", Unit: "J"}}
	s, last := open("p1", catalog.Options{"out": total, "zone": time.Hour})
	if r := feed(t, s, "/XYZ5 meter\r\n\r\n1-0:15.8.0(000001.001*kWh)\r\n!\r\n"); r.Values[last] != 3603600 {
		t.Errorf("p1: got %v", r.Values[last])
	}
	s, last = open("sml", catalog.Options{"out": total, "server": "0a"})
	if o := s.Outputs()[last]; o.Name != "total" {
		t.Errorf("sml: got %+v", o)
	}
	s, last = open("vedirect", catalog.Options{"device": "bmv"})
	if r := feed(t, s, "\r\nV\t12340\r\nChecksum\t="); r.Values[0] != 12.34 || last > 40 {
		t.Errorf("vedirect: got %v of %d outputs", r.Values[0], last+1)
	}
}

func TestCheckKnowsOutputsAndTheShortestPeriod(t *testing.T) {
	facts, err := catalog.Check(catalog.Spec{Engine: lookup(t, "bmp280"), Addr: 0x76, Options: catalog.Options{
		"oversampling_temperature": int64(1), "oversampling_pressure": int64(0), "iir_filter": int64(0), "power_mode": "forced",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(facts.Outputs) != 1 || facts.Outputs[0].Name != "temperature" {
		t.Errorf("outputs = %+v", facts.Outputs)
	}
	if got, want := facts.MinEvery, 3550*time.Microsecond; got != want { // data sheet section 9.1: 1.25 + 2.3 ms
		t.Errorf("MinEvery = %v, want %v", got, want)
	}
	facts, err = catalog.Check(catalog.Spec{Engine: lookup(t, "scd4x"), Addr: 0x62})
	if err != nil || facts.MinEvery != 5*time.Second {
		t.Errorf("scd4x: %v, %v", facts.MinEvery, err)
	}
}

func TestComplaintsNameTheOption(t *testing.T) {
	for _, test := range []struct {
		use, option, msg string
		options          catalog.Options
	}{
		{"bme280", "standby", "has no meaning", catalog.Options{
			"oversampling_temperature": int64(1), "power_mode": "forced", "standby": time.Second,
		}},
		{"line", "format", "is missing", nil},
		{"p1", "key", "want the 32 hexadecimal digits", catalog.Options{"key": secret.Text("12")}},
		{"p1", "auth", "has no meaning without key", catalog.Options{"auth": secret.Text("00112233445566778899aabbccddeeff")}},
		{"p1", "out", `output "total"`, catalog.Options{"out": []catalog.Channel{{Name: "total", Key: "15.8.0"}}}},
		{"sml", "server", "in hexadecimal digits", catalog.Options{"server": "meter"}},
		{"sml", "out", `unit "kWh"`, catalog.Options{"out": []catalog.Channel{{Name: "total", Key: "1-0:15.8.0", Unit: "kWh"}}}},
		{"line", "match", `type "q"`, catalog.Options{"match": "{a:q}"}},
		{"line", "separator", "want one character", catalog.Options{"columns": []string{"a"}, "separator": "ab"}},
		{"line", "out", `output "W"`, catalog.Options{"format": "kv", "out": []catalog.Channel{{Name: "W"}}}},
	} {
		_, err := catalog.Check(catalog.Spec{Engine: lookup(t, test.use), Addr: 0x76, Options: test.options})
		var oe *catalog.OptionError
		if !errors.As(err, &oe) || oe.Option != test.option || !strings.Contains(oe.Msg, test.msg) {
			t.Errorf("%s: got %v, want %s: %s", test.use, err, test.option, test.msg)
		}
	}
}

func TestUserProfiles(t *testing.T) {
	tree := func(unit string) map[string]any {
		return map[string]any{
			"kind": "i2c", "addr": []any{int64(0x20)},
			"const": map[string]any{"gain": 2.0},
			"read":  []any{map[string]any{"reg": int64(0), "bytes": int64(2)}},
			"out":   map[string]any{"level": map[string]any{"at": int64(0), "type": "u16be", "scale": "1 / gain", "unit": unit}},
		}
	}
	var user catalog.Profiles
	if ps := user.Add("tank", tree("m")); len(ps) > 0 {
		t.Fatal(ps)
	}
	if ps := user.Add("bad", tree("metres")); len(ps) != 1 || ps[0].Path != "out.level.unit" {
		t.Errorf("got %v", ps)
	}
	if ps := user.Add("nmea", tree("m")); len(ps) != 1 || !strings.Contains(ps[0].Msg, "name of an engine") {
		t.Errorf("got %v", ps)
	}
	if ps := user.Add("sht4x", tree("m")); len(ps) > 0 {
		t.Errorf("a user's profile may replace a shipped one: %v", ps)
	}
	e, ok := catalog.Lookup("tank", user)
	if !ok || len(e.Options) != 1 || e.Options[0].Name != "gain" || e.Options[0].Default != "2" || e.Addrs[0] != 0x20 {
		t.Errorf("got %+v, %v", e, ok)
	}
	if e, _ := catalog.Lookup("sht4x", user); e.Addrs[0] != 0x20 {
		t.Errorf("the shipped profile won: %+v", e)
	}
	if names := catalog.Names(user); !slices.Contains(names, "tank") || slices.Contains(names, "bad") || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("names = %v", names)
	}
}
