package catalog

import (
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/nmea"
)

func newNMEA(*Spec) (drivers.Stream, error) { return nmea.New(), nil }
