package catalog

import (
	"time"

	"periph.io/x/conn/v3/i2c"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bme680"
)

// bme680Options gives the chip's options.
func bme680Options() []Option {
	t := oversampling("temperature", "1", "2", "4", "8", "16")
	p := oversampling("pressure", "0", "1", "2", "4", "8", "16")
	h := oversampling("humidity", "0", "1", "2", "4", "8", "16")
	t.Default, p.Default = "2", "4"
	p.Doc += " 0 skips it."
	h.Doc += " 0 skips it."
	return []Option{t, p, h,
		{
			Name: "iir_filter", Type: Int, Default: "0", Allowed: []string{"0", "1", "3", "7", "15", "31", "63", "127"}, Example: "3",
			Doc: "The chip's own low-pass over temperature and pressure; larger is slower, 0 is off.",
		},
		{
			Name: "heater_temperature", Type: Int, Default: "320", Unit: "Cel", Min: "0", Max: "400", Example: "300",
			Doc: "What the gas sensor is heated to, 200 to 400; 0 leaves the gas resistance out.",
		},
		{
			Name: "heater_duration", Type: Duration, Default: "150ms", Min: "1ms", Max: "4032ms", Example: `"100ms"`,
			Doc: "How long it is heated before its resistance is measured; it needs about 30 ms to get hot.",
		},
	}
}

func newBME680(bus i2c.Bus, s *Spec) (drivers.Sensor, error) {
	return bme680.New(bus, bme680.Opts{
		Addr:        s.Addr,
		Temperature: int(value[int64](s.Options, "oversampling_temperature")),
		Pressure:    int(value[int64](s.Options, "oversampling_pressure")),
		Humidity:    int(value[int64](s.Options, "oversampling_humidity")),
		Filter:      int(value[int64](s.Options, "iir_filter")),
		Heater:      int(value[int64](s.Options, "heater_temperature")),
		HeaterTime:  value[time.Duration](s.Options, "heater_duration"),
	})
}
