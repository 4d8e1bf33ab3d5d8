package vedirect

import "fmt"

// Options says what is on the port.
type Options struct {
	Device string // Any, MPPT, …; empty = Any
}

// set gives the fields that the device sends.
func (o *Options) set() (devices, error) {
	switch o.Device {
	case "", Any:
		return all, nil
	case MPPT:
		return mppt, nil
	case BMV:
		return bmv, nil
	case Inverter:
		return inverter, nil
	case Charger:
		return charger, nil
	case Converter:
		return converter, nil
	}
	return 0, fmt.Errorf("device %q: want any, mppt, bmv, inverter, charger or converter", o.Device)
}
