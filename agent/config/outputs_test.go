package config_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/process"
	"github.com/telhub/telhub/agent/process/alarm"
	"github.com/telhub/telhub/agent/process/chain"
)

// greenhouse is the beginning of a configuration with one sensor; what
// follows concerns its outputs.
const greenhouse = `
[indicator.siren]
gpio = "/dev/gpiochip0/17"
[indicator.lamp]
led = "ACT"
active_low = true
[bus.i2c1]
path = "/dev/i2c-1"
[[sensor]]
name = "greenhouse"
use = "bme280"
bus = "i2c1"
`

func outputsOf(t *testing.T, text string) []config.Output {
	t.Helper()
	c := mustParse(t, greenhouse+text)
	engineOf(t, c)
	return c.Sensors[0].Outputs
}

func TestOutputsAreCompletelyResolved(t *testing.T) {
	got := outputsOf(t, `
[sensor.temperature]
offset = -0.4
calibrate = [[77.0, 75.3], [10.9, 11.3]]
filter = ["median 5", "mean 1m"]
send   = { change = 0.1, every = "5m" }
valid  = [-40, 85]
alarm  = { high = 35, clear = 33, for = "2m" }
aggregate = { window = "90s", of = ["mean", "count"] }
[sensor.dew]
value = "dewpoint(temperature, {greenhouse/humidity})"
unit = "Cel"
resolution = 0.01
filter = "round 1"
`)
	high, clear := 35.0, 33.0
	want := []config.Output{
		{
			Name:   "temperature",
			Period: 10 * time.Second, Info: chain.Info{Every: 10 * time.Second, Unit: "Cel", Resolution: 0.01},
			Steps: []chain.Spec{
				{Op: chain.Offset, Args: []float64{-0.4}},
				{Op: chain.Calibrate, Args: []float64{10.9, 11.3, 77, 75.3}},
				{Op: chain.Median, Count: 5},
				{Op: chain.Mean, Window: time.Minute},
				{Op: chain.Valid, Args: []float64{-40, 85}},
			},
			Unit: "Cel", Every: 10 * time.Second,
			Send:  process.Send{Change: 0.1, Every: 5 * time.Minute},
			Alarm: &alarm.Options{High: &high, ClearHigh: &clear, For: 2 * time.Minute, Level: "warn"},
			Aggregates: []config.Aggregate{
				{Name: "temperature_mean_90s", Of: process.Mean, Window: 90 * time.Second, Unit: "Cel"},
				{Name: "temperature_count_90s", Of: process.Count, Window: 90 * time.Second, Resolution: 1},
			},
		},
		{
			Name: "dew", Value: "dewpoint(temperature, {greenhouse/humidity})",
			Inputs: []string{"greenhouse/temperature", "greenhouse/humidity"},
			Period: 10 * time.Second, Info: chain.Info{Every: 10 * time.Second, Unit: "Cel", Resolution: 0.01},
			Steps: []chain.Spec{{Op: chain.Round, Args: []float64{1}}},
			Unit:  "Cel", Resolution: 0.1, Every: 10 * time.Second,
		},
	}
	if len(got) != len(want) {
		t.Fatalf("got %d outputs, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("output %d:\ngot  %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

// The order of the table is the order of the steps, however it is written.
func TestStepsKeepTheirOrder(t *testing.T) {
	want := "[scale 2 offset 1 valid -40 85 mean 1m offset 0]"
	for _, text := range []string{
		"[sensor.temperature]\nscale = 2\noffset = 1\nvalid = [-40, 85]\nfilter = \"mean 1m\"\n",
		"temperature = { scale = 2, offset = 1, valid = [-40, 85], filter = [\"mean 1m\"] }\n",
		"temperature.scale = 2\ntemperature.offset = 1\ntemperature.valid = [-40, 85]\ntemperature.filter = \"mean 1m\"\n",
	} {
		o := outputsOf(t, text)[0]
		if got := fmt.Sprint(append(o.Steps, chain.Spec{Op: chain.Offset, Args: []float64{0}})); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAUnitConvertsOrDeclares(t *testing.T) {
	o := outputsOf(t, "pressure.unit = \"hPa\"\n[sensor.sum]\nvalue = \"pressure + 1\"\nunit = \"hPa\"\n")
	if o[0].Unit != "hPa" || len(o[0].Steps) != 1 || o[0].Steps[0].Op != chain.Convert || o[0].Info.Unit != "Pa" {
		t.Errorf("converted: %+v", o[0])
	}
	if o[1].Unit != "hPa" || len(o[1].Steps) != 0 || o[1].Info.Unit != "hPa" {
		t.Errorf("declared: %+v", o[1])
	}
	c := mustParse(t, "[[sensor]]\nname = \"a\"\nuse = \"line\"\nport = \"/dev/ttyS0\"\ncolumns = [\"weight\"]\n[sensor.weight]\nscale = 2\nunit = \"kg\"\n")
	if o := c.Sensors[0].Outputs[0]; o.Unit != "kg" || len(o.Steps) != 1 {
		t.Errorf("a line's output without a unit: %+v", o)
	}
}

func TestPolynomials(t *testing.T) {
	o := outputsOf(t, "temperature.calibrate = { polynomial = [0.2, 1.01, -3e-4] }\n")[0]
	want := chain.Spec{Op: chain.Polynomial, Args: []float64{0.2, 1.01, -3e-4}}
	if !reflect.DeepEqual(o.Steps, []chain.Spec{want}) {
		t.Errorf("got %v, want %v", o.Steps, want)
	}
}

func TestAlarmsTakeTheirShapes(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`{ high = 35 }`, "high 35 warn"},
		{`{ low = 5, clear = 6, level = "critical" }`, "low 5 clear 6 critical"},
		{`{ high = 35, low = 5, clear = [7, 33] }`, "high 35 clear 33 low 5 clear 7 warn"},
		{`{ stale = true }`, "stale 0s warn"},
		{`{ stale = "10m", high = 1, drive = "siren" }`, "high 1 stale 10m0s warn [siren]"},
		{`{ high = 1, stale = false, drive = ["siren", "lamp"], level = "info" }`, "high 1 info [siren lamp]"},
	} {
		a := outputsOf(t, "temperature.alarm = "+test.text+"\n")[0].Alarm
		var b strings.Builder
		show := func(name string, v *float64) {
			if v != nil {
				fmt.Fprintf(&b, "%s %v ", name, *v)
			}
		}
		show("high", a.High)
		show("clear", a.ClearHigh)
		show("low", a.Low)
		show("clear", a.ClearLow)
		if a.Stale {
			fmt.Fprintf(&b, "stale %v ", a.StaleAfter)
		}
		b.WriteString(a.Level)
		if a.Drive != nil {
			fmt.Fprintf(&b, " %v", a.Drive)
		}
		if got := b.String(); got != test.want {
			t.Errorf("%s: got %s, want %s", test.text, got, test.want)
		}
	}
}

func TestAggregatesAreNamedByTheirWindow(t *testing.T) {
	o := outputsOf(t, `
[[sensor.temperature.aggregate]]
window = "1h30m"
of = "max"
[[sensor.temperature.aggregate]]
window = "86400s"
of = ["min", "stddev"]
[sensor.pressure]
aggregate = [{ window = "60s", of = "last" }, { window = "150s", of = "mean" }, { window = "119s", of = "mean" }, { window = "36h", of = "mean" }]
[sensor.humidity]
aggregate = { window = "20500ms", of = "mean" }
`)
	var got []string
	for i := range o {
		for _, a := range o[i].Aggregates {
			got = append(got, a.Name)
		}
	}
	want := []string{
		"temperature_max_1h30m", "temperature_min_1d", "temperature_stddev_1d",
		"pressure_last_1m", "pressure_mean_2m30s", "pressure_mean_119s", "pressure_mean_1d12h", "humidity_mean_20s500ms",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// Nothing of an output that only leaves out is sent, but it is there for
// others, of other sensors, too.
func TestOnlyLeavesInputsToOthers(t *testing.T) {
	c := mustParse(t, greenhouse+`
only = ["temperature"]
pressure = { unit = "hPa", alarm = { low = 900 } }
[sensor.dew]
value = "dewpoint(temperature, humidity)"
[[sensor]]
name = "outside"
use = "bme280"
bus = "i2c1"
addr = 0x77
only = ["humidity"]
[sensor.difference]
value = "temperature - {greenhouse/dew}"
send = false
`)
	engineOf(t, c)
	var got []string
	for i := range c.Sensors {
		for _, o := range c.Sensors[i].Outputs {
			got = append(got, fmt.Sprintf("%s/%s %t %v", c.Sensors[i].Name, o.Name, o.Send.Never, o.Inputs))
		}
	}
	want := []string{
		"greenhouse/pressure true []",
		"greenhouse/dew false [greenhouse/temperature greenhouse/humidity]",
		"greenhouse/humidity true []",
		"outside/difference true [outside/temperature greenhouse/dew]",
		"outside/temperature true []",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// What is derived from several sensors has a value for each of their readings,
// and one at least in the shortest of their periods.
func TestPeriodsOfDerivedOutputs(t *testing.T) {
	c := mustParse(t, greenhouse+`
temperature.filter = "throttle 1m"
every = "10s"
[sensor.slow]
value = "temperature"
[sensor.both]
value = "humidity - {outside/temperature}"
[sensor.third]
value = "both + humidity"
[sensor.unknown]
value = "{gps/speed} + humidity"
[[sensor]]
name = "outside"
use = "tmp117"
bus = "i2c1"
every = "40s"
[[sensor]]
name = "gps"
use = "nmea"
port = "/dev/ttyS0"
[[sensor]]
name = "depth"
use = "nmea"
port = "/dev/ttyS1"
every = "2s"
depth.filter = "mean 10s"
`)
	engineOf(t, c)
	for _, test := range []struct {
		sensor, output string
		period, info   time.Duration
	}{
		{"greenhouse", "temperature", 10 * time.Second, 10 * time.Second},
		{"greenhouse", "slow", time.Minute, 10 * time.Second},
		{"greenhouse", "both", 10 * time.Second, 8 * time.Second},
		{"greenhouse", "third", 10 * time.Second, 8 * time.Second},
		{"greenhouse", "unknown", 0, 0},
		{"depth", "depth", 2 * time.Second, 2 * time.Second},
	} {
		i := slices.IndexFunc(c.Sensors, func(s config.Sensor) bool { return s.Name == test.sensor })
		o := c.Sensors[i].Output(test.output)
		if o == nil || o.Period != test.period || o.Info.Every != test.info {
			t.Errorf("%s: got %+v, want period %v, every %v", test.output, o, test.period, test.info)
		}
	}
}

// An output that is called like a key can have a table all the same.
func TestAnOutputCalledLikeAKey(t *testing.T) {
	c := mustParse(t, "[[sensor]]\nname = \"gps\"\nuse = \"nmea\"\nport = \"/dev/ttyS0\"\n[sensor.mode]\nalarm = { low = 1 }\n")
	if o := c.Sensors[0].Output("mode"); o == nil || o.Alarm == nil || *o.Alarm.Low != 1 {
		t.Errorf("got %+v", o)
	}
}

func TestPrioritiesGroupsAndOversampling(t *testing.T) {
	c := mustParse(t, greenhouse+`
every = "1s"
priority = "high"
group = "weather"
oversample = 8
[[sensor]]
name = "outside"
use = "tmp117"
bus = "i2c1"
every = "1s"
group = "weather"
`)
	s := c.Sensors[0]
	if !s.High() || s.Group != "weather" || s.Oversample != 8 {
		t.Errorf("got %+v", s)
	}
	s = c.Sensors[1]
	if s.High() || s.Priority != "normal" || s.Oversample != 1 || s.Outputs != nil {
		t.Errorf("got %+v", s)
	}
}

func TestIndicators(t *testing.T) {
	got := mustParse(t, greenhouse).Indicators
	want := []config.Indicator{
		{Name: "siren", Chip: "gpiochip0", Line: 17},
		{Name: "lamp", LED: "ACT", ActiveLow: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestRequireSync(t *testing.T) {
	if !mustParse(t, "clock.require_sync = true").Clock.RequireSync {
		t.Error("not set by the file")
	}
	if !mustParse(t, "", "TELEMETRY_CLOCK_REQUIRE_SYNC=true").Clock.RequireSync {
		t.Error("not set by the variable")
	}
	if mustParse(t, "clock.require_sync = true", "TELEMETRY_CLOCK_REQUIRE_SYNC=false").Clock.RequireSync {
		t.Error("the variable does not go before the file")
	}
}

// Derived outputs and aggregates count, too, and there is an end to it.
func TestChannelsAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(greenhouse)
	for i := range 4100 {
		fmt.Fprintf(&b, "x%d.value = \"temperature + %d\"\n", i, i)
	}
	_, err := config.Parse("test.toml", []byte(b.String()), nil)
	want := "test.toml:9: sensor: all sensors together have 4103 outputs, derived ones and aggregates included; the most is 4096"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A long chain of derived outputs, and a cycle through all of them.
func TestLongChains(t *testing.T) {
	const n = 3000
	var b strings.Builder
	b.WriteString(greenhouse)
	for i := range n {
		fmt.Fprintf(&b, "x%d.value = \"x%d + 1\"\n", i, i+1)
	}
	begin := time.Now()
	c := mustParse(t, b.String()+fmt.Sprintf("x%d.value = \"temperature\"\n", n))
	if got, want := len(c.Sensors[0].Outputs), n+1; got != want {
		t.Errorf("%d outputs, want %d", got, want)
	}
	_, err := config.Parse("test.toml", []byte(b.String()+fmt.Sprintf("x%d.value = \"x0\"\n", n)), nil)
	if err == nil || !strings.Contains(err.Error(), "x0.value = \"x1 + 1\": is computed from itself: greenhouse/x0, from greenhouse/x1, ") {
		t.Errorf("got %.200v", err)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}
