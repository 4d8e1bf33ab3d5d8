package catalog

import (
	"time"

	"periph.io/x/conn/v3/i2c"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bmx280"
)

// oversampling describes one of the chip's three oversampling settings.
func oversampling(quantity string, allowed ...string) Option {
	return Option{
		Name: "oversampling_" + quantity, Type: Int, Default: "1", Allowed: allowed, Example: "4",
		Doc: "Conversions that a value of the " + quantity + " is averaged from.",
	}
}

// bmx280Options are the options of both chips; the BME280 has one more.
func bmx280Options(chip bmx280.Chip) []Option {
	humid := []Option{oversampling("humidity", "0", "1", "2", "4", "8", "16")}
	humid[0].Doc += " 0 skips it."
	standby := "500us, 10ms, 20ms, 62.5ms, 125ms, 250ms, 500ms or 1s"
	if chip == bmx280.BMP280 {
		humid = nil
		standby = "500us, 62.5ms, 125ms, 250ms, 500ms, 1s, 2s or 4s"
	}
	pressure := oversampling("pressure", "0", "1", "2", "4", "8", "16")
	pressure.Doc += " 0 skips it."
	options := append([]Option{oversampling("temperature", "1", "2", "4", "8", "16"), pressure}, humid...)
	return append(options,
		Option{
			Name: "iir_filter", Type: Int, Default: "0", Allowed: []string{"0", "2", "4", "8", "16"}, Example: "4",
			Doc: "The chip's own low-pass over temperature and pressure; larger is slower, 0 is off.",
		},
		Option{
			Name: "power_mode", Type: Choice, Default: "forced", Allowed: []string{"forced", "normal"}, Example: `"normal"`,
			Doc: "forced measures when asked and sleeps in between; normal measures all the time.",
		},
		Option{
			Name: "standby", Type: Duration, Example: `"125ms"`,
			Doc: "Pause between measurements in power_mode normal: " + standby + ".",
		},
	)
}

// newBMX280 returns the constructor for one of the chips.
func newBMX280(chip bmx280.Chip) func(i2c.Bus, *Spec) (drivers.Sensor, error) {
	return func(bus i2c.Bus, s *Spec) (drivers.Sensor, error) {
		o := bmx280.Opts{
			Chip: chip, Addr: s.Addr,
			Temperature: int(value[int64](s.Options, "oversampling_temperature")),
			Pressure:    int(value[int64](s.Options, "oversampling_pressure")),
			Humidity:    int(value[int64](s.Options, "oversampling_humidity")),
			Filter:      int(value[int64](s.Options, "iir_filter")),
			Mode:        bmx280.Mode(value[string](s.Options, "power_mode")),
			Standby:     value[time.Duration](s.Options, "standby"),
		}
		return bmx280.New(bus, o)
	}
}
