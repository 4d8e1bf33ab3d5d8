package catalog

import (
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/link"
	"github.com/telhub/telhub/drivers/modbus"
	"github.com/telhub/telhub/drivers/profile"
)

// modbusMode is the character format of a device whose profile names none
// (MODBUS over Serial Line V1.02, section 2.5.1, wants even parity; the makers
// of meters mostly chose none).
const modbusMode = "9600 8N1"

// newModbus makes a device that runs p.
func newModbus(l *link.Link, p *profile.Program, s *Spec) (drivers.Sensor, error) {
	return modbus.New(l, p, modbus.Opts{
		Unit: s.Unit, TCP: s.Frames == TCP, Only: s.Only, Const: consts(p, s),
	})
}
