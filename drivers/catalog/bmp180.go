package catalog

import (
	"periph.io/x/conn/v3/i2c"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bmp180"
)

// bmp180Options are the chip's options.
var bmp180Options = []Option{oversampling("pressure", "1", "2", "4", "8")}

func newBMP180(bus i2c.Bus, s *Spec) (drivers.Sensor, error) {
	return bmp180.New(bus, bmp180.Opts{Pressure: int(value[int64](s.Options, "oversampling_pressure"))})
}
