package agent

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/metrics"
	"github.com/telhub/telhub/agent/process"
	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/uplink/frame"
)

// channelsConfig has a bit of everything; the sensor that others are derived
// from comes last.
const channelsConfig = `device = "pi-01"
[http]
listen = ""
[bus.i2c1]
path = "/dev/i2c-rig"
[[sensor]]
name = "inside"
use = "bme280"
bus = "i2c1"
addr = 0x76
every = "1s"
only = ["temperature"]
priority = "high"
[sensor.temperature]
scale = 1.02
alarm = { high = 35, clear = 33 }
aggregate = [{ window = "1m", of = ["mean", "max"] }, { window = "10m", of = "count" }]
[sensor.fahrenheit]
value = "temperature"
unit = "Cel"
scale = 1.8
[sensor.dew]
value = "dewpoint(temperature, humidity)"
unit = "Cel"
send = false
[sensor.gap]
value = "temperature - {outside/temperature} + dew"
unit = "K"
resolution = 0.1
[[sensor]]
name = "outside"
use = "tmp102"
bus = "i2c1"
addr = 0x48
every = "2s"
`

// channelsPlan is the plan of a configuration on the rig's bus.
func channelsPlan(t *testing.T, text string) *plan {
	t.Helper()
	cfg, err := config.Parse("test", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	bus := sim.NewI2CBus("i2c1")
	open := Openers{I2C: func(string, time.Duration) (I2C, error) { return rigAdapter{bus}, nil }}
	p, err := build(cfg, open, &metrics.Registry{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestChannelsOfAConfiguration(t *testing.T) {
	p := channelsPlan(t, channelsConfig)
	type row struct {
		name, unit string
		group      uint16
		class      frame.Class
	}
	want := []row{
		{"inside/temperature", "Cel", 0, frame.High},
		{"inside/humidity", "%RH", 0, frame.High}, // only leaves it out, dew needs it
		{"inside/fahrenheit", "Cel", 0, frame.High},
		{"inside/dew", "Cel", 0, frame.High},
		{"inside/gap", "K", 0, frame.High},
		{"inside/temperature_mean_1m", "Cel", 1, frame.High},
		{"inside/temperature_max_1m", "Cel", 1, frame.High},
		{"inside/temperature_count_10m", "", 2, frame.High},
		{"outside/temperature", "Cel", 3, frame.Normal},
	}
	var got []row
	for i, c := range p.schema.Channels {
		got = append(got, row{c.Name, c.Unit, c.Group, p.process.classes[i]})
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the schema is\n%v, want\n%v", got, want)
	}
	if want := []int{0, -1, 1}; !slices.Equal(p.sensors[0].channels, want) {
		t.Errorf("the sensor's outputs are channels %v, want %v", p.sensors[0].channels, want)
	}
	if c := p.process.channels[4]; !slices.Equal(c.Inputs, []int{0, 8, 3}) {
		t.Errorf("%s has inputs %v, want 0, 8 and 3", c.Name, c.Inputs)
	}
	if c := p.process.channels[3]; !slices.Equal(c.Inputs, []int{0, 1}) || !c.Send.Never {
		t.Errorf("%s has inputs %v and sends %+v, want 0 and 1, and nothing sent", c.Name, c.Inputs, c.Send)
	}
	if !p.process.channels[1].Send.Never {
		t.Error("humidity is sent, although only leaves it out")
	}
	if got, want := fmt.Sprint(p.process.channels[0].Aggregates), fmt.Sprint([]process.Aggregate{
		{Of: process.Mean, Window: time.Minute, Channel: 5}, {Of: process.Max, Window: time.Minute, Channel: 6},
		{Of: process.Count, Window: 10 * time.Minute, Channel: 7},
	}); got != want {
		t.Errorf("aggregates are %s, want %s", got, want)
	}
	if p.engine == nil || !p.process.alarms || p.schema.Channels[7].Resolution != 1 || p.schema.Channels[4].Resolution != 0.1 {
		t.Errorf("engine %v, alarms %v, schema %+v", p.engine != nil, p.process.alarms, p.schema)
	}
}

// The page and /api/sensors show what is sent, and no more.
func TestShownChannels(t *testing.T) {
	p := channelsPlan(t, channelsConfig)
	want := map[string][]string{
		"inside":  {"temperature", "fahrenheit", "gap", "temperature_mean_1m", "temperature_max_1m", "temperature_count_10m"},
		"outside": {"temperature"},
	}
	for i := range p.sensors {
		var got []string
		for _, s := range p.sensors[i].shown {
			got = append(got, s.Name)
			if processed := s.Name == "temperature" && i == 0 || s.Name == "fahrenheit"; s.processed != processed {
				t.Errorf("%s has steps: %v, want %v", s.Name, s.processed, processed)
			}
		}
		if name := p.sensors[i].conf.Name; !slices.Equal(got, want[name]) {
			t.Errorf("of %s are shown %v, want %v", name, got, want[name])
		}
	}
}

// Without any processing there is no engine: samples take the direct way.
func TestNoEngineWithoutProcessing(t *testing.T) {
	p := channelsPlan(t, `device = "pi-01"
[http]
listen = ""
[bus.i2c1]
path = "/dev/i2c-rig"
[[sensor]]
name = "inside"
use = "bme280"
bus = "i2c1"
addr = 0x76
only = ["pressure"]
`)
	if p.engine != nil || p.process.any || p.process.alarms || len(p.schema.Channels) != 1 || p.schema.Channels[0].Name != "inside/pressure" {
		t.Errorf("engine %v, schema %+v; want none and one channel", p.engine, p.schema)
	}
}
