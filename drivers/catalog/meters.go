package catalog

import (
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/p1"
	"github.com/telhub/telhub/drivers/sml"
	"github.com/telhub/telhub/drivers/vedirect"
)

// p1Options are never changed.
var p1Options = []Option{
	{
		Name: "zone", Type: Duration, Default: "1h", Min: "0s", Max: "14h", Example: `"2h"`,
		Doc: "How far winter time is ahead of UTC where the meter stands: an hour in Central Europe, 0s in Ireland, 2h in Finland and the Baltic states.",
	},
	{
		Name: "clock", Type: Bool, Default: "false", Example: "true",
		Doc: "Tell the agent's clock the meter's time. It is good to some seconds and is taken like a satellite receiver's: only for boards that have no better source, and meters that send every second.",
	},
	{
		Name: "require_crc", Type: Bool, Default: "false", Example: "true",
		Doc: "Refuse telegrams without a checksum, as DSMR 2.2 and 3 send them. Without it they are taken until one with a checksum was seen.",
	},
	{
		Name: "key", Type: Text, Example: `"056f9b0cfedf150e889bead52fa7a174"`,
		Doc: "Luxembourg: the decryption key that the grid operator gives to the customer, 32 hexadecimal digits.",
	},
	{
		Name: "auth", Type: Text, Example: `"00112233445566778899aabbccddeeff"`,
		Doc: "Luxembourg: the authentication key, where it is another than everybody's.",
	},
	{
		Name: "out", Type: Channels, Example: `{ energy_absolute = { key = "1-0:15.8.0", unit = "J", resolution = 3600 } }`,
		Doc: "Further lines of the telegram by their OBIS code. Values are converted to unit, one of J, W, vars, var, VAs, VA, V, A, m3, Hz, s, count or none.",
	},
}

func newP1(s *Spec) (drivers.Stream, error) {
	o := p1.Options{
		Zone:       value[time.Duration](s.Options, "zone"),
		Clock:      value[bool](s.Options, "clock"),
		RequireCRC: value[bool](s.Options, "require_crc"),
		Key:        value[string](s.Options, "key"),
		Auth:       value[string](s.Options, "auth"),
	}
	for _, c := range value[[]Channel](s.Options, "out") {
		o.Outputs = append(o.Outputs, p1.Output(c))
	}
	return p1.New(o)
}

// smlOptions are never changed.
var smlOptions = []Option{
	{
		Name: "server", Type: Text, Example: `"0a014954520000000001"`,
		Doc: "Read only the meter with this server ID, in hexadecimal digits. Needed where one head hears several meters.",
	},
	{
		Name: "out", Type: Channels, Example: `{ energy_absolute = { key = "1-0:15.8.0", unit = "J", resolution = 360 } }`,
		Doc: "Further entries of the meter's list by their OBIS code. Values are converted to unit, one of J, W, vars, var, VAs, VA, V, A, m3, Hz, s, deg, Cel, count or none.",
	},
}

func newSML(s *Spec) (drivers.Stream, error) {
	o := sml.Options{Server: value[string](s.Options, "server")}
	for _, c := range value[[]Channel](s.Options, "out") {
		o.Outputs = append(o.Outputs, sml.Output(c))
	}
	return sml.New(o)
}

// vedirectOptions are never changed.
var vedirectOptions = []Option{
	{
		Name: "device", Type: Choice, Default: vedirect.Any, Example: `"mppt"`,
		Allowed: []string{vedirect.Any, vedirect.MPPT, vedirect.BMV, vedirect.Inverter, vedirect.Charger, vedirect.Converter},
		Doc: "The kind of device, which says what outputs there are: mppt a solar charger, bmv a battery monitor or SmartShunt, " +
			"inverter, charger, converter a DC/DC converter.",
	},
}

func newVEDirect(s *Spec) (drivers.Stream, error) {
	return vedirect.New(vedirect.Options{Device: value[string](s.Options, "device")})
}
