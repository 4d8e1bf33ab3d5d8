package catalog

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/p1"
	"github.com/telhub/telhub/drivers/sml"
	"github.com/telhub/telhub/drivers/vedirect"
	"github.com/telhub/telhub/internal/secret"
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
		Name: "key_file", Type: File, Example: `"/etc/telhub/meter_key"`,
		Doc: "Luxembourg: a file with the decryption key that the grid operator gives to the customer, 32 hexadecimal digits, read when the agent starts. " +
			"Without it the systemd credential <sensor>_key ($CREDENTIALS_DIRECTORY) is used if there is one.",
	},
	{
		Name: "key", Type: Secret, Example: `"056f9b0cfedf150e889bead52fa7a174"`,
		Doc: "Luxembourg: that key itself. It works, but who may read the configuration can then read the meter; key_file is better.",
	},
	{
		Name: "auth", Type: Secret, Example: `"00112233445566778899aabbccddeeff"`,
		Doc: "Luxembourg: the authentication key, where it is another than everybody's.",
	},
	{
		Name: "out", Type: Channels, Example: `{ energy_absolute = { key = "1-0:15.8.0", unit = "J", resolution = 3600 } }`,
		Doc: "Further lines of the telegram by their OBIS code. Values are converted to unit, one of J, W, vars, var, VAs, VA, V, A, m3, Hz, s, count or none.",
	},
}

func newP1(s *Spec) (drivers.Stream, error) {
	key, err := meterKey(s)
	if err != nil {
		return nil, fmt.Errorf("p1: %w", err)
	}
	o := p1.Options{
		Zone:       value[time.Duration](s.Options, "zone"),
		Clock:      value[bool](s.Options, "clock"),
		RequireCRC: value[bool](s.Options, "require_crc"),
		Key:        key.Reveal(),
		Auth:       value[secret.Text](s.Options, "auth").Reveal(),
	}
	for _, c := range value[[]Channel](s.Options, "out") {
		o.Outputs = append(o.Outputs, p1.Output(c))
	}
	return p1.New(o)
}

// meterKey is the meter's key, from the configuration or its file. Without
// reading the file it is some key: whether there is one changes what fits.
func meterKey(s *Spec) (secret.Text, error) {
	key, file := value[secret.Text](s.Options, "key"), value[string](s.Options, "key_file")
	switch {
	case file == "":
		return key, nil
	case key != "":
		return "", errors.New("key: there is a key_file, too; delete one of the two")
	case s.Dry:
		return secret.Text(strings.Repeat("0", 32)), nil
	}
	key, err := secret.Read(file)
	if err != nil {
		return "", fmt.Errorf("key_file: %w", err)
	}
	return key, nil
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
